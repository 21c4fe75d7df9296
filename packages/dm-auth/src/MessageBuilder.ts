/**
 * Builds a message from the events of a reader - element begins, text, octets, element ends - by the tables of the message
 * grammar, and enforces the limits as they are reached.
 *
 * A fault inside a command makes that command an `Invalid`; a fault in the header or around it ends the reading.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import { metInf, syncMl as syncMlPage, tagIds } from "./CodePages.ts"
import type { Attributes, Element, Namespace } from "./Element.ts"
import { ElementStack } from "./ElementStack.ts"
import type { Field, Members, Structure, Wrapper } from "./Grammar.ts"
import { type AnswerableHdr, type Limits, Malformed, TooLarge } from "./Malformed.ts"
import type { MalformedReason } from "./MalformedReason.ts"
import * as MessageGrammar from "./MessageGrammar.ts"
import type { Invalid, SyncHdr, SyncMl } from "./SyncMl.ts"
import { isBlank, shown } from "./XmlText.ts"

/** A structure that is open. */
interface Frame {
  readonly kind: Structure<unknown> | Wrapper
  /** How it got its place in the frame around it; the root has none. */
  readonly field: Field | undefined
  readonly name: string
  readonly members: Members
  /** Open elements when it began, itself included. */
  readonly depth: number
  readonly around: Frame | undefined
  /** Set once a fault was met in this command. */
  invalid: Invalid | undefined
}

const repProClause = "DM RepPro: element type definitions"

const noMembers: Members = Object.freeze({})

const append = (members: Members, key: string, value: unknown): void => {
  const list = members[key]
  if (Array.isArray(list)) list.push(value)
  else members[key] = [value]
}

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export class MessageBuilder {
  private readonly limits: Limits
  private readonly position: () => number
  /** The innermost open structure. */
  private top: Frame | undefined
  /** The open element that is no structure: a leaf, a flag or a Data. */
  private leaf: Field | undefined
  private text = ""
  /** Content in pieces, from the first octets on. */
  private octets: Array<Uint8Array> | undefined
  /** Elements directly in an open Data. */
  private elements: Array<Element> | undefined
  /** Open elements that the grammar does not name. */
  private readonly generic = new ElementStack()
  private depth = 0
  private elementCount = 0
  private textLength = 0
  /** Open elements that are passed over. */
  private skipping = 0
  private hdr: SyncHdr | undefined
  private hdrFault: Malformed | undefined
  private message: SyncMl | undefined

  constructor(limits: Limits, position: () => number) {
    this.limits = limits
    this.position = position
  }

  /** The message, once its root has ended. */
  result(): SyncMl {
    return this.message ?? this.fail("syntax", "the document ends before the root element does")
  }

  /** Element names from the root to the open element, or to `name` in it. */
  private path(name?: string): string {
    const names: Array<string> = []
    for (let frame = this.top; frame !== undefined; frame = frame.around) names.unshift(frame.name)
    if (this.leaf !== undefined) names.push(this.leaf.name)
    names.push(...this.generic.names())
    if (name !== undefined) names.push(name)
    return names.map(shown).join("/")
  }

  /** The header without its credentials, once it was read. */
  private answerable(): { readonly hdr?: AnswerableHdr } {
    if (this.hdr === undefined) return {}
    const { cred: _, ...hdr } = this.hdr
    return { hdr }
  }

  private malformed(reason: MalformedReason, clause: string, name?: string): Malformed {
    return new Malformed({ reason, clause, path: this.path(name), offset: this.position(), ...this.answerable() })
  }

  /** Ends the reading. */
  fail(reason: MalformedReason, clause: string): never {
    throw this.malformed(reason, clause)
  }

  /** Ends the reading because a limit is reached. */
  tooLarge(limit: keyof Limits): never {
    throw new TooLarge({ limit, max: this.limits[limit], offset: this.position(), ...this.answerable() })
  }

  /** A breach of the grammar at the open element, or at `name` in it: what the fault costs depends on where it is. */
  private fault(reason: MalformedReason, clause: string, name?: string): void {
    const path = this.path(name)
    for (let frame = this.top; frame !== undefined; frame = frame.around) {
      if (frame.kind._tag !== "Structure") continue
      if (frame.kind.isCommand) {
        const { cmdId } = frame.members
        const id = typeof cmdId === "string" ? cmdId : ""
        frame.invalid = { _tag: "Invalid", cmd: shown(frame.name), cmdId: id, reason, clause, path }
        this.skipTo(frame)
        return
      }
      if (frame.kind === MessageGrammar.syncHdr) {
        this.hdrFault ??= this.malformed(reason, clause, name)
        this.skipTo(frame)
        return
      }
    }
    throw this.malformed(reason, clause, name)
  }

  /** Passes over whatever is open inside `frame`. */
  private skipTo(frame: Frame): void {
    this.skipping = this.depth - frame.depth
    this.top = frame
    this.leaf = undefined
    this.elements = undefined
    this.generic.clear()
    this.takeContent()
  }

  /** Counts an element that begins; false where it is passed over. */
  private enter(): boolean {
    if (++this.elementCount > this.limits.elements) this.tooLarge("elements")
    if (++this.depth > this.limits.depth) this.tooLarge("depth")
    if (this.skipping === 0 && this.top?.invalid === undefined) return true
    this.skipping++
    return false
  }

  /** A message tag without attributes begins, by its number on the code pages. */
  openTag(id: number, name: string): void {
    if (!this.enter()) return
    const { top } = this
    if (this.leaf === undefined && top?.kind._tag === "Structure" && this.generic.isEmpty) {
      const field = top.kind.byId[id]
      if (field !== undefined) {
        this.begin(field, top, undefined)
        return
      }
    }
    this.openOther(name, (id < 64 ? syncMlPage : metInf).namespace, undefined)
  }

  /** An element begins, by its local name and its namespace in our spelling. */
  openName(name: string, namespace: Namespace, attributes: Attributes | undefined): void {
    if (!this.enter()) return
    const { top } = this
    const isOurs = namespace === syncMlPage.namespace || namespace === metInf.namespace || namespace === ""
    if (isOurs && this.leaf === undefined && top?.kind._tag === "Structure" && this.generic.isEmpty) {
      const field = top.kind.byName.get(name)
      if (field !== undefined) {
        this.begin(field, top, attributes)
        return
      }
    }
    this.openOther(name, namespace, attributes)
  }

  private begin(field: Field, around: Frame, attributes: Attributes | undefined): void {
    const { kind, name } = field
    if (!field.many && around.members[field.key] !== undefined) {
      this.fault("repeated element", `${repProClause}: ${name} at most once`, name)
    } else if (kind._tag === "Structure") {
      if (kind.bare && attributes !== undefined) {
        this.fault("attribute", `DM RepPro: ${name} has no attributes`, name)
      } else if (kind === MessageGrammar.syncBody && around.members["hdr"] === undefined) {
        this.fault("missing element", `${repProClause}: SyncHdr comes before SyncBody`, name)
      } else this.push(kind, field, name, kind.isCommand ? { _tag: name } : {})
    } else if (kind._tag === "Wrapper") this.push(kind, field, name, around.members)
    else this.leaf = field
  }

  private push(kind: Structure<unknown> | Wrapper, field: Field | undefined, name: string, members: Members): void {
    this.top = { kind, field, name, members, depth: this.depth, around: this.top, invalid: undefined }
  }

  /** An element that the open one does not name: the root, generic content, an unknown command, or a fault. */
  private openOther(name: string, namespace: Namespace, attributes: Attributes | undefined): void {
    const { top, leaf } = this
    if (top === undefined) {
      if (name === "SyncML" && namespace !== metInf.namespace && this.message === undefined) {
        this.push(MessageGrammar.syncMl, undefined, name, {})
      } else this.fault("unknown element", `${repProClause}: the root is SyncML`, name)
    } else if (!this.generic.isEmpty || leaf?.kind._tag === "Content") this.generic.open(name, namespace, attributes)
    else if (leaf !== undefined) {
      this.fault("misplaced element", `${repProClause}: ${leaf.name} holds no elements`, name)
    } else if (top.kind._tag === "Wrapper") this.openInWrapper(name, namespace, attributes)
    else {
      const { kind } = top
      const isKnown = tagIds.has(name) && namespace !== "syncml:devinf"
      const isCommand = !isKnown || MessageGrammar.commands.has(name)
      if (kind.rest !== undefined && !isKnown) this.generic.open(name, namespace, attributes)
      else if (kind === MessageGrammar.unknownCommand) this.skipping++
      else if (isCommand && kind.fields.some((field) => field._tag === "Commands")) {
        this.push(MessageGrammar.unknownCommand, kind.byName.get("Add"), name, {})
      } else {
        const reason = isKnown ? "misplaced element" : "unknown element"
        this.fault(reason, `${repProClause}: ${top.name} does not hold ${shown(name)}`, name)
      }
    }
  }

  /** A field of the structure around a wrapper, with the wrapper as its frame. */
  private openInWrapper(name: string, namespace: Namespace, attributes: Attributes | undefined): void {
    const wrapper = this.top!
    const around = wrapper.around!
    const field = around.kind._tag === "Structure" ? around.kind.byName.get(name) : undefined
    if (field !== undefined && field.kind._tag !== "Wrapper") this.begin(field, wrapper, attributes)
    else if (!tagIds.has(name)) this.generic.open(name, namespace, attributes)
    else this.fault("misplaced element", `${repProClause}: ${wrapper.name} does not hold ${name}`, name)
  }

  /** Counts text that is not handed over. */
  count(length: number): void {
    this.textLength += length
    if (this.textLength > this.limits.text) this.tooLarge("text")
  }

  /** Text in the open element; pieces add up. */
  addText(text: string): void {
    this.count(text.length)
    const { leaf, top } = this
    if (this.skipping > 0 || top === undefined || top.invalid !== undefined) return
    if (!this.generic.isEmpty) this.generic.addText(text)
    else if (leaf !== undefined && leaf.kind._tag !== "Flag") {
      if (this.octets === undefined) this.text += text
      else this.octets.push(Bytes.utf8(text))
    } else if (!isBlank(text)) this.fault("value", `${repProClause}: ${(leaf ?? top).name} holds no text`)
  }

  /** Octets in the open element. */
  addOctets(octets: Uint8Array): void {
    this.count(octets.length)
    const { leaf, top } = this
    if (this.skipping > 0 || top === undefined || top.invalid !== undefined) return
    if (!this.generic.isEmpty) this.generic.add(octets)
    else if (leaf !== undefined && leaf.kind._tag !== "Flag") {
      this.octets ??= this.text === "" ? [] : [Bytes.utf8(this.text)]
      this.octets.push(octets)
      this.text = ""
    } else this.fault("value", `${repProClause}: ${(leaf ?? top).name} holds no octets`)
  }

  /** Whether a document inside the open element would be part of the message. */
  takesDocument(): boolean {
    return this.skipping === 0 && this.generic.isEmpty && this.leaf?.kind._tag === "Content"
  }

  /** A document inside the open element, where {@link takesDocument}. */
  addDocument(element: Element): void {
    if (this.elements === undefined) this.elements = [element]
    else this.elements.push(element)
  }

  /** The open element ends. */
  close(): void {
    this.depth--
    const { leaf } = this
    const top = this.top!
    if (this.skipping > 0) this.skipping--
    else if (!this.generic.isEmpty) {
      const element = this.generic.close()
      if (element === undefined) return
      if (leaf === undefined) append(top.members, "extensions", element)
      else this.addDocument(element)
    } else if (leaf !== undefined) this.endLeaf(leaf, top)
    else if (top.kind._tag === "Wrapper") this.top = top.around
    else this.endStructure(top, top.kind)
  }

  private takeContent(): string | Uint8Array {
    const { octets, text } = this
    this.text = ""
    this.octets = undefined
    return octets === undefined ? text : octets.length === 1 ? octets[0]! : join(octets)
  }

  private endLeaf(field: Field, top: Frame): void {
    const { kind, name } = field
    const { elements } = this
    const content = this.takeContent()
    let value: unknown
    if (kind._tag === "Leaf") value = kind.read(content)
    else if (kind._tag === "Flag") value = true
    else if (elements === undefined) value = content
    else if (typeof content === "string" && isBlank(content)) value = elements
    if (value === undefined) {
      this.fault("value", `${repProClause}: the content of ${name} is of its type`)
      return
    }
    this.leaf = undefined
    this.elements = undefined
    if (field.many) append(top.members, field.key, value)
    else top.members[field.key] = value
  }

  private endStructure(frame: Frame, kind: Structure<unknown>): void {
    if (frame.invalid === undefined) this.complete(frame, kind)
    // The fault may belong to a command around this structure: then that one is on top now and this one is gone.
    if (this.top !== frame) return
    const { field, around } = frame
    this.top = around
    const value = frame.invalid ?? kind.finish(frame.members, around?.members ?? noMembers)
    if (field === undefined || around === undefined) this.message = value as SyncMl
    else if (field.many) append(around.members, field.key, value)
    else around.members[field.key] = value
  }

  /** Looks for what is missing in a structure that ends. */
  private complete(frame: Frame, kind: Structure<unknown>): void {
    if (kind === MessageGrammar.syncHdr) this.endHdr(frame)
    const { required } = kind
    for (let i = 0; i < required.length; i++) {
      const field = required[i]!
      if (frame.members[field.key] !== undefined) continue
      if (field.whenAbsent === undefined) {
        this.fault("missing element", `${repProClause}: ${frame.name} holds ${field.name}`)
        break
      }
      frame.members[field.key] = field.whenAbsent
    }
    if (kind === MessageGrammar.unknownCommand) {
      const reason = MessageGrammar.commands.has(frame.name) ? "misplaced element" : "unknown element"
      this.fault(reason, `${repProClause}: ${frame.around!.name} does not hold ${shown(frame.name)}`)
    }
    // A command that is at fault at its very end has nothing left to pass over.
    if (frame.invalid !== undefined) this.skipping = 0
  }

  /** Keeps what is needed to answer, and ends the reading where the header has a fault. */
  private endHdr(frame: Frame): void {
    const missing = MessageGrammar.syncHdr.required.find((field) => frame.members[field.key] === undefined)
    if (missing === undefined) this.hdr = MessageGrammar.syncHdr.finish(frame.members, noMembers) as SyncHdr
    if (this.hdrFault !== undefined) {
      const { reason, clause, path, offset } = this.hdrFault
      throw new Malformed({ reason, clause, path, offset, ...this.answerable() })
    }
    if (missing !== undefined) this.fail("missing element", `${repProClause}: SyncHdr holds ${missing.name}`)
  }
}
