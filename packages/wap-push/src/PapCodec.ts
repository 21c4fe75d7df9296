/**
 * PAP messages as XML documents, both ways.
 *
 * @spec PAP 1.0, 2.0, 2.1 document types
 * @layer codec
 */
import * as Result from "effect/Result"
import { Malformed, type Unencodable, unencodable } from "./Malformed.ts"
import type { MessageState, PapMessage, ProgressNote, QualityOfService, ResponseResult } from "./PapMessage.ts"
import { judge } from "./ResultCode.ts"
import * as Timestamp from "./Timestamp.ts"
import { defaultXmlLimits, element, parseXml, writeXml, type XmlElement, type XmlLimits } from "./Xml.ts"

/** Document types that a gateway may speak. */
export type PapVersion = "1.0" | "2.0" | "2.1"

/** Public and system identifiers of each version. */
export const papDoctypes: Readonly<Record<PapVersion, readonly [publicId: string, systemId: string]>> = {
  "1.0": ["-//WAPFORUM//DTD PAP 1.0//EN", "http://www.wapforum.org/DTD/pap_1.0.dtd"],
  "2.0": ["-//WAPFORUM//DTD PAP 2.0//EN", "http://www.wapforum.org/DTD/pap_2.0.dtd"],
  "2.1": ["-//WAPFORUM//DTD PAP 2.1//EN", "http://www.openmobilealliance.org/tech/DTD/pap_2.1.dtd"]
}

/** A decoded document. */
export interface PapDocument {
  readonly message: PapMessage
  readonly productName?: string
  /** The version whose public identifier the document carries. */
  readonly version?: PapVersion
}

const clause = "PAP control entity"

// the readers below share one way out; it does not leave this file
const refuse = (detail: string): never => {
  throw new Malformed({ what: "PAP message", offset: 0, detail, clause })
}

const optional = (node: XmlElement, name: string): string | undefined => node.attributes.get(name)

const required = (node: XmlElement, name: string): string => {
  const value = node.attributes.get(name)
  return value === undefined || value === "" ? refuse(`${node.name} without ${name}`) : value
}

const oneOf = <const T extends string>(node: XmlElement, name: string, values: ReadonlyArray<T>): T | undefined => {
  const found = optional(node, name)
  if (found === undefined) return undefined
  return values.find((value) => value === found) ?? refuse(`${node.name}: ${name} has no such value`)
}

const flag = (node: XmlElement, name: string): boolean | undefined => {
  const found = oneOf(node, name, ["true", "false"])
  return found === undefined ? undefined : found === "true"
}

const time = (node: XmlElement, name: string): number | undefined => {
  const found = optional(node, name)
  if (found === undefined) return undefined
  return Timestamp.parse(found) ?? refuse(`${node.name}: ${name} is no UTC time`)
}

const resultCode = (node: XmlElement): number => {
  const spelled = required(node, "code")
  const code = /^\d{4}$/.test(spelled) ? Number(spelled) : 0
  return judge(code) === undefined ? refuse(`${node.name}: no such code`) : code
}

/** Drops the members that are `undefined`, which is what an absent attribute is to `exactOptionalPropertyTypes`. */
type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}
const present = <T extends object>(value: T): Present<T> =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Present<T>

const children = (node: XmlElement, name: string): ReadonlyArray<XmlElement> =>
  node.children.filter((child) => child.name === name)

const only = (node: XmlElement, name: string): XmlElement => {
  const found = children(node, name)
  return found.length === 1 ? found[0]! : refuse(`${node.name} without exactly one ${name}`)
}

const addresses = (node: XmlElement): ReadonlyArray<string> =>
  children(node, "address").map((child) => required(child, "address-value"))

const oneAddress = (node: XmlElement): string => required(only(node, "address"), "address-value")

const quality = (node: XmlElement): QualityOfService | undefined => {
  const found = children(node, "quality-of-service")
  if (found.length === 0) return undefined
  const qos = found.length === 1 ? found[0]! : refuse(`${node.name} with several quality-of-service`)
  return present({
    priority: oneOf(qos, "priority", ["high", "medium", "low"]),
    deliveryMethod: oneOf(qos, "delivery-method", ["confirmed", "preferconfirmed", "unconfirmed", "notspecified"]),
    network: optional(qos, "network"),
    networkRequired: flag(qos, "network-required"),
    bearer: optional(qos, "bearer"),
    bearerRequired: flag(qos, "bearer-required")
  })
}

const states: ReadonlyArray<MessageState> = [
  "rejected",
  "pending",
  "delivered",
  "undeliverable",
  "expired",
  "aborted",
  "timeout",
  "cancelled",
  "unknown"
]

const messageState = (node: XmlElement): MessageState =>
  oneOf(node, "message-state", states) ?? refuse(`${node.name} without message-state`)

const result = (node: XmlElement): ResponseResult => present({ code: resultCode(node), desc: optional(node, "desc") })

const some = <T>(node: XmlElement, name: string, values: ReadonlyArray<T>): ReadonlyArray<T> =>
  values.length === 0 ? refuse(`${node.name} without ${name}`) : values

const readers: Readonly<Record<string, (node: XmlElement) => PapMessage>> = {
  "push-message": (node) =>
    present({
      _tag: "PushMessage" as const,
      pushId: required(node, "push-id"),
      replacePushId: optional(node, "replace-push-id"),
      replaceMethod: oneOf(node, "replace-method", ["pending-only", "all"]),
      deliverBeforeTimestamp: time(node, "deliver-before-timestamp"),
      deliverAfterTimestamp: time(node, "deliver-after-timestamp"),
      sourceReference: optional(node, "source-reference"),
      ppgNotifyRequestedTo: optional(node, "ppg-notify-requested-to"),
      progressNotesRequested: flag(node, "progress-notes-requested"),
      addresses: some(node, "address", addresses(node)),
      qualityOfService: quality(node)
    }),
  "push-response": (node) =>
    present({
      _tag: "PushResponse" as const,
      pushId: required(node, "push-id"),
      senderAddress: optional(node, "sender-address"),
      senderName: optional(node, "sender-name"),
      replyTime: time(node, "reply-time"),
      progressNotes: children(node, "progress-note").map(
        (note): ProgressNote =>
          present({ stage: required(note, "stage"), note: optional(note, "note"), time: time(note, "time") })
      ),
      result: result(only(node, "response-result"))
    }),
  "cancel-message": (node) => ({
    _tag: "CancelMessage",
    pushId: required(node, "push-id"),
    addresses: addresses(node)
  }),
  "cancel-response": (node) => ({
    _tag: "CancelResponse",
    pushId: required(node, "push-id"),
    results: some(node, "cancel-result", children(node, "cancel-result")).map((child) => ({
      ...result(child),
      addresses: addresses(child)
    }))
  }),
  "resultnotification-message": (node) =>
    present({
      _tag: "ResultNotificationMessage" as const,
      pushId: required(node, "push-id"),
      senderAddress: optional(node, "sender-address"),
      senderName: optional(node, "sender-name"),
      receivedTime: time(node, "received-time"),
      eventTime: time(node, "event-time"),
      messageState: messageState(node),
      code: resultCode(node),
      desc: optional(node, "desc"),
      address: oneAddress(node),
      qualityOfService: quality(node)
    }),
  "resultnotification-response": (node) => ({
    _tag: "ResultNotificationResponse",
    pushId: required(node, "push-id"),
    ...result(node),
    address: oneAddress(node)
  }),
  "statusquery-message": (node) => ({
    _tag: "StatusQueryMessage",
    pushId: required(node, "push-id"),
    addresses: addresses(node)
  }),
  "statusquery-response": (node) => ({
    _tag: "StatusQueryResponse",
    pushId: required(node, "push-id"),
    results: some(node, "statusquery-result", children(node, "statusquery-result")).map((child) =>
      present({
        eventTime: time(child, "event-time"),
        messageState: messageState(child),
        ...result(child),
        addresses: addresses(child),
        qualityOfService: quality(child)
      })
    )
  }),
  "ccq-message": (node) =>
    present({
      _tag: "CcqMessage" as const,
      queryId: optional(node, "query-id"),
      appId: optional(node, "app-id"),
      address: oneAddress(node)
    }),
  "ccq-response": (node) => ({
    _tag: "CcqResponse",
    queryId: required(node, "query-id"),
    ...result(node),
    address: oneAddress(node)
  }),
  "badmessage-response": (node) => ({
    _tag: "BadMessageResponse",
    ...result(node),
    badMessageFragment:
      optional(node, "bad-message-fragment") ?? refuse("badmessage-response without bad-message-fragment")
  })
}

const versionOf = (publicId: string | undefined): PapVersion | undefined =>
  (["1.0", "2.0", "2.1"] as const).find((version) => papDoctypes[version][0] === publicId)

/** The message in a `pap` document. Attributes and elements that PAP does not define are passed over. */
export const decodePap = (
  octets: Uint8Array,
  limits: XmlLimits = defaultXmlLimits
): Result.Result<PapDocument, Malformed> =>
  Result.flatMap(parseXml(octets, limits), ({ root, doctype }) => {
    try {
      if (root.name !== "pap") refuse("root element is not pap")
      const known = root.children.filter(({ name }) => Object.hasOwn(readers, name))
      const node = known.length === 1 ? known[0]! : refuse("pap without exactly one message")
      const message = readers[node.name]!(node)
      return Result.succeed(
        present({ message, productName: optional(root, "product-name"), version: versionOf(doctype?.publicId) })
      )
    } catch (error) {
      if (error instanceof Malformed) return Result.fail(error)
      throw error
    }
  })

const stamp = (at: number | undefined): string | undefined => (at === undefined ? undefined : Timestamp.format(at))

const writeAddresses = (values: ReadonlyArray<string>): ReadonlyArray<XmlElement> =>
  values.map((value) => element("address", { "address-value": value }))

const writeQuality = (qos: QualityOfService | undefined): ReadonlyArray<XmlElement> =>
  qos === undefined
    ? []
    : [
        element("quality-of-service", {
          priority: qos.priority,
          "delivery-method": qos.deliveryMethod,
          network: qos.network,
          "network-required": qos.networkRequired?.toString(),
          bearer: qos.bearer,
          "bearer-required": qos.bearerRequired?.toString()
        })
      ]

const writeMessage = (message: PapMessage): XmlElement => {
  switch (message._tag) {
    case "PushMessage":
      return element(
        "push-message",
        {
          "push-id": message.pushId,
          "replace-push-id": message.replacePushId,
          "replace-method": message.replaceMethod,
          "deliver-before-timestamp": stamp(message.deliverBeforeTimestamp),
          "deliver-after-timestamp": stamp(message.deliverAfterTimestamp),
          "source-reference": message.sourceReference,
          "ppg-notify-requested-to": message.ppgNotifyRequestedTo,
          "progress-notes-requested": message.progressNotesRequested?.toString()
        },
        [...writeAddresses(message.addresses), ...writeQuality(message.qualityOfService)]
      )
    case "PushResponse":
      return element(
        "push-response",
        {
          "push-id": message.pushId,
          "sender-address": message.senderAddress,
          "sender-name": message.senderName,
          "reply-time": stamp(message.replyTime)
        },
        [
          ...message.progressNotes.map(({ stage, note, time: at }) =>
            element("progress-note", { stage, note, time: stamp(at) })
          ),
          element("response-result", { code: message.result.code, desc: message.result.desc })
        ]
      )
    case "CancelMessage":
      return element("cancel-message", { "push-id": message.pushId }, writeAddresses(message.addresses))
    case "CancelResponse":
      return element(
        "cancel-response",
        { "push-id": message.pushId },
        message.results.map(({ code, desc, addresses: of }) =>
          element("cancel-result", { code, desc }, writeAddresses(of))
        )
      )
    case "ResultNotificationMessage":
      return element(
        "resultnotification-message",
        {
          "push-id": message.pushId,
          "sender-address": message.senderAddress,
          "sender-name": message.senderName,
          "received-time": stamp(message.receivedTime),
          "event-time": stamp(message.eventTime),
          "message-state": message.messageState,
          code: message.code,
          desc: message.desc
        },
        [...writeAddresses([message.address]), ...writeQuality(message.qualityOfService)]
      )
    case "ResultNotificationResponse":
      return element(
        "resultnotification-response",
        { "push-id": message.pushId, code: message.code, desc: message.desc },
        writeAddresses([message.address])
      )
    case "StatusQueryMessage":
      return element("statusquery-message", { "push-id": message.pushId }, writeAddresses(message.addresses))
    case "StatusQueryResponse":
      return element(
        "statusquery-response",
        { "push-id": message.pushId },
        message.results.map(({ eventTime, messageState: state, code, desc, addresses: of, qualityOfService }) =>
          element("statusquery-result", { "event-time": stamp(eventTime), "message-state": state, code, desc }, [
            ...writeAddresses(of),
            ...writeQuality(qualityOfService)
          ])
        )
      )
    case "CcqMessage":
      return element(
        "ccq-message",
        { "query-id": message.queryId, "app-id": message.appId },
        writeAddresses([message.address])
      )
    case "CcqResponse":
      return element(
        "ccq-response",
        { "query-id": message.queryId, code: message.code, desc: message.desc },
        writeAddresses([message.address])
      )
    case "BadMessageResponse":
      return element("badmessage-response", {
        code: message.code,
        desc: message.desc,
        "bad-message-fragment": message.badMessageFragment
      })
  }
}

/** The UTF-8 octets of a `pap` document. PAP 1.0 cannot carry a replacement. */
export const encodePap = (
  message: PapMessage,
  options: { readonly version?: PapVersion; readonly productName?: string } = {}
): Result.Result<Uint8Array, Unencodable> => {
  const version = options.version ?? "2.0"
  if (version === "1.0" && message._tag === "PushMessage" && (message.replacePushId ?? message.replaceMethod)) {
    return unencodable("PAP message", "PAP 1.0 has no replacement of pushes", clause)
  }
  if (message._tag === "PushMessage" && message.addresses.length === 0) {
    return unencodable("PAP message", "push-message without an address", clause)
  }
  const [publicId, systemId] = papDoctypes[version]
  const versions = version === "1.0" ? "" : ` [<?wap-pap-ver supported-versions="${version},1.*"?>]`
  return writeXml(
    element("pap", { "product-name": options.productName }, [writeMessage(message)]),
    `pap PUBLIC "${publicId}" "${systemId}"${versions}`
  )
}
