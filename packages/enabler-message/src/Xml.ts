/**
 * The XML representation: octets to message and back; and the two operations on octets that a digest over a message needs.
 *
 * @layer codec
 */
import type * as Result from "effect/Result"
import { reading, writing } from "./Attempt.ts"
import { Composer } from "./Composer.ts"
import type { Element } from "./Element.ts"
import { defaultLimits, type Limits, Malformed, TooLarge, Unencodable } from "./Fault.ts"
import { interpret } from "./Interpreter.ts"
import { ofProtocol, ofStructure } from "./Lookup.ts"
import { inside } from "./Path.ts"
import type { AnyMessage, AnyOf, Protocol } from "./Table.ts"
import { utf8, utf8Decode } from "./Text.ts"
import { readTree } from "./XmlReader.ts"
import { writeDocument, writeElement } from "./XmlWriter.ts"

const byteOrderMark = "\ufeff"

/** The characters of `octets` without a byte order mark, and the tree that they are. */
const treeOf = (octets: Uint8Array, limits: Limits): { readonly text: string; readonly root: Element } => {
  if (octets.length > limits.bytes) throw new TooLarge({ limit: "bytes", max: limits.bytes })
  const decoded = utf8Decode(octets)
  if (decoded === undefined) throw new Malformed({ reason: "character set", path: "", clause: "UTF-8" })
  const text = decoded.startsWith(byteOrderMark) ? decoded.slice(1) : decoded
  return { text, root: readTree(text, limits) }
}

const bounded = (octets: Uint8Array, limits: Limits): Uint8Array => {
  if (octets.length > limits.bytes) throw new TooLarge({ limit: "bytes", max: limits.bytes })
  return octets
}

/**
 * The message of `protocol` in the UTF-8 document `octets`.
 *
 * Rows may stand in any order; elements, attributes, comments and processing instructions that the tables do not have are
 * passed over. A document type declaration is refused, so that no entity can be declared.
 *
 * **Fails** with `Malformed` and path and clause of the fault, or with `TooLarge` before the work beyond a limit is done.
 * Time and memory grow with the length of `octets` and no faster.
 *
 * @spec XML 1.0; the document rules are a choice of this project
 */
export const decode = <P extends Protocol<AnyMessage>>(
  protocol: P,
  octets: Uint8Array,
  limits: Limits = defaultLimits
): Result.Result<AnyOf<P>, Malformed | TooLarge> =>
  reading(() => interpret(protocol, treeOf(octets, limits).root) as AnyOf<P>)

/**
 * `message` as a UTF-8 document, rows in the order of the table.
 *
 * **Fails** with `Unencodable` and the path of a value that is not of its type or breaks a rule, or with `TooLarge` where a
 * reader with the same `limits` would refuse the document.
 */
export const encode = <P extends Protocol<AnyMessage>>(
  protocol: P,
  message: AnyOf<P>,
  limits: Limits = defaultLimits
): Result.Result<Uint8Array, Unencodable | TooLarge> =>
  writing(() => bounded(utf8(writeDocument(new Composer(limits, false).message(protocol, message))), limits))

/** Octets of the part of `text` before `at`. */
const octetsBefore = (text: string, at: number): number => utf8(text.slice(0, at)).length

/**
 * `octets` without the one element `name` that is a child of the root, from its `<` to its `>`, and the octets of that
 * element; nothing else changes. So a receiver gets the octets that a digest covers when the digest itself is in the message.
 *
 * **Fails** with `Malformed` where the document has no such element, or several.
 */
export const cut = (
  protocol: Protocol<AnyMessage>,
  octets: Uint8Array,
  name: string,
  limits: Limits = defaultLimits
): Result.Result<{ readonly rest: Uint8Array; readonly element: Uint8Array }, Malformed | TooLarge> =>
  reading(() => {
    const { text, root } = treeOf(octets, limits)
    const found = root.children.filter((child) => child.name === name && child.namespace === protocol.namespace)
    const span = found[0]?.span
    if (span === undefined || found.length > 1) {
      const reason = span === undefined ? "missing element" : "repeated element"
      throw new Malformed({ reason, path: name, clause: "one element of that name under the root" })
    }
    const mark = octets[0] === 0xef ? 3 : 0
    const start = mark + octetsBefore(text, span[0])
    const end = start + utf8(text.slice(span[0], span[1])).length
    const rest = new Uint8Array(octets.length - (end - start))
    rest.set(octets.subarray(0, start))
    rest.set(octets.subarray(end), start)
    return { rest, element: octets.slice(start, end) }
  })

/**
 * `octets` of an encoded `message` with its row `key` set to `value` as the last child of the root: what {@link cut} takes
 * out again. The digest in `value` can thus be one over `octets`.
 *
 * **Fails** with `Unencodable` where the message has no such row, or where `octets` are no document of {@link encode}.
 */
export const append = <P extends Protocol<AnyMessage>, T extends AnyOf<P>["_tag"]>(
  protocol: P,
  octets: Uint8Array,
  message: T,
  key: string,
  value: unknown,
  limits: Limits = defaultLimits
): Result.Result<Uint8Array, Unencodable | TooLarge> =>
  writing(() => {
    const table = ofProtocol(protocol).get(message)
    const row = table && ofStructure(table.type).all.find((indexed) => indexed.key === key)?.field
    if (row?.place !== "element")
      throw new Unencodable({ path: `${message}/${key}`, clause: "an element of the table" })
    const namespace = row.namespace ?? protocol.namespace
    const composer = new Composer(limits, false)
    const element = composer.element(
      namespace,
      row.name,
      row.type,
      value,
      inside(inside(undefined, message), row.name),
      2
    )
    const end = utf8(`</${protocol.root}>\n`)
    const at = octets.length - end.length
    if (at < 0 || end.some((octet, i) => octets[at + i] !== octet)) {
      throw new Unencodable({ path: message, clause: "a document that this package wrote" })
    }
    const inserted = utf8(writeElement(element, protocol.namespace))
    const out = new Uint8Array(octets.length + inserted.length)
    out.set(octets.subarray(0, at))
    out.set(inserted, at)
    out.set(end, at + inserted.length)
    return bounded(out, limits)
  })
