/**
 * Tables as Markdown, so that the documentation of a protocol is never older than its tables.
 *
 * @layer codec
 */
import type { AnyMessage, Field, Fields, Protocol, Requirement, SimpleType, StructureType, Type } from "./Table.ts"

const inCell = (text: string): string =>
  text
    .replace(/\r?\n/g, " ")
    .replace(/\\(?=\|)/g, "\\\\")
    .replace(/\|/g, "\\|")
const code = (text: string): string => `\`${text}\``

const bounds = (min: number, max: number, unit: string): string => {
  const isOpen = max === Number.MAX_SAFE_INTEGER
  if (min === max) return `${min} ${unit}`.trim()
  return isOpen && min === 0 ? "" : isOpen ? `at least ${min} ${unit}`.trim() : `${min} to ${max} ${unit}`.trim()
}

/** What is said about the type in the column of the content. */
const constraint = (type: Type): string => {
  if (type.kind === "secret") return [constraint(type.of), "secret"].filter(Boolean).join("; ")
  if (type.kind === "enum") return type.values.map(code).join(", ") + (type.ignoreCase ? " in any case" : "")
  if (type.kind === "integer") return bounds(type.min, type.max, "")
  if (type.kind === "base64") return bounds(type.minOctets, type.maxOctets, "octets")
  if (type.kind !== "string") return ""
  return [
    type.maxLength === undefined ? "" : `at most ${type.maxLength} characters`,
    type.pattern === undefined ? "" : `of the form ${code(type.pattern.source)}`
  ]
    .filter(Boolean)
    .join(", ")
}

const typeName = (type: Type): string => (type.kind === "secret" ? simpleName(type.of) : type.kind)
const simpleName = (type: SimpleType): string => type.kind

const rowOf = (field: Field<Type, Requirement>, level: number): string => {
  const { aliases = [], condition, note, clause, place, name, requirement, type } = field
  const label = place === "content" ? "(content)" : `${place === "attribute" ? "@" : ""}${name}`
  const text = [
    constraint(type),
    condition === undefined ? "" : `when ${condition}`,
    note ?? "",
    aliases.length === 0 ? "" : `also read as ${aliases.map(code).join(", ")}`,
    clause ?? ""
  ]
  const cells = [`${"· ".repeat(level)}${label}`, requirement, typeName(type), text.filter(Boolean).join("; ")]
  return `| ${cells.map(inCell).join(" | ")} |`
}

const rowsOf = (type: StructureType<Fields>, level: number): ReadonlyArray<string> => [
  ...Object.values(type.fields).flatMap((field) => [
    rowOf(field, level),
    ...(field.type.kind === "structure" ? rowsOf(field.type, level + 1) : [])
  ]),
  ...type.rules.map((rule) => `| ${"· ".repeat(level)}(rule) |  |  | ${inCell(rule.text)} |`)
]

/** The table of `message` in Markdown under a heading of `level`: element, requirement, type, content. */
export const message = (message: AnyMessage, level = 3): string =>
  [
    `${"#".repeat(level)} ${message.name}`,
    "",
    inCell(message.clause),
    "",
    "| element | req | type | content |",
    "| --- | --- | --- | --- |",
    `| Message-Type | M | string | ${code(message.name)} |`,
    ...rowsOf(message.type, 0),
    ""
  ].join("\n")

/** The tables of all messages of `protocol`. */
export const protocol = (protocol: Protocol<AnyMessage>, level = 3): string =>
  protocol.messages.map((one) => message(one, level)).join("\n")
