/**
 * Writes a message by the tables of the message grammar, in the order of the DTD, to a writer of either representation.
 *
 * @layer codec
 */
import type { Element } from "./Element.ts"
import type { AnyField, Field, Structure } from "./Grammar.ts"
import type { ItemData } from "./Item.ts"
import { Unencodable } from "./Malformed.ts"
import * as MessageGrammar from "./MessageGrammar.ts"
import type { Command, SyncMl } from "./SyncMl.ts"

/** One representation being written. Tags are numbers `page << 6 | token`. */
export interface Writer {
  /** Whether octets can be carried as they are. */
  readonly binary: boolean
  open(id: number): void
  close(id: number): void
  /** An element without content. */
  empty(id: number): void
  /** An element with text, or octets where {@link Writer.binary}, in it. Throws `Unencodable` for text that has no form. */
  leaf(id: number, content: string | Uint8Array): void
  /** An element that is not of the message grammar. */
  element(element: Element): void
  /** An element in `Data`, which may be a document of its own. */
  document(element: Element): void
}

/** Writes `message`. Throws `Unencodable`, which the codecs return. */
export const write = (writer: Writer, message: SyncMl): void => {
  const path: Array<string> = []
  try {
    writeStructure(writer, MessageGrammar.syncMl, message, "SyncML", path)
  } catch (fault) {
    throw fault instanceof Unencodable ? new Unencodable({ path: path.join("/"), clause: fault.clause }) : fault
  }
}

/** `path` holds the names of the open elements; what is in it after a fault is where the fault is. */
const writeStructure = (
  writer: Writer,
  structure: Structure<unknown>,
  value: unknown,
  name: string,
  path: Array<string>
): void => {
  const members = structure.prepare(value, writer.binary)
  path.push(name)
  writer.open(structure.id)
  const { fields } = structure
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!
    const member = members[field.key]
    if (member !== undefined) writeMember(writer, field, member, path)
  }
  if (structure.rest !== undefined) {
    const rest = members[structure.rest] as ReadonlyArray<Element> | undefined
    for (const element of rest ?? []) writer.element(element)
  }
  writer.close(structure.id)
  path.pop()
}

const writeMember = (writer: Writer, field: AnyField, member: unknown, path: Array<string>): void => {
  if (field._tag === "Commands") {
    for (const command of member as ReadonlyArray<Command>) {
      const structure = command._tag === "Invalid" ? undefined : MessageGrammar.commands.get(command._tag)
      const name = `${command._tag} ${command.cmdId}`
      if (structure === undefined) throw unencodable(name, path, "a command of the grammar")
      writeStructure(writer, structure, command, name, path)
    }
  } else if (!field.many) writeField(writer, field, member, path)
  else for (const each of member as ReadonlyArray<unknown>) writeField(writer, field, each, path)
}

const writeField = (writer: Writer, field: Field, value: unknown, path: Array<string>): void => {
  const { kind, id, name } = field
  if (kind._tag === "Structure") {
    writeStructure(writer, kind, value, name, path)
    return
  }
  path.push(name)
  if (kind._tag === "Leaf") {
    const content = kind.write(value)
    if (content === undefined)
      throw unencodable(undefined, path, "no empty identifier; whole numbers of up to 15 digits")
    writer.leaf(id, content)
  } else if (kind._tag === "Flag") {
    if (value === true) writer.empty(id)
  } else {
    const data = value as ItemData
    if (typeof data === "string" || data instanceof Uint8Array) writer.leaf(id, data)
    else {
      writer.open(id)
      for (const element of data) writer.document(element)
      writer.close(id)
    }
  }
  path.pop()
}

const unencodable = (name: string | undefined, path: Array<string>, clause: string): Unencodable => {
  if (name !== undefined) path.push(name)
  return new Unencodable({ path: path.join("/"), clause })
}
