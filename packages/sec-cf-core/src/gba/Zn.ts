/**
 * Zn, where an application server gets its key: the port.
 *
 * @layer service
 * @spec TS 33.220 4.5.3; TS 29.109 5; TS 29.309
 */
import type { Unavailable } from "@oma/sa-policy"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { BTid } from "./BTid.ts"
import type { Uss } from "./Guss.ts"
import type { NafId } from "./NafId.ts"

/** How Ks came about. */
export type GbaType = "3G_GBA" | "2G_GBA" | "GBA_DIGEST"

export interface ZnRequest {
  readonly btid: BTid
  readonly nafId: NafId
  /** Whether the application server knows GBA_U. */
  readonly gbaUAware?: boolean | undefined
  /** The GAA service identifiers whose settings it asks for. */
  readonly gsIds?: ReadonlyArray<number> | undefined
}

/** The answer. Times are milliseconds since 1970. Who gets it owns the key octets, and wipes them. */
export interface NafKeyMaterial {
  /** Ks_NAF, or Ks_ext_NAF; 32 octets. */
  readonly meKeyMaterial: Uint8Array
  /** Ks_int_NAF; 32 octets, for GBA_U only. */
  readonly uiccKeyMaterial?: Uint8Array | undefined
  readonly keyExpiryTime: number
  readonly bootstrappingInfoCreationTime: number
  readonly ussList: ReadonlyArray<Uss>
  readonly gbaType: GbaType
  /** Where the bootstrapping server tells it to this application server. */
  readonly impi?: string | undefined
}

/** The bootstrapping server gives no key. */
export class ZnRefused extends Data.TaggedError("ZnRefused")<{
  /** 5403 TRANSACTION_IDENTIFIER_INVALID (unknown or expired), 5402 NOT_AUTHORIZED, or a request that cannot be read. */
  readonly reason: "transaction identifier invalid" | "not authorised" | "malformed"
  readonly clause: string
}> {}

/** The bootstrapping server as an application server sees it. */
export class Zn extends Context.Service<
  Zn,
  { readonly retrieve: (request: ZnRequest) => Effect.Effect<NafKeyMaterial, ZnRefused | Unavailable> }
>()("@oma/sec-cf-core/Zn") {}
