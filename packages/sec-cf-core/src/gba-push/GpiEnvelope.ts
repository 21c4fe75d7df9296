/**
 * The envelope in which a GPI travels over SMS: version, session identifier, GPI. That there are these three is known of TS 24.109
 * Annex J, the widths of the fields are not: one octet and two octets are our own choice, and the short code of the content type is not known.
 *
 * @layer codec
 * @spec TS 24.109 Annex J
 */
import * as Result from "effect/Result"
import { limits, MalformedGpi } from "./GpiCodec.ts"

/** The content type of a push that carries an envelope. */
export const mediaType = "application/vnd.3gpp.gba.gpi"

export interface GpiEnvelope {
  /** 0 to 65,535; differs between the sessions with one recipient, and the messages that follow a GPI carry it again. */
  readonly sessionId: number
  readonly gpi: Uint8Array
}

const version = 1
const fail = (at: number, why: string) => Result.fail(new MalformedGpi({ at, why }))

/** The octets of an envelope. The GPI is taken as it is; a session identifier counts modulo 2^16. */
export const encode = ({ sessionId, gpi }: GpiEnvelope): Uint8Array => {
  const out = new Uint8Array(3 + gpi.length)
  out[0] = version
  out[1] = sessionId >> 8
  out[2] = sessionId
  out.set(gpi, 3)
  return out
}

/** What is in an envelope; the GPI is a view. Fails with `MalformedGpi` for another version and impossible lengths. */
export const decode = (octets: Uint8Array): Result.Result<GpiEnvelope, MalformedGpi> => {
  if (octets.length < 4) return fail(octets.length, "ends within the envelope")
  if (octets.length > 3 + limits.gpi) return fail(limits.gpi, `longer than ${3 + limits.gpi} octets`)
  if (octets[0] !== version) return fail(0, `version ${octets[0]} of the envelope is not known`)
  return Result.succeed({ sessionId: (octets[1]! << 8) | octets[2]!, gpi: octets.subarray(3) })
}
