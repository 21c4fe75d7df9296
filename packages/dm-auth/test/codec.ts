/** What the codec tests share: messages to compare, the captured ones, and generators. */

import { assert } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Redacted, Result } from "effect"
import * as fc from "fast-check"
import { Cred, type Element, type Meta, type SyncMl, Wbxml, Xml } from "../src/index.ts"
import { vectors } from "./crypto.ts"

/** `value` with secrets laid open and octets as `hex:` text, so that a deep comparison sees them. */
export const open = (value: unknown): unknown => {
  if (Redacted.isRedacted(value)) return { secret: open(Redacted.value(value)) }
  if (value instanceof Uint8Array) return `hex:${Bytes.toHex(value)}`
  if (Array.isArray(value)) return value.map(open)
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, open(member)]))
  }
  return value
}

export const same = (actual: unknown, expected: unknown, message?: string): void =>
  assert.deepStrictEqual(open(actual), open(expected), message)

/** The value of a result that must be one. */
export const got = <A, E extends { readonly message: string }>(result: Result.Result<A, E>): A => {
  if (Result.isFailure(result)) assert.fail(result.failure.message)
  return result.success
}

/** The failure of a result that must be one. */
export const failed = <A, E>(result: Result.Result<A, E>): E => {
  if (Result.isSuccess(result)) assert.fail("decoded")
  return result.failure
}

export const xml = (text: string): SyncMl.SyncMl => got(Xml.decode(Bytes.utf8(text)))

export const header =
  "<VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>2</MsgID>" +
  "<Target><LocURI>http://dm.example.net/</LocURI></Target><Source><LocURI>IMEI:493005100592800</LocURI></Source>"

/** A message with `body` in SyncBody and `inHeader` at the end of SyncHdr. */
export const document = (body: string, inHeader = ""): string =>
  `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr>${header}${inHeader}</SyncHdr><SyncBody>${body}</SyncBody></SyncML>`

/** The commands of a message with `body` in SyncBody. */
export const commands = (body: string): ReadonlyArray<SyncMl.Command> => xml(document(body)).body.commands

export interface CapturedMessage {
  readonly from: "client" | "server"
  readonly by: string
  readonly exchange?: number
  readonly xml?: string
  readonly wbxmlHex?: string
}

interface CapturedCredential {
  readonly exchange: number
  readonly sessionId: string
  readonly msgId: string
  readonly credType: string
  readonly credData: string
  readonly nonceHex: string
  /** The formulas that give `credData`; none for a wrong password. */
  readonly matches: ReadonlyArray<string>
  readonly replyStatus: number
  readonly replyNextNonceHex: string | null
}

export const captures = vectors<
  { readonly messages: ReadonlyArray<CapturedMessage> },
  { readonly credentials?: ReadonlyArray<CapturedCredential> }
>("syncml-captures.json")

export const wbxmlVectors = vectors<
  { readonly xml: string },
  { readonly wbxmlHex: string; readonly decodedXml: string }
>("syncml-wbxml.json")

export const hex = (text: string): Uint8Array => Bytes.fromHex(text)!

/** A captured message as it was on the wire. */
export const wire = (message: CapturedMessage): { readonly octets: Uint8Array; readonly isXml: boolean } =>
  message.xml === undefined
    ? { octets: hex(message.wbxmlHex!), isXml: false }
    : { octets: Bytes.utf8(message.xml), isXml: true }

/** Everything valid that was captured, as XML and as WBXML. */
export const corpus: ReadonlyArray<{ readonly octets: Uint8Array; readonly isXml: boolean }> = [
  ...captures.flatMap(({ input }) => input.messages.map(wire)),
  ...wbxmlVectors.flatMap(({ input, output }) => [
    { octets: Bytes.utf8(input.xml), isXml: true },
    { octets: hex(output.wbxmlHex), isXml: false }
  ])
]

export const decode = (octets: Uint8Array, isXml: boolean) => (isXml ? Xml.decode(octets) : Wbxml.decode(octets))

/** Text of every kind that both representations carry. */
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 8 }).filter((t) => !/\p{Cs}/u.test(t)),
  fc.constantFrom("", "a&b<c>d\"e'f", "]]>", " \r\n\t ", "<![CDATA[x]]>", "\u{1f600}", "&#0;", "a".repeat(300))
)
const printable = fc.string({ minLength: 1, maxLength: 10 }).map((t) => `x${t.trim()}`)
const identifier = fc.stringMatching(/^[A-Za-z0-9]{1,6}$/)
const octets = fc.uint8Array({ maxLength: 24 })

const element = fc.letrec<{ element: Element.Element }>((tie) => ({
  element: fc.record(
    {
      name: fc.stringMatching(/^[A-Z][A-Za-z0-9-]{0,8}X$/),
      namespace: fc.constantFrom("urn:example:vendor", "", "syncml:metinf", "SYNCML:SYNCML1.2"),
      attributes: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), text, {
        minKeys: 1,
        maxKeys: 3,
        noNullPrototype: true
      }),
      content: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.array(
          text.filter((t) => t.trim() !== ""),
          { maxLength: 1 }
        ),
        fc.array(tie("element"), { minLength: 1, maxLength: 2 })
      )
    },
    { requiredKeys: ["name", "namespace", "content"] }
  )
})).element

const optional = { requiredKeys: [] as Array<never> }

const meta: fc.Arbitrary<Meta.Meta> = fc.record(
  {
    format: fc.constantFrom("chr", "int", "node", "xml"),
    type: printable,
    size: fc.nat(),
    anchor: fc.record({ last: text, next: text }, { requiredKeys: ["next"] }),
    nextNonce: octets.map((o) => Bytes.toBase64(o)),
    maxMsgSize: fc.nat(),
    maxObjSize: fc.nat(),
    emi: fc.array(text, { minLength: 1, maxLength: 2 }),
    mem: fc.record(
      { sharedMem: fc.constant(true), freeMem: fc.nat(), freeId: fc.nat() },
      { requiredKeys: ["freeMem", "freeId"] }
    ),
    fieldLevel: fc.constant(true),
    extensions: fc.array(element, { minLength: 1, maxLength: 2 })
  },
  optional
)
const source = fc.record({ locUri: text, locName: text }, { requiredKeys: ["locUri"] })
const target = fc.record(
  { locUri: text, locName: text, filter: fc.record({ meta, filterType: printable }, { requiredKeys: ["meta"] }) },
  { requiredKeys: ["locUri"] }
)
const item = fc.record(
  {
    target,
    source,
    sourceParent: text,
    targetParent: text,
    meta,
    data: fc.oneof(text, fc.array(element, { minLength: 1, maxLength: 2 })),
    moreData: fc.constant(true)
  },
  optional
)
const items = fc.array(item, { minLength: 1, maxLength: 3 })
const cred = fc
  .tuple(fc.constantFrom("syncml:auth-basic", "syncml:auth-md5", "syncml:auth-sha256", "syncml:auth-X509"), octets)
  .map(([type, data]) => Cred.make(type, data))
const chal = fc.record(
  {
    type: fc.constantFrom("syncml:auth-basic", "syncml:auth-md5", "syncml:auth-MAC"),
    format: fc.constant("b64"),
    nextNonce: octets.map((o) => Bytes.toBase64(o))
  },
  { requiredKeys: ["type", "format"] }
)
const request = { cmdId: identifier, noResp: fc.constant(true), cred, meta }
const tag = <const T extends string>(name: T) => fc.constant(name)

const simple: fc.Arbitrary<SyncMl.Command> = fc.oneof(
  fc.record({ _tag: tag("Add"), ...request, items }, { requiredKeys: ["_tag", "cmdId", "items"] }),
  fc.record({ _tag: tag("Copy"), ...request, items }, { requiredKeys: ["_tag", "cmdId", "items"] }),
  fc.record({ _tag: tag("Move"), ...request, items }, { requiredKeys: ["_tag", "cmdId", "items"] }),
  fc.record({ _tag: tag("Replace"), ...request, items }, { requiredKeys: ["_tag", "cmdId", "items"] }),
  fc.record(
    { _tag: tag("Delete"), ...request, archive: fc.constant(true), sftDel: fc.constant(true), items },
    { requiredKeys: ["_tag", "cmdId", "items"] }
  )
)

const command: fc.Arbitrary<SyncMl.Command> = fc.oneof(
  simple,
  fc.record(
    {
      _tag: tag("Alert"),
      cmdId: identifier,
      noResp: fc.constant(true),
      cred,
      data: identifier,
      correlator: text,
      items
    },
    { requiredKeys: ["_tag", "cmdId"] }
  ),
  fc.record({ _tag: tag("Exec"), ...request, correlator: text, item }, { requiredKeys: ["_tag", "cmdId", "item"] }),
  fc.record({ _tag: tag("Get"), ...request, lang: identifier, items }, { requiredKeys: ["_tag", "cmdId", "items"] }),
  fc.record({ _tag: tag("Put"), ...request, lang: identifier, items }, { requiredKeys: ["_tag", "cmdId", "items"] }),
  fc.record(
    {
      _tag: tag("Map"),
      cmdId: identifier,
      target,
      source,
      cred,
      meta,
      mapItems: fc.array(fc.record({ target, source }), { minLength: 1, maxLength: 2 })
    },
    { requiredKeys: ["_tag", "cmdId", "target", "source", "mapItems"] }
  ),
  fc.record(
    {
      _tag: tag("Results"),
      cmdId: identifier,
      msgRef: identifier,
      cmdRef: identifier,
      meta,
      targetRef: text,
      sourceRef: text,
      items
    },
    { requiredKeys: ["_tag", "cmdId", "cmdRef", "items"] }
  ),
  fc.record(
    {
      _tag: tag("Search"),
      ...request,
      noResults: fc.constant(true),
      target,
      sources: fc.array(source, { minLength: 1, maxLength: 2 }),
      lang: identifier,
      data: text
    },
    { requiredKeys: ["_tag", "cmdId", "sources", "meta", "data"] }
  ),
  fc.record(
    {
      _tag: tag("Status"),
      cmdId: identifier,
      msgRef: identifier,
      cmdRef: identifier,
      cmd: fc.constantFrom("SyncHdr", "Alert", "Get"),
      targetRefs: fc.array(text, { minLength: 1, maxLength: 2 }),
      sourceRefs: fc.array(text, { minLength: 1, maxLength: 2 }),
      cred,
      chal,
      data: fc.constantFrom("200", "212", "401", "407", "0"),
      items
    },
    { requiredKeys: ["_tag", "cmdId", "msgRef", "cmdRef", "cmd", "data"] }
  ),
  fc.record(
    {
      _tag: tag("Sync"),
      ...request,
      target,
      source,
      numberOfChanges: fc.nat(),
      commands: fc.array(simple, { minLength: 1, maxLength: 2 })
    },
    { requiredKeys: ["_tag", "cmdId"] }
  ),
  fc.constantFrom<"Atomic" | "Sequence">("Atomic", "Sequence").chain((name) =>
    fc.record(
      {
        _tag: tag(name),
        cmdId: identifier,
        noResp: fc.constant(true),
        meta,
        commands: fc.array(simple, { minLength: 1, maxLength: 2 })
      },
      { requiredKeys: ["_tag", "cmdId", "commands"] }
    )
  )
)

/** Any message that both representations can carry. */
export const anyMessage: fc.Arbitrary<SyncMl.SyncMl> = fc.record({
  hdr: fc.record(
    {
      verDtd: fc.constantFrom("1.0", "1.1", "1.2"),
      verProto: fc.constantFrom("DM/1.2", "DM/1.3", "SyncML/1.0"),
      sessionId: identifier,
      msgId: identifier,
      target,
      source,
      respUri: text,
      noResp: fc.constant(true),
      cred,
      meta
    },
    { requiredKeys: ["verDtd", "verProto", "sessionId", "msgId", "target", "source"] }
  ),
  body: fc.record(
    { commands: fc.array(command, { maxLength: 4 }), final: fc.constant(true) },
    { requiredKeys: ["commands"] }
  )
})
