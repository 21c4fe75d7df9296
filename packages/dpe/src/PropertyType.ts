/**
 * The types of properties.
 *
 * @layer codec
 */

export const types = ["string", "integer", "decimal", "boolean", "dateTime", "list"] as const

/** How the text of a value is read. The items of a `list` stand on lines of their own. */
export type PropertyType = (typeof types)[number]
