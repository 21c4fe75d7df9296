/**
 * Tables made ready for reading: fields by name, messages by name. Made once for each table and kept as long as the table.
 *
 * @layer codec
 */
import type { AnyMessage, Field, Fields, Protocol, Requirement, StructureType, Type } from "./Table.ts"

export interface IndexedField {
  /** Its place in the order of the table. */
  readonly index: number
  readonly key: string
  /** Its name and its aliases. */
  readonly names: ReadonlyArray<string>
  readonly field: Field<Type, Requirement>
  readonly repeats: boolean
  readonly required: boolean
}

export interface IndexedStructure {
  readonly all: ReadonlyArray<IndexedField>
  readonly elements: ReadonlyMap<string, IndexedField>
  readonly attributes: ReadonlyArray<IndexedField>
  readonly content: IndexedField | undefined
}

const structures = new WeakMap<StructureType<Fields>, IndexedStructure>()
const protocols = new WeakMap<Protocol<AnyMessage>, ReadonlyMap<string, AnyMessage>>()

const make = (structure: StructureType<Fields>): IndexedStructure => {
  const all = Object.entries(structure.fields).map(([key, field], index) => ({
    index,
    key,
    names: [field.name, ...(field.aliases ?? [])],
    field,
    repeats: field.requirement === "0..n" || field.requirement === "1..n",
    required: field.requirement === "M" || field.requirement === "1..n"
  }))
  const elements = new Map<string, IndexedField>()
  for (const indexed of all) {
    if (indexed.field.place !== "element") continue
    for (const name of indexed.names) elements.set(name, indexed)
  }
  return {
    all,
    elements,
    attributes: all.filter(({ field }) => field.place === "attribute"),
    content: all.find(({ field }) => field.place === "content")
  }
}

/** The fields of `structure` by name. */
export const ofStructure = (structure: StructureType<Fields>): IndexedStructure => {
  let found = structures.get(structure)
  if (found === undefined) {
    found = make(structure)
    structures.set(structure, found)
  }
  return found
}

/** The messages of `protocol` by name. */
export const ofProtocol = (protocol: Protocol<AnyMessage>): ReadonlyMap<string, AnyMessage> => {
  let found = protocols.get(protocol)
  if (found === undefined) {
    found = new Map(protocol.messages.map((message) => [message.name, message]))
    protocols.set(protocol, found)
  }
  return found
}
