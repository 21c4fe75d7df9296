/**
 * Delivery receipts of SMPP: the text that an SMS centre sends when it knows what became of a message.
 *
 * @spec SMPP 3.4 Appendix B
 * @layer codec
 */
import type { Civil } from "./Timestamp.ts"
import { toCivil } from "./Timestamp.ts"

/** Final and intermediate states, as receipts spell them. */
export type ReceiptStatus = "DELIVRD" | "EXPIRED" | "DELETED" | "UNDELIV" | "ACCEPTD" | "UNKNOWN" | "REJECTD"

export interface DeliveryReceipt {
  /** The centre's name for the message. */
  readonly id: string
  readonly status: ReceiptStatus
}

/** States by their number in the parameter message_state. */
export const receiptStatuses: ReadonlyArray<readonly [number: number, status: ReceiptStatus]> = [
  [2, "DELIVRD"],
  [3, "EXPIRED"],
  [4, "DELETED"],
  [5, "UNDELIV"],
  [6, "ACCEPTD"],
  [7, "UNKNOWN"],
  [8, "REJECTD"]
]

const shape = /^id:([!-~]{1,65}) .*?\bstat:([A-Z]{7})\b/s

/** The receipt in the text of a deliver_sm, or `undefined` where it is none. Texts are at most 254 characters. */
export const parseReceipt = (text: string): DeliveryReceipt | undefined => {
  const found = text.length > 254 ? null : shape.exec(text)
  const status = receiptStatuses.find(([, name]) => name === found?.[2])?.[1]
  return found === null || status === undefined ? undefined : { id: found[1]!, status }
}

const pad = (n: number): string => String(n).padStart(2, "0")
const minute = (c: Civil): string => pad(c.year % 100) + pad(c.month) + pad(c.day) + pad(c.hour) + pad(c.minute)

/** The text of a receipt; the times are milliseconds since 1970-01-01 UTC. */
export const formatReceipt = (receipt: DeliveryReceipt, submitted: number, done: number): string => {
  const delivered = receipt.status === "DELIVRD" ? "001" : "000"
  const error = delivered === "001" ? "000" : "001"
  return `id:${receipt.id} sub:001 dlvrd:${delivered} submit date:${minute(toCivil(submitted))} done date:${minute(toCivil(done))} stat:${receipt.status} err:${error} text:`
}
