/**
 * The compact representation: WBXML octets to message and back, by the same tables.
 *
 * The text of the elements and the attributes is that of XML, except that base64 elements are octets. Which tokens stand for
 * which names is the business of the protocol; no public registry has them, so all of it is a choice of this project.
 *
 * @spec WAP-192-WBXML 5 (WBXML 1.3)
 * @layer codec
 */
import type * as Result from "effect/Result"
import { reading, writing } from "./Attempt.ts"
import { Composer } from "./Composer.ts"
import { defaultLimits, type Limits, Malformed, TooLarge, Unencodable } from "./Fault.ts"
import { interpret } from "./Interpreter.ts"
import type { AnyMessage, AnyOf, CodePage, Fields, Protocol, StructureType } from "./Table.ts"
import { readTree } from "./WbxmlReader.ts"
import { writeDocument } from "./WbxmlWriter.ts"

const noVocabulary = "a protocol with a WBXML vocabulary"

/**
 * The message of `protocol` in the WBXML document `octets`, by the rules of the XML form.
 *
 * Read are WBXML 1.1 to 1.3 in UTF-8. Tokens that the code pages do not have are passed over as unknown elements.
 *
 * **Fails** with `Malformed` and path and clause of the fault, or with `TooLarge` before the work beyond a limit is done.
 */
export const decode = <P extends Protocol<AnyMessage>>(
  protocol: P,
  octets: Uint8Array,
  limits: Limits = defaultLimits
): Result.Result<AnyOf<P>, Malformed | TooLarge> =>
  reading(() => {
    if (octets.length > limits.bytes) throw new TooLarge({ limit: "bytes", max: limits.bytes })
    if (protocol.wbxml === undefined) {
      throw new Malformed({ reason: "another protocol", path: "", clause: noVocabulary })
    }
    return interpret(protocol, readTree(octets, protocol.wbxml, limits)) as AnyOf<P>
  })

/**
 * `message` as a WBXML 1.3 document in UTF-8, rows in the order of the table. Its first octet is 03.
 *
 * **Fails** with `Unencodable` and the path of a value that is not of its type or breaks a rule, or with `TooLarge` where a
 * reader with the same `limits` would refuse the document.
 */
export const encode = <P extends Protocol<AnyMessage>>(
  protocol: P,
  message: AnyOf<P>,
  limits: Limits = defaultLimits
): Result.Result<Uint8Array, Unencodable | TooLarge> =>
  writing(() => {
    if (protocol.wbxml === undefined) throw new Unencodable({ path: message._tag, clause: noVocabulary })
    const octets = writeDocument(new Composer(limits, true).message(protocol, message), protocol.wbxml)
    if (octets.length > limits.bytes) throw new TooLarge({ limit: "bytes", max: limits.bytes })
    return octets
  })

const namesOnPage = 59

/**
 * Code pages for all elements of `protocol` in the order in which its tables name them. A name keeps its token only while
 * nothing before it changes: freeze the pages in the protocol once peers have them, and append new names at the end.
 */
export const codePages = (protocol: Protocol<AnyMessage>): ReadonlyArray<CodePage> => {
  const names = new Map<string, Set<string>>([[protocol.namespace, new Set([protocol.root, "Message-Type"])]])
  const visit = (type: StructureType<Fields>, namespace: string): void => {
    for (const field of Object.values(type.fields)) {
      if (field.place !== "element") continue
      const inner = field.namespace ?? namespace
      const known = names.get(inner) ?? new Set()
      names.set(inner, known.add(field.name))
      if (field.type.kind === "structure") visit(field.type, inner)
    }
  }
  for (const { type } of protocol.messages) visit(type, protocol.namespace)
  return [...names].flatMap(([namespace, set]) => {
    const all = [...set]
    return Array.from({ length: Math.ceil(all.length / namesOnPage) }, (_, i) => ({
      namespace,
      names: all.slice(i * namesOnPage, (i + 1) * namesOnPage)
    }))
  })
}
