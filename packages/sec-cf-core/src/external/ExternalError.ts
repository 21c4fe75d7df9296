/**
 * The failures of external authentication: what does not parse, and what cannot be configured.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

/** A RADIUS packet that cannot be read or written. `offset` is the octet where it was noticed; no value of the packet is kept. */
export class RadiusMalformed extends Data.TaggedError("RadiusMalformed")<{
  readonly why: string
  readonly clause: string
  readonly offset: number
}> {}

/** A range of addresses that is none. */
export class IpRangeMalformed extends Data.TaggedError("IpRangeMalformed")<{ readonly range: string }> {}

/** An identity header, or what stands beside it, that may not be believed although a trusted proxy sent it. */
export class IdentityRefused extends Data.TaggedError("IdentityRefused")<{
  readonly why:
    | "header repeated"
    | "header disguised"
    | "value not usable"
    | "different subscribers"
    | "proxy MAC malformed"
    | "proxy MAC does not hold"
    | "proxy MAC too old"
    | "proxy MAC used before"
  readonly clause: string
}> {}
