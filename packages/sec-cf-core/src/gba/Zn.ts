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
import type { InfoRequest, InfoResponse } from "./Nbsp.ts"

/** What an application server asks. */
export type ZnRequest = InfoRequest

/** What it is told. Who gets the answer owns the key octets, and wipes them. */
export type NafKeyMaterial = InfoResponse

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
