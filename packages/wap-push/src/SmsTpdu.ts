/**
 * SMS-DELIVER and SMS-SUBMIT: the protocol data units between a terminal and the SMS centre.
 *
 * @spec TS 23.040 9.2.2.1, 9.2.2.2
 * @layer codec
 */
import * as Result from "effect/Result"
import { fromSeptets, pack, toSeptets, unpack } from "./Gsm7.ts"
import { type Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"
import { type Cursor, concat, cursor, octet, take } from "./Octets.ts"
import { alphabetOf, type ShortMessage, type SmsAddress, typeOfNumber, userDataCapacity } from "./ShortMessage.ts"
import { fromCivil, toCivil } from "./Timestamp.ts"

interface Common {
  /** TP-RP: a reply path is set. */
  readonly replyPath: boolean
  /** TP-UDHI: the user data begins with a header. */
  readonly hasHeader: boolean
  /** TP-PID. */
  readonly protocolId: number
  /** TP-DCS. */
  readonly dataCoding: number
  /** TP-UDL: octets, or septets in the 7-bit alphabet. */
  readonly userDataLength: number
  /** TP-UD, packed as on the air; at most 140 octets. */
  readonly userData: Uint8Array
}

/** A message from the SMS centre to the terminal. */
export interface SmsDeliver extends Common {
  readonly _tag: "SmsDeliver"
  /** TP-OA. */
  readonly from: SmsAddress
  /** TP-MMS turned round: more messages wait in the centre. */
  readonly moreMessages: boolean
  /** TP-SRI: a status report was asked for. */
  readonly statusReport: boolean
  /** TP-SCTS: when the centre took the message; milliseconds since 1970-01-01 UTC, whole seconds. */
  readonly serviceCentreTime: number
  /** Quarters of an hour by which the local time of TP-SCTS is ahead of UTC, -79 to 79. */
  readonly zone: number
}

/** A message from the terminal to the SMS centre. */
export interface SmsSubmit extends Common {
  readonly _tag: "SmsSubmit"
  /** TP-DA. */
  readonly to: SmsAddress
  /** TP-MR, 0-255. */
  readonly reference: number
  /** TP-RD. */
  readonly rejectDuplicates: boolean
  /** TP-SRR. */
  readonly statusReport: boolean
  /** TP-VP as it stands on the air: absent, one octet (relative) or seven (absolute or enhanced). */
  readonly validityPeriod?: { readonly format: "relative" | "absolute" | "enhanced"; readonly octets: Uint8Array }
}

export type SmsTpdu = SmsDeliver | SmsSubmit

const clause = "TS 23.040 9.2.2"
const digits = "0123456789*#abc"

const readAddress = (c: Cursor): SmsAddress | undefined => {
  const length = octet(c)
  const type = octet(c)
  if (length === undefined || length > 20 || type === undefined || type < 0x80) return undefined
  const value = take(c, (length + 1) >> 1)
  if (value === undefined) return undefined
  const ton = (type >> 4) & 7
  const npi = type & 15
  if (ton === typeOfNumber.alphanumeric) {
    return { number: fromSeptets(unpack(value, Math.floor((length * 4) / 7))), ton, npi }
  }
  let number = ""
  for (let i = 0; i < length; i++) {
    const digit = digits[i % 2 === 0 ? value[i >> 1]! & 15 : value[i >> 1]! >> 4]
    if (digit === undefined) return undefined
    number += digit
  }
  return { number, ton, npi }
}

const writeAddress = (address: SmsAddress): Uint8Array | undefined => {
  const type = 0x80 | ((address.ton & 7) << 4) | (address.npi & 15)
  if (address.ton === typeOfNumber.alphanumeric) {
    const septets = toSeptets(address.number)
    if (septets === undefined || septets.length > 11) return undefined
    return concat([Uint8Array.of(Math.ceil((septets.length * 7) / 4), type), pack(septets)])
  }
  if (address.number.length > 20) return undefined
  const value = new Uint8Array((address.number.length + 1) >> 1).fill(0xff)
  for (let i = 0; i < address.number.length; i++) {
    const digit = digits.indexOf(address.number[i]!)
    if (digit < 0) return undefined
    const at = i >> 1
    value[at] = i % 2 === 0 ? 0xf0 | digit : (value[at]! & 0x0f) | (digit << 4)
  }
  return concat([Uint8Array.of(address.number.length, type), value])
}

const swapped = (value: number): number => ((value % 10) << 4) | Math.floor(value / 10)
const unswapped = (value: number): number => (value & 15) * 10 + (value >> 4)

// two-digit years: 00-69 are this century, as GSM phones take them
const readTime = (octets: Uint8Array): { readonly at: number; readonly zone: number } | undefined => {
  for (let i = 0; i < 6; i++) if ((octets[i]! & 15) > 9 || octets[i]! >> 4 > 9) return undefined
  const [year, month, day, hour, minute, second] = Array.from(octets.subarray(0, 6), unswapped) as [
    number,
    number,
    number,
    number,
    number,
    number
  ]
  const last = octets[6]!
  const quarters = (last & 7) * 10 + (last >> 4)
  if (last >> 4 > 9 || quarters > 79) return undefined
  const zone = (last & 8) !== 0 ? -quarters : quarters
  const local = fromCivil({ year: year + (year < 70 ? 2000 : 1900), month, day, hour, minute, second })
  return local === undefined ? undefined : { at: local - zone * 900_000, zone: zone === 0 ? 0 : zone }
}

const writeTime = (at: number, zone: number): Uint8Array | undefined => {
  if (!Number.isInteger(zone) || Math.abs(zone) > 79) return undefined
  const c = toCivil(at + zone * 900_000)
  if (c.year < 1970 || c.year > 2069) return undefined
  const quarters = Math.abs(zone)
  const last = ((quarters % 10) << 4) | Math.floor(quarters / 10) | (zone < 0 ? 8 : 0)
  return Uint8Array.of(
    swapped(c.year % 100),
    swapped(c.month),
    swapped(c.day),
    swapped(c.hour),
    swapped(c.minute),
    swapped(c.second),
    last
  )
}

const octetsOf = (dataCoding: number, length: number): number =>
  alphabetOf(dataCoding) === "gsm7" ? Math.ceil((length * 7) / 8) : length

const readUserData = (c: Cursor, dataCoding: number): Pick<Common, "userDataLength" | "userData"> | undefined => {
  const length = octet(c)
  if (length === undefined) return undefined
  const wanted = octetsOf(dataCoding, length)
  const userData = wanted > userDataCapacity ? undefined : take(c, wanted)
  return userData === undefined || c.at !== c.end ? undefined : { userDataLength: length, userData }
}

/** The TPDU in `octets`, which hold no service centre address; `direction` says which way it travels, since DELIVER and a report share a number. */
export const decodeSmsTpdu = (
  octets: Uint8Array,
  direction: "to-terminal" | "from-terminal"
): Result.Result<SmsTpdu, Malformed> => {
  const c = cursor(octets)
  const refused = (detail: string) => malformed("SMS TPDU", c.at, detail, clause)
  const first = octet(c)
  if (first === undefined) return refused("empty")
  const type = first & 3
  if (type !== (direction === "to-terminal" ? 0 : 1)) return refused("neither DELIVER nor SUBMIT")
  const replyPath = (first & 0x80) !== 0
  const hasHeader = (first & 0x40) !== 0
  const statusReport = (first & 0x20) !== 0
  const reference = type === 1 ? octet(c) : 0
  const address = readAddress(c)
  if (address === undefined || reference === undefined) return refused("address")
  const protocolId = octet(c)
  const dataCoding = octet(c)
  if (protocolId === undefined || dataCoding === undefined) return refused("cut off")
  if (type === 0) {
    const stamp = take(c, 7)
    const time = stamp === undefined ? undefined : readTime(stamp)
    if (time === undefined) return refused("service centre time stamp")
    const data = readUserData(c, dataCoding)
    if (data === undefined) return refused("user data length")
    return Result.succeed({
      _tag: "SmsDeliver",
      from: address,
      moreMessages: (first & 4) === 0,
      statusReport,
      serviceCentreTime: time.at,
      zone: time.zone,
      replyPath,
      hasHeader,
      protocolId,
      dataCoding,
      ...data
    })
  }
  const format = ([undefined, "enhanced", "relative", "absolute"] as const)[(first >> 3) & 3]
  const period = format === undefined ? undefined : take(c, format === "relative" ? 1 : 7)
  if (format !== undefined && period === undefined) return refused("validity period")
  const data = readUserData(c, dataCoding)
  if (data === undefined) return refused("user data length")
  return Result.succeed({
    _tag: "SmsSubmit",
    to: address,
    reference,
    rejectDuplicates: (first & 4) !== 0,
    statusReport,
    ...(format !== undefined && period !== undefined ? { validityPeriod: { format, octets: period } } : {}),
    replyPath,
    hasHeader,
    protocolId,
    dataCoding,
    ...data
  })
}

/** The octets of a TPDU without a service centre address. */
export const encodeSmsTpdu = (tpdu: SmsTpdu): Result.Result<Uint8Array, Unencodable> => {
  const refused = (detail: string) => unencodable("SMS TPDU", detail, clause)
  const { userData, userDataLength, dataCoding, protocolId } = tpdu
  if (userData.length > userDataCapacity || octetsOf(dataCoding, userDataLength) !== userData.length) {
    return refused("user data length")
  }
  const flags = (tpdu.replyPath ? 0x80 : 0) | (tpdu.hasHeader ? 0x40 : 0) | (tpdu.statusReport ? 0x20 : 0)
  const address = writeAddress(tpdu._tag === "SmsDeliver" ? tpdu.from : tpdu.to)
  if (address === undefined) return refused("address")
  const coding = Uint8Array.of(protocolId, dataCoding)
  const data = [Uint8Array.of(userDataLength), userData]
  if (tpdu._tag === "SmsDeliver") {
    const time = writeTime(tpdu.serviceCentreTime, tpdu.zone)
    if (time === undefined) return refused("service centre time stamp")
    return Result.succeed(concat([Uint8Array.of(flags | (tpdu.moreMessages ? 0 : 4)), address, coding, time, ...data]))
  }
  const period = tpdu.validityPeriod
  const format = period === undefined ? 0 : { enhanced: 1, relative: 2, absolute: 3 }[period.format]
  if (period !== undefined && period.octets.length !== (format === 2 ? 1 : 7)) return refused("validity period")
  return Result.succeed(
    concat([
      Uint8Array.of(1 | flags | (tpdu.rejectDuplicates ? 4 : 0) | (format << 3), tpdu.reference & 0xff),
      address,
      coding,
      period?.octets ?? new Uint8Array(0),
      ...data
    ])
  )
}

/** The short message that a terminal with the address `to` got in `deliver`, as `PushReceiver` takes it. */
export const toShortMessage = (deliver: SmsDeliver, to: SmsAddress): ShortMessage => ({
  from: deliver.from,
  to,
  protocolId: deliver.protocolId,
  dataCoding: deliver.dataCoding,
  hasHeader: deliver.hasHeader,
  userData: deliver.userData
})
