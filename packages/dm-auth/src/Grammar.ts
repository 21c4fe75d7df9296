/**
 * What a message grammar is made of: leaves, flags, data and structures, from which both decoders build values and both
 * encoders write them. The grammar itself is `MessageGrammar.ts`.
 *
 * @layer codec
 */
import { tagIds } from "./CodePages.ts"
import type { ItemData } from "./Item.ts"
import { textOf } from "./XmlText.ts"

/** Objects while they are built or written: the members of a model type by name. */
export type Members = Record<string, unknown>

/**
 * An element with text or octets in it. `read` gives the value, or `undefined` for content that is none; `write` gives the
 * content, or `undefined` for a value that must not be sent.
 */
export interface Leaf<V> {
  readonly _tag: "Leaf"
  read(content: string | Uint8Array): V | undefined
  write(value: V): string | Uint8Array | undefined
}

/** An element that says yes by being there. */
export interface Flag<V> {
  readonly _tag: "Flag"
  readonly valueType?: V
}

/** `Data` of an item: text, octets or elements. */
export interface Content<V> {
  readonly _tag: "Content"
  readonly valueType?: V
}

/** An element inside of which the members of its parent go on (`MetInf` in `Meta`). */
export interface Wrapper {
  readonly _tag: "Wrapper"
}

/** An element with elements in it. */
export interface Structure<V> {
  readonly _tag: "Structure"
  readonly name: string
  readonly id: number
  /** Commands carry `_tag`, and a fault inside one makes an `Invalid` of it. */
  readonly isCommand: boolean
  /** In the order in which they are written. */
  readonly fields: Array<AnyField>
  /** Those that must be there. */
  readonly required: Array<Field>
  /** Indexed by tag number. */
  readonly byId: Array<Field | undefined>
  readonly byName: Map<string, Field>
  /** The member that takes elements which the grammar does not name. */
  readonly rest: string | undefined
  /** Whether an attribute is a fault. */
  readonly bare: boolean
  /** From the members read to the value; `parent` are the members of the structure around it, as far as read. */
  finish(members: Members, parent: Members): unknown
  /** From the value to the members to be written. */
  prepare(value: V, binary: boolean): Members
}

export type Kind<V> = Leaf<V> | Flag<V> | Content<V> | Structure<V>

export type AnyKind = Kind<unknown> | Wrapper

/** One element in a structure and the member that it becomes. */
export interface Field {
  readonly _tag: "Field"
  readonly key: string
  readonly name: string
  readonly id: number
  readonly many: boolean
  readonly required: boolean
  /** The value where a peer left a required element out and we read on. */
  readonly whenAbsent: string | undefined
  readonly kind: AnyKind
}

/** The place of commands among the fields of a structure. */
export interface CommandsField {
  readonly _tag: "Commands"
  readonly key: "commands"
}

export type AnyField = Field | CommandsField

/** A field before it has a member name; `V` is the type of that member. */
export interface Entry<V> {
  readonly name: string
  readonly many: boolean
  readonly required: boolean
  readonly whenAbsent?: string
  readonly kind: AnyKind
  readonly valueType?: V
}

/** Exactly once. `whenAbsent` lets a message pass that lacks it. */
export const one = <V>(name: string, kind: Kind<V>, whenAbsent?: string): Entry<V> => ({
  name,
  many: false,
  required: true,
  kind,
  ...(whenAbsent === undefined ? {} : { whenAbsent })
})

/** At most once. */
export const optional = <V>(name: string, kind: Kind<V>): Entry<V> => ({ name, many: false, required: false, kind })

/** Any number of times; absent where there is none. */
export const any = <V>(name: string, kind: Kind<V>): Entry<ReadonlyArray<V>> => ({
  name,
  many: true,
  required: false,
  kind
})

/** At least once. */
export const some = <V>(name: string, kind: Kind<V>): Entry<ReadonlyArray<V>> => ({
  name,
  many: true,
  required: true,
  kind
})

/** The members of `V`, each with the element that it comes from, in the order of the DTD. */
export type Table<V> = {
  readonly [K in Exclude<keyof V, "_tag" | "commands" | "extensions">]-?: Entry<Exclude<V[K], undefined>>
}

/** How a structure differs from the plain case, in which members and value are the same object. */
export interface StructureOptions<V> {
  readonly isCommand?: boolean
  readonly rest?: string
  readonly bare?: boolean
  readonly finish?: (members: Members, parent: Members) => unknown
  readonly prepare?: (value: V, binary: boolean) => Members
}

/** A structure called `name` whose fields follow by {@link define}, as structures contain each other. */
export const declare = <V>(name: string, options: StructureOptions<V> = {}): Structure<V> => ({
  _tag: "Structure",
  name,
  id: tagIds.get(name)!,
  isCommand: options.isCommand ?? false,
  fields: [],
  required: [],
  byId: new Array<Field | undefined>(128).fill(undefined),
  byName: new Map(),
  rest: options.rest,
  bare: options.bare ?? false,
  finish: options.finish ?? ((members) => members),
  prepare: options.prepare ?? ((value) => value as Members)
})

const add = (structure: Structure<never>, field: Field): void => {
  structure.byId[field.id] = field
  structure.byName.set(field.name, field)
}

/** Gives `structure` its fields; `M` are its members before {@link StructureOptions.finish}. */
export const define = <M>(structure: Structure<never>, table: Table<M>): void => {
  for (const [key, entry] of Object.entries<Entry<unknown>>(table)) {
    const { name, many, required, kind, whenAbsent } = entry
    const field: Field = { _tag: "Field", key, name, id: tagIds.get(name)!, many, required, whenAbsent, kind }
    structure.fields.push(field)
    if (required) structure.required.push(field)
    add(structure, field)
  }
}

/** Lets `structure` hold `commands`, written after the fields it has so far. */
export const defineCommands = (structure: Structure<never>, commands: ReadonlyArray<Structure<never>>): void => {
  structure.fields.push({ _tag: "Commands", key: "commands" })
  for (const kind of commands) {
    add(structure, {
      _tag: "Field",
      key: "commands",
      name: kind.name,
      id: kind.id,
      many: true,
      required: false,
      whenAbsent: undefined,
      kind
    })
  }
}

/** Lets the fields of `structure` stand inside an element `name` as well as directly in it. */
export const defineWrapper = (structure: Structure<never>, name: string): void =>
  add(structure, {
    _tag: "Field",
    key: "",
    name,
    id: tagIds.get(name)!,
    many: true,
    required: false,
    whenAbsent: undefined,
    kind: { _tag: "Wrapper" }
  })

/** A structure with fields, all at once. */
export const structure = <V>(name: string, table: Table<V>, options?: StructureOptions<V>): Structure<V> => {
  const declared = declare<V>(name, options)
  define<V>(declared, table)
  return declared
}

const asText = (content: string | Uint8Array): string | undefined =>
  typeof content === "string" ? content : textOf(content)

/** Text exactly as it stands. */
export const text: Leaf<string> = { _tag: "Leaf", read: asText, write: (value) => value }

/** Text without surrounding white space: names, codes and versions. */
export const token: Leaf<string> = {
  _tag: "Leaf",
  read: (content) => asText(content)?.trim(),
  write: (value) => value
}

/** The identifier of a command or message: never empty. */
export const reference: Leaf<string> = {
  _tag: "Leaf",
  read: (content) => asText(content)?.trim() || undefined,
  write: (value) => value || undefined
}

/** An identifier that peers leave empty or out, and that is never sent so. */
export const looseReference: Leaf<string> = { ...reference, read: token.read }

/** A decimal number from 0 to 999,999,999,999,999. */
export const integer: Leaf<number> = {
  _tag: "Leaf",
  read: (content) => {
    const digits = asText(content)?.trim()
    return digits !== undefined && /^[0-9]{1,15}$/.test(digits) ? Number(digits) : undefined
  },
  write: (value) => (Number.isInteger(value) && value >= 0 && value < 1e15 ? String(value) : undefined)
}

/** Text, or the octets of an OPAQUE as they are. */
export const textOrOctets: Leaf<string | Uint8Array> = {
  _tag: "Leaf",
  read: (content) => content,
  write: (value) => value
}

export const flag: Flag<boolean> = { _tag: "Flag" }

export const content: Content<ItemData> = { _tag: "Content" }
