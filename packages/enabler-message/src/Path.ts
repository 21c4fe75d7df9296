/**
 * Where in a message something is, kept as links and spelled only when there is a fault to tell.
 *
 * @layer codec
 */

/** From the inside out. */
export interface Path {
  readonly outer: Path | undefined
  /** `name`, `@name` of an attribute. */
  readonly name: string
  /** The place of a repeated element, from 1; 0 for one that stands once. */
  readonly place: number
}

/** The path of `name` inside `outer`. */
export const inside = (outer: Path | undefined, name: string, place = 0): Path => ({ outer, name, place })

/** `path` as text: `ContentUpdatePush/Content-Package[2]/Content-ID`. Its length is bounded by the depth of the tables. */
export const shown = (path: Path | undefined): string => {
  if (path === undefined) return ""
  const own = path.place === 0 ? path.name : `${path.name}[${path.place}]`
  return path.outer === undefined ? own : `${shown(path.outer)}/${own}`
}
