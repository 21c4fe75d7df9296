/**
 * `Chal`: the demand for credentials, which stands in `Status` alone.
 *
 * @layer codec
 */
import type { AuthType } from "./DmAuthType.ts"
import type { Meta } from "./Meta.ts"
import * as NextNonce from "./NextNonce.ts"

/**
 * A challenge: `Chal (Meta)`, without attributes.
 *
 * @spec DM RepPro, Chal
 */
export interface Chal {
  /** The scheme in normalised spelling; `syncml:auth-basic` where Meta names none. */
  readonly type: AuthType
  /** `b64` where Meta says nothing, unless the nonce came as octets: then `bin`. */
  readonly format: string
  /** The nonce as carried; read it with {@link nonce}. */
  readonly nextNonce?: NextNonce.NextNonce
  /** What else Meta holds. */
  readonly meta?: Meta
}

/**
 * A challenge for `type`, with the raw octets of the next nonce where the scheme uses one.
 *
 * @example
 * ```ts
 * import { Chal } from "@oma/dm-auth"
 *
 * Chal.make("syncml:auth-md5", new Uint8Array([0x4e, 0x6f, 0x6e, 0x63, 0x65])).nextNonce // "Tm9uY2U="
 * ```
 */
export const make = (type: AuthType, nonce?: Uint8Array): Chal =>
  nonce === undefined ? { type, format: "b64" } : { type, format: "b64", nextNonce: NextNonce.encode(nonce) }

/**
 * The raw octets of the nonce in `chal`; `undefined` where it carries none or one that does not decode.
 *
 * **Gotchas** An empty nonce is zero octets, not `undefined`.
 */
export const nonce = (chal: Chal): Uint8Array | undefined =>
  chal.nextNonce === undefined ? undefined : NextNonce.octets(chal.nextNonce, chal.format)
