/**
 * Short messages as parameters of submit_sm and deliver_sm, both ways, and the status codes used here.
 *
 * @spec SMPP 3.4 4.4, 4.6, 5.2
 * @layer binding
 */

import * as Result from "effect/Result"
import type { Pdu } from "smpp"
import { type DeliveryReceipt, parseReceipt, receiptStatuses } from "../DeliveryReceipt.ts"
import { pack, toSeptets } from "../Gsm7.ts"
import { concat, latin1 } from "../Octets.ts"
import { alphabetOf, type ShortMessage, type SmsAddress, userDataCapacity } from "../ShortMessage.ts"
import { formatRelative } from "../SmppTime.ts"
import type { SmsSubmission } from "../SmsLink.ts"
import { encodeUdh } from "../Udh.ts"

/** command_status. */
export const status = {
  ok: 0x00,
  invalidMessageLength: 0x01,
  invalidBindStatus: 0x04,
  alreadyBound: 0x05,
  systemError: 0x08,
  bindFailed: 0x0d,
  queueFull: 0x14,
  submitFailed: 0x45,
  throttled: 0x58,
  temporaryAppError: 0x64,
  permanentAppError: 0x65
} as const

/** Bits of esm_class. */
export const esmClass = { udhi: 0x40, typeMask: 0x3c, receipt: 0x04 } as const

const header = (message: ShortMessage): number => (message.hasHeader ? esmClass.udhi : 0)

const common = (message: ShortMessage) => ({
  source_addr_ton: message.from.ton,
  source_addr_npi: message.from.npi,
  source_addr: message.from.number,
  dest_addr_ton: message.to.ton,
  dest_addr_npi: message.to.npi,
  destination_addr: message.to.number,
  protocol_id: message.protocolId,
  data_coding: message.dataCoding,
  short_message: Buffer.from(message.userData)
})

/** Parameters of submit_sm. */
export const submitParameters = (submission: SmsSubmission): Readonly<Record<string, unknown>> => ({
  ...common(submission),
  esm_class: header(submission),
  validity_period: submission.validity === undefined ? "" : formatRelative(submission.validity),
  registered_delivery: submission.receipt ? 1 : 0
})

/** Parameters of deliver_sm. */
export const deliverParameters = (message: ShortMessage): Readonly<Record<string, unknown>> => ({
  ...common(message),
  esm_class: header(message)
})

const numberOf = (pdu: Pdu, name: string): number | undefined => {
  const value = pdu[name]
  return typeof value === "number" ? value : undefined
}

const addressOf = (pdu: Pdu, side: "source" | "dest"): SmsAddress => {
  const number = pdu[side === "source" ? "source_addr" : "destination_addr"]
  return {
    number: typeof number === "string" ? number : "",
    ton: numberOf(pdu, `${side}_addr_ton`) ?? 0,
    npi: numberOf(pdu, `${side}_addr_npi`) ?? 0
  }
}

// the library turns text of some codings into strings; on the way back each coding has one octet form
const textOctets = (text: string, dataCoding: number): Uint8Array | undefined => {
  const alphabet = alphabetOf(dataCoding)
  if (alphabet === "ucs2") return new Uint8Array(Buffer.from(text, "utf16le").swap16())
  if (dataCoding === 0x03) return latin1(text)
  const septets = toSeptets(text)
  return septets === undefined ? undefined : pack(septets)
}

/** User data as on the air. The library hands it over whole, or cut into elements of its header and the rest. */
const octetsOf = (value: unknown, dataCoding: number): Uint8Array | undefined => {
  if (Buffer.isBuffer(value)) return new Uint8Array(value)
  if (typeof value !== "object" || value === null) return undefined
  const message = "message" in value ? value.message : undefined
  const body =
    typeof message === "string" ? textOctets(message, dataCoding) : Buffer.isBuffer(message) ? message : undefined
  const udh = "udh" in value ? value.udh : undefined
  if (body === undefined || !Array.isArray(udh)) return body === undefined ? undefined : new Uint8Array(body)
  const elements = udh.filter((element) => Buffer.isBuffer(element))
  const length = elements.reduce((sum, element) => sum + element.length, 0)
  return concat([Uint8Array.of(length), ...elements, body])
}

/** The header that the optional parameters spell which some senders use in its place. */
const headerOf = (pdu: Pdu): Uint8Array | undefined => {
  const [reference, total, part, destination, source] = [
    "sar_msg_ref_num",
    "sar_total_segments",
    "sar_segment_seqnum",
    "dest_port", // the library's name for destination_port
    "source_port"
  ].map((name) => numberOf(pdu, name))
  const concatenated = reference !== undefined && total !== undefined && part !== undefined
  const addressed = destination !== undefined && source !== undefined
  if (!concatenated && !addressed) return undefined
  const udh = encodeUdh({
    others: [],
    ...(addressed ? { ports: { destination, source, width: 16 } } : {}),
    ...(concatenated ? { concatenation: { reference, total, part, width: 16 } } : {})
  })
  return Result.isSuccess(udh) ? udh.success : undefined
}

/**
 * The short message in a submit_sm or deliver_sm, or `undefined` where it holds none that fits. Messages in message_payload
 * and with the optional parameters for ports and segments are taken; a header made of these does not count for the length.
 */
export const messageOf = (pdu: Pdu): ShortMessage | undefined => {
  const dataCoding = numberOf(pdu, "data_coding") ?? 0
  const short = octetsOf(pdu["short_message"], dataCoding)
  const data =
    short === undefined || short.length === 0 ? (octetsOf(pdu["message_payload"], dataCoding) ?? short) : short
  if (data === undefined) return undefined
  const hasHeader = ((numberOf(pdu, "esm_class") ?? 0) & esmClass.udhi) !== 0
  const added = hasHeader ? undefined : headerOf(pdu)
  if (data.length > (added === undefined ? userDataCapacity : 255)) return undefined
  return {
    from: addressOf(pdu, "source"),
    to: addressOf(pdu, "dest"),
    protocolId: numberOf(pdu, "protocol_id") ?? 0,
    dataCoding,
    hasHeader: hasHeader || added !== undefined,
    userData: added === undefined ? data : concat([added, data])
  }
}

/** The receipt in a deliver_sm, `undefined` where it is an ordinary message, `null` where the receipt cannot be read. */
export const receiptOf = (pdu: Pdu): DeliveryReceipt | null | undefined => {
  if (((numberOf(pdu, "esm_class") ?? 0) & esmClass.typeMask) !== esmClass.receipt) return undefined
  const id = pdu["receipted_message_id"]
  const state = receiptStatuses.find(([number]) => number === numberOf(pdu, "message_state"))?.[1]
  if (typeof id === "string" && id !== "" && state !== undefined) return { id, status: state }
  const body = pdu["short_message"]
  const text = typeof body === "object" && body !== null && "message" in body ? body.message : body
  const spelled = typeof text === "string" ? text : Buffer.isBuffer(text) ? text.toString("latin1") : ""
  return parseReceipt(spelled) ?? null
}
