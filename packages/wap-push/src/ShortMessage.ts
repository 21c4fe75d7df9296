/**
 * A short message as every part of this package handles it, whatever protocol brought it: addresses, coding, user data.
 *
 * @spec TS 23.040 9.1.2.5 (addresses), TS 23.038 4 (data coding)
 * @layer codec
 */

/** Type of number, alike in TS 23.040 and SMPP. */
export const typeOfNumber = {
  unknown: 0,
  international: 1,
  national: 2,
  networkSpecific: 3,
  subscriber: 4,
  alphanumeric: 5,
  abbreviated: 6
} as const

/** Numbering plan, alike in TS 23.040 and SMPP. */
export const numberingPlan = { unknown: 0, isdn: 1, national: 8, private: 9 } as const

/** An address: digits without `+`, or the text of an alphanumeric one. */
export interface SmsAddress {
  readonly number: string
  /** `typeOfNumber`. */
  readonly ton: number
  /** `numberingPlan`. */
  readonly npi: number
}

/** One short message. `userData` begins with the user data header where `hasHeader` says so; at most 140 octets. */
export interface ShortMessage {
  readonly from: SmsAddress
  readonly to: SmsAddress
  /** TP-PID. */
  readonly protocolId: number
  /** TP-DCS. */
  readonly dataCoding: number
  /** TP-UDHI. */
  readonly hasHeader: boolean
  readonly userData: Uint8Array
}

/** Octets of user data in one message. */
export const userDataCapacity = 140

/** 8-bit data without a message class, as WAP Push is sent. */
export const dataCoding8Bit = 0x04
/** 8-bit data of class 1, which some networks want. */
export const dataCoding8BitClass1 = 0xf5

/** An E.164 number, with or without `+`. */
export const international = (number: string): SmsAddress => ({
  number: number.startsWith("+") ? number.slice(1) : number,
  ton: typeOfNumber.international,
  npi: numberingPlan.isdn
})

/** A short code or service number. */
export const shortCode = (number: string): SmsAddress => ({
  number,
  ton: typeOfNumber.unknown,
  npi: numberingPlan.isdn
})

/** The alphabet that a data coding octet names. Reserved codings count as the default alphabet. */
export const alphabetOf = (dataCoding: number): "gsm7" | "octets" | "ucs2" => {
  const group = dataCoding >> 4
  if (group === 0xf) return (dataCoding & 0x04) === 0 ? "gsm7" : "octets"
  if (group === 0xe) return "ucs2"
  if (group < 0x8 && (dataCoding & 0x20) === 0) {
    const alphabet = (dataCoding >> 2) & 3
    return alphabet === 1 ? "octets" : alphabet === 2 ? "ucs2" : "gsm7"
  }
  return "gsm7"
}
