/**
 * The user data header of a short message: ports and concatenation.
 *
 * @spec TS 23.040 9.2.3.24
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"
import { concat } from "./Octets.ts"

/** One information element, its value at most 255 octets. */
export interface InformationElement {
  readonly id: number
  readonly value: Uint8Array
}

/** Application ports; `width` is the number of bits of each on the air. */
export interface Ports {
  readonly destination: number
  readonly source: number
  readonly width: 8 | 16
}

/** Place of a part in a longer message: `part` counts from 1 to `total`; `width` is the number of bits of the reference. */
export interface Concatenation {
  readonly reference: number
  readonly total: number
  readonly part: number
  readonly width: 8 | 16
}

/** A user data header. `others` are the elements that are neither ports nor concatenation, in their order. */
export interface UserDataHeader {
  readonly ports?: Ports
  readonly concatenation?: Concatenation
  readonly others: ReadonlyArray<InformationElement>
}

/** Numbers of information elements. */
export const elementId = { concatenation8: 0x00, ports8: 0x04, ports16: 0x05, concatenation16: 0x08 } as const

/** Well-known ports of WAP. */
export const wapPort = {
  pushConnectionless: 2948,
  pushConnectionlessSecure: 2949,
  pushOverHttp: 4035,
  pushOverHttpSecure: 4036,
  wspConnectionless: 9200,
  wspSession: 9201,
  wspConnectionlessSecure: 9202,
  wspSessionSecure: 9203
} as const

const clause = "TS 23.040 9.2.3.24"
const lengths: ReadonlyMap<number, number> = new Map([
  [elementId.concatenation8, 3],
  [elementId.ports8, 2],
  [elementId.ports16, 4],
  [elementId.concatenation16, 4]
])

const word = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!

/**
 * The header at the beginning of `userData` and the octets behind it.
 *
 * Elements may come in any order; of ports or concatenation given twice the last counts. A part number of 0 or above the
 * total is refused: such a message can belong to no set. So is a known element of another length than its own. Both
 * refusals are our own choice.
 */
export const decodeUdh = (
  userData: Uint8Array
): Result.Result<readonly [header: UserDataHeader, rest: Uint8Array], Malformed> => {
  const length = userData[0]
  if (length === undefined || length + 1 > userData.length) {
    return malformed("user data header", 0, "longer than the message", clause)
  }
  const end = length + 1
  let ports: Ports | undefined
  let concatenation: Concatenation | undefined
  const others: Array<InformationElement> = []
  let at = 1
  while (at < end) {
    const id = userData[at]!
    const size = at + 1 < end ? userData[at + 1]! : Number.POSITIVE_INFINITY
    if (at + 2 + size > end) return malformed("user data header", at, "element longer than the header", clause)
    const value = userData.subarray(at + 2, at + 2 + size)
    const demanded = lengths.get(id)
    if (demanded !== undefined && demanded !== size) {
      return malformed("user data header", at, `element ${id} is not ${demanded} octets long`, clause)
    }
    switch (id) {
      case elementId.ports8:
        ports = { destination: value[0]!, source: value[1]!, width: 8 }
        break
      case elementId.ports16:
        ports = { destination: word(value, 0), source: word(value, 2), width: 16 }
        break
      case elementId.concatenation8:
        concatenation = { reference: value[0]!, total: value[1]!, part: value[2]!, width: 8 }
        break
      case elementId.concatenation16:
        concatenation = { reference: word(value, 0), total: value[2]!, part: value[3]!, width: 16 }
        break
      default:
        others.push({ id, value })
    }
    at += 2 + size
  }
  if (concatenation !== undefined && (concatenation.part === 0 || concatenation.part > concatenation.total)) {
    return malformed("user data header", 0, "part number outside 1 to total", clause)
  }
  return Result.succeed([
    {
      others,
      ...(ports !== undefined ? { ports } : {}),
      ...(concatenation !== undefined ? { concatenation } : {})
    },
    userData.subarray(end)
  ])
}

const fits = (value: number, width: 8 | 16): boolean =>
  Number.isInteger(value) && value >= 0 && value < (width === 8 ? 0x100 : 0x10000)

/** The octets of a header, its length first: ports, then concatenation, then the others. At most 140 octets. */
export const encodeUdh = (header: UserDataHeader): Result.Result<Uint8Array, Unencodable> => {
  const parts: Array<Uint8Array> = []
  const { ports, concatenation } = header
  if (ports !== undefined) {
    const { destination, source, width } = ports
    if (!fits(destination, width) || !fits(source, width)) {
      return unencodable("user data header", `port has more than ${width} bits`, clause)
    }
    parts.push(
      width === 8
        ? Uint8Array.of(elementId.ports8, 2, destination, source)
        : Uint8Array.of(elementId.ports16, 4, destination >> 8, destination & 0xff, source >> 8, source & 0xff)
    )
  }
  if (concatenation !== undefined) {
    const { reference, total, part, width } = concatenation
    if (!fits(reference, width) || !fits(total, 8) || !fits(part, 8) || part === 0 || part > total) {
      return unencodable("user data header", "no such part of a message", clause)
    }
    parts.push(
      width === 8
        ? Uint8Array.of(elementId.concatenation8, 3, reference, total, part)
        : Uint8Array.of(elementId.concatenation16, 4, reference >> 8, reference & 0xff, total, part)
    )
  }
  for (const { id, value } of header.others) {
    if (!fits(id, 8) || lengths.has(id) || value.length > 255) {
      return unencodable("user data header", "not an element of its own", clause)
    }
    parts.push(Uint8Array.of(id, value.length), value)
  }
  const body = concat(parts)
  return body.length > 139
    ? unencodable("user data header", "longer than a message", clause)
    : Result.succeed(concat([Uint8Array.of(body.length), body]))
}
