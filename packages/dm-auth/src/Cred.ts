/**
 * `Cred`: what a sender shows to be let in.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Redacted from "effect/Redacted"
import type { AuthType } from "./DmAuthType.ts"
import type { Meta } from "./Meta.ts"
import { decodeFormatted } from "./NextNonce.ts"

/**
 * Credentials: `Cred (Meta?, Data)`, without attributes. DM carries them in `SyncHdr` alone; the grammar allows them in
 * commands too, and there they are kept so that the receiver can answer that they do not count.
 *
 * @spec DM RepPro, Cred
 */
export interface Cred {
  /** The scheme in normalised spelling; `syncml:auth-basic` where Meta names none. */
  readonly type: AuthType
  /** `b64` for text, `bin` for octets where Meta says nothing; otherwise what Meta says. */
  readonly format: string
  /** Data as carried: base64 text, or octets where WBXML carried an OPAQUE. It is a secret or stands for one. */
  readonly data: Redacted.Redacted<string | Uint8Array>
  /** What else Meta holds beside Type and Format. */
  readonly meta?: Meta
}

/**
 * Credentials of `type` over raw `octets` (`user:password` for basic, the digest for the others), base64 as both
 * representations carry them.
 *
 * @example
 * ```ts
 * import { Cred } from "@oma/dm-auth"
 *
 * const hdrCred = Cred.make("syncml:auth-md5", new Uint8Array(16))
 * hdrCred.format // "b64"
 * ```
 */
export const make = (type: AuthType, octets: Uint8Array): Cred => ({
  type,
  format: "b64",
  data: Redacted.make(Bytes.toBase64(octets))
})

/**
 * The octets of `cred`, base64-decoded exactly once: `user:password` for basic, 16 or 32 octets for a digest. `undefined`
 * where Data does not decode, or is text under another Format than `b64`: such credentials are wrong, not malformed.
 */
export const octets = (cred: Cred): Uint8Array | undefined => decodeFormatted(Redacted.value(cred.data), cred.format)
