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
export const write = (writer: Writer, message: SyncMl): void =>
  writeStructure(writer, MessageGrammar.syncMl, message, "SyncML")

const writeStructure = (writer: Writer, structure: Structure<unknown>, value: unknown, path: string): void => {
  const members = structure.prepare(value, writer.binary)
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
}

const writeMember = (writer: Writer, field: AnyField, member: unknown, path: string): void => {
  if (field._tag === "Commands") {
    for (const command of member as ReadonlyArray<Command>) {
      const structure = command._tag === "Invalid" ? undefined : MessageGrammar.commands.get(command._tag)
      const at = `${path}/${command._tag} ${command.cmdId}`
      if (structure === undefined) throw new Unencodable({ path: at, clause: "a command of the grammar" })
      writeStructure(writer, structure, command, at)
    }
  } else if (!field.many) writeField(writer, field, member, path)
  else for (const each of member as ReadonlyArray<unknown>) writeField(writer, field, each, path)
}

const writeField = (writer: Writer, field: Field, value: unknown, path: string): void => {
  const { kind, id } = field
  switch (kind._tag) {
    case "Leaf": {
      const content = kind.write(value)
      if (content === undefined) throw refused(field, path)
      return writeLeaf(writer, field, content, path)
    }
    case "Flag":
      if (value === true) writer.empty(id)
      return
    case "Content": {
      const data = value as ItemData
      if (typeof data === "string" || data instanceof Uint8Array) return writeLeaf(writer, field, data, path)
      writer.open(id)
      for (const element of data) writer.document(element)
      return writer.close(id)
    }
    case "Structure":
      return writeStructure(writer, kind, value, kind.isCommand ? path : `${path}/${field.name}`)
  }
}

const writeLeaf = (writer: Writer, field: Field, content: string | Uint8Array, path: string): void => {
  try {
    writer.leaf(field.id, content)
  } catch (fault) {
    throw fault instanceof Unencodable
      ? new Unencodable({ path: `${path}/${field.name}`, clause: fault.clause })
      : fault
  }
}

const refused = (field: Field, path: string): Unencodable =>
  new Unencodable({
    path: `${path}/${field.name}`,
    clause: "an identifier is not empty, a number is a whole one from 0 to 15 digits"
  })
