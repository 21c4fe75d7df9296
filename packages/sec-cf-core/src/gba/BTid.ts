/**
 * B-TID, the name of a bootstrapping: made by the bootstrapping server, opaque to handset and application server.
 *
 * @layer codec
 * @spec TS 33.220 4.5.2; TS 24.109 4.4
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import * as Fqdn from "./Fqdn.ts"
import { MalformedGba } from "./GbaError.ts"

/** `something@bsf`; the part before the last `@` may hold `/`, `+`, `=` and further `@`. */
export type BTid = string & { readonly BTid: unique symbol }

const malformed = (why: string) => Result.fail(new MalformedGba({ what: "B-TID", why, clause: "TS 33.220 4.5.2" }))

/** The B-TID of the bootstrapping with `rand` (16 octets) at `bsf`: base64(RAND)@bsf. @spec TS 33.220 4.5.2 */
export const make = (rand: Uint8Array, bsf: Fqdn.Fqdn): BTid => `${Bytes.toBase64(rand)}@${bsf}` as BTid

/**
 * `text` as a B-TID. The limit is 320 characters unless said otherwise: 24 of base64 and a name of 253 fit.
 *
 * **Fails** with `MalformedGba` without a name in front of the last `@` or a domain name behind it, for characters other
 * than printable US-ASCII, a quote, backslash, colon or space, and past the limit.
 */
export const parse = (text: string, maximum = 320): Result.Result<BTid, MalformedGba> => {
  if (text.length > maximum) return malformed(`more than ${maximum} characters`)
  const at = text.lastIndexOf("@")
  if (at < 1) return malformed("name@bsf is needed")
  if (!/^[!#-9;-[\]-~]+$/.test(text)) return malformed("a character that no B-TID has")
  const bsf = Fqdn.parse(text.slice(at + 1))
  return Result.isSuccess(bsf) ? Result.succeed(text as BTid) : malformed(bsf.failure.why)
}

/** The bootstrapping server that made `btid`, in lower case. */
export const bsfOf = (btid: BTid): Fqdn.Fqdn => btid.slice(btid.lastIndexOf("@") + 1).toLowerCase() as Fqdn.Fqdn

/** RAND, where the name is base64 of 16 octets as TS 33.220 makes it; servers of the field make others. */
export const randOf = (btid: BTid): Uint8Array | undefined => {
  const octets = Bytes.fromBase64(btid.slice(0, btid.lastIndexOf("@")))
  return Result.isSuccess(octets) && octets.success.length === 16 ? octets.success : undefined
}
