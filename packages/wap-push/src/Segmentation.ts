/**
 * Splits a datagram into the user data of short messages, each with its ports and its place in the whole.
 *
 * @spec TS 23.040 9.2.3.24.1, WAP-259-WDP
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Unencodable, unencodable } from "./Malformed.ts"
import { concat } from "./Octets.ts"
import { userDataCapacity } from "./ShortMessage.ts"
import { encodeUdh, type Ports } from "./Udh.ts"

export interface SegmentationOptions {
  readonly ports: Ports
  /** The number that ties the parts together; its low 8 or 16 bits are used. */
  readonly reference: number
  /** Bits of the reference, 8 by default: it costs an octet less. */
  readonly width?: 8 | 16
  /** More parts than this are refused; 255, the most there can be, by default. */
  readonly maxParts?: number
}

/**
 * The user data of each short message, its header first, at most 140 octets each: one message of up to 133 octets of
 * `datagram`, else parts of 128 (127 with a 16-bit reference).
 *
 * **Fails** with `Unencodable` where more parts than `maxParts` are needed, or a port has no form of the wanted width.
 */
export const segment = (
  datagram: Uint8Array,
  options: SegmentationOptions
): Result.Result<ReadonlyArray<Uint8Array>, Unencodable> => {
  const { ports } = options
  const width = options.width ?? 8
  const maxParts = Math.min(options.maxParts ?? 255, 255)
  const single = encodeUdh({ ports, others: [] })
  if (Result.isFailure(single)) return Result.fail(single.failure)
  if (single.success.length + datagram.length <= userDataCapacity) {
    return Result.succeed([concat([single.success, datagram])])
  }
  const reference = options.reference & (width === 8 ? 0xff : 0xffff)
  const capacity = userDataCapacity - single.success.length - (width === 8 ? 5 : 6)
  const total = Math.ceil(datagram.length / capacity)
  if (total > maxParts)
    return unencodable("datagram", `needs more than ${maxParts} short messages`, "TS 23.040 9.2.3.24.1")
  const parts: Array<Uint8Array> = []
  for (let i = 0; i < total; i++) {
    const header = encodeUdh({ ports, concatenation: { reference, total, part: i + 1, width }, others: [] })
    if (Result.isFailure(header)) return Result.fail(header.failure)
    parts.push(concat([header.success, datagram.subarray(i * capacity, (i + 1) * capacity)]))
  }
  return Result.succeed(parts)
}
