/**
 * The messages of Zpn, and their form in Nbsp_GBA, the service-based interface: JSON to values and back.
 *
 * @layer codec
 * @spec TS 33.223; TS 29.109 5.4; TS 29.309 (OpenAPI file TS29309_Nbsp_GBA)
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { MalformedGba } from "../gba/GbaError.ts"
import * as NafId from "../gba/NafId.ts"
import * as Nbsp from "../gba/Nbsp.ts"
import * as XmlDateTime from "../gba/XmlDateTime.ts"
import { limits as gpiLimits } from "./GpiCodec.ts"

/** A feature that a NAF may ask for; `GPL_U` ends GPL in the UICC. */
export type SecurityFeature = "GPL_U"

/** What a Push-NAF asks: PushInfoRequest. */
export interface GpiRequest {
  /** The subscriber: an IMPI, or a public identity such as `tel:+15551230001`. 1 to 255 characters. */
  readonly ueId: string
  readonly ueIdType: "PUBLIC" | "PRIVATE"
  /** Which application of the UICC is meant, up to 255 octets of UTF-8; empty for the only one. */
  readonly uiccAppLabel: string
  readonly nafId: NafId.NafId
  /** How the handset will name the association towards the NAF; 1 to 64 octets of UTF-8. */
  readonly ptId: string
  readonly uiccOrMe: "GBA_ME" | "GBA_U"
  /** Until when the key should hold: milliseconds since 1970, whole seconds. */
  readonly requestedLifeTime: number
  readonly privateIdRequest?: boolean | undefined
  readonly gbaUAware?: boolean | undefined
  readonly gsIds?: ReadonlyArray<number> | undefined
  /** The answer of a card that is out of step, with the RAND that it answers. */
  readonly resynchronise?: { readonly auts: Uint8Array; readonly rand: Uint8Array } | undefined
  readonly securityFeaturesRequest?: ReadonlyArray<SecurityFeature> | undefined
}

/** What it is told: PushInfoResponse. Who gets it owns the key octets, and wipes them. */
export interface GpiResponse extends Nbsp.InfoResponse {
  /** The GPI, for the handset. */
  readonly gbaPushInfo: Uint8Array
}

/** The path below the root of the interface. @spec TS 29.309 */
export const PATH = "/nbsp-gba/v1/push-info-retrieval"

/** What a message may have at most. */
export interface PushInfoLimits extends Nbsp.NbspLimits {
  /** Characters of an identity; 255. */
  readonly identity: number
}
export const defaultLimits: PushInfoLimits = { ...Nbsp.defaultLimits, identity: 255 }

const clause = "TS 29.309 A"
type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const parse = (what: string, json: string, longest: number): Result.Result<Json, MalformedGba> => {
  if (json.length > longest)
    return Result.fail(new MalformedGba({ what, why: `more than ${longest} characters`, clause }))
  try {
    const value: unknown = JSON.parse(json)
    if (isObject(value)) return Result.succeed(value)
  } catch {
    // told below
  }
  return Result.fail(new MalformedGba({ what, why: "no JSON object", clause }))
}

const hexOf = (value: unknown, length: number): Uint8Array | undefined =>
  typeof value === "string" && value.length === 2 * length ? Bytes.fromHex(value) : undefined

const utf8Length = (text: string): number => Bytes.utf8(text).length

/** The request as JSON. */
export const encodeRequest = (request: GpiRequest): string => {
  const { gsIds, privateIdRequest, gbaUAware, resynchronise, securityFeaturesRequest } = request
  return JSON.stringify({
    ueId: request.ueId,
    ueIdType: request.ueIdType,
    uiccAppLabel: request.uiccAppLabel,
    nafId: { nafFqdn: request.nafId.fqdn, uaSecProtId: request.nafId.ua },
    ptId: request.ptId,
    uiccOrMe: request.uiccOrMe,
    requestedLifeTime: XmlDateTime.encode(request.requestedLifeTime),
    ...(privateIdRequest !== undefined && { privateIdRequest }),
    ...(gbaUAware !== undefined && { gbaUAware }),
    ...(gsIds !== undefined && gsIds.length > 0 && { gsIds }),
    ...(resynchronise !== undefined && {
      auts: Bytes.toHex(resynchronise.auts),
      rand: Bytes.toHex(resynchronise.rand)
    }),
    ...(securityFeaturesRequest !== undefined && securityFeaturesRequest.length > 0 && { securityFeaturesRequest })
  })
}

/**
 * The request in `json`. Unknown members and features are passed over; a member of the wrong type, an AUTS without RAND, and a P-TID or
 * label that no GPI holds are refused.
 *
 * **Fails** with `MalformedGba`.
 */
export const decodeRequest = (
  json: string,
  limits: PushInfoLimits = defaultLimits
): Result.Result<GpiRequest, MalformedGba> => {
  const refuse = (why: string) => Result.fail(new MalformedGba({ what: "PushInfoRequest", why, clause }))
  const parsed = parse("PushInfoRequest", json, limits.length)
  if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
  const { ueId, ueIdType, uiccAppLabel, nafId, ptId, uiccOrMe, requestedLifeTime, ...optional } = parsed.success
  if (typeof ueId !== "string" || ueId.length < 1 || ueId.length > limits.identity) return refuse("ueId")
  if (ueIdType !== "PUBLIC" && ueIdType !== "PRIVATE") return refuse("ueIdType")
  if (typeof uiccAppLabel !== "string" || utf8Length(uiccAppLabel) > gpiLimits.label) return refuse("uiccAppLabel")
  if (!isObject(nafId)) return refuse("nafId")
  const { nafFqdn, uaSecProtId } = nafId
  if (typeof nafFqdn !== "string" || typeof uaSecProtId !== "string") return refuse("nafId")
  const naf = Result.flatMap(NafId.parseProtocol(uaSecProtId), (ua) => NafId.make(nafFqdn, ua))
  if (Result.isFailure(naf)) return Result.fail(naf.failure)
  if (typeof ptId !== "string" || ptId.length < 1 || utf8Length(ptId) > gpiLimits.ptid) return refuse("ptId")
  if (uiccOrMe !== "GBA_ME" && uiccOrMe !== "GBA_U") return refuse("uiccOrMe")
  const until = typeof requestedLifeTime === "string" ? XmlDateTime.decode(requestedLifeTime) : undefined
  if (until === undefined) return refuse("requestedLifeTime is no time with a zone")
  const { privateIdRequest, gbaUAware, gsIds, auts, rand, securityFeaturesRequest } = optional
  if (privateIdRequest !== undefined && typeof privateIdRequest !== "boolean") return refuse("privateIdRequest")
  if (gbaUAware !== undefined && typeof gbaUAware !== "boolean") return refuse("gbaUAware")
  const ids: Array<number> = []
  if (gsIds !== undefined) {
    if (!Array.isArray(gsIds) || gsIds.length < 1 || gsIds.length > limits.entries) return refuse("gsIds")
    for (const id of gsIds as ReadonlyArray<unknown>) {
      if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > 0xffff_ffff) return refuse("gsIds")
      ids.push(id)
    }
  }
  let resynchronise: GpiRequest["resynchronise"]
  if (auts !== undefined || rand !== undefined) {
    const [autsOctets, randOctets] = [hexOf(auts, 14), hexOf(rand, 16)]
    if (autsOctets === undefined || randOctets === undefined) return refuse("auts and rand: both, 14 and 16 octets")
    resynchronise = { auts: autsOctets, rand: randOctets }
  }
  const features = securityFeaturesRequest
  if (features !== undefined && (!Array.isArray(features) || features.length < 1 || features.length > limits.entries)) {
    return refuse("securityFeaturesRequest")
  }
  return Result.succeed({
    ueId,
    ueIdType,
    uiccAppLabel,
    nafId: naf.success,
    ptId,
    uiccOrMe,
    requestedLifeTime: until,
    ...(privateIdRequest !== undefined && { privateIdRequest }),
    ...(gbaUAware !== undefined && { gbaUAware }),
    ...(ids.length > 0 && { gsIds: ids }),
    ...(resynchronise !== undefined && { resynchronise }),
    ...(features?.includes("GPL_U") && { securityFeaturesRequest: ["GPL_U"] })
  })
}

/** The response as JSON. */
export const encodeResponse = (response: GpiResponse): string =>
  `{"gbaPushInfo":"${Bytes.toHex(response.gbaPushInfo)}",${Nbsp.encodeResponse(response).slice(1)}`

/**
 * The response in `json`; what it shares with the other message of the interface is read as there: a key without an end is not taken.
 *
 * **Fails** with `MalformedGba`.
 */
export const decodeResponse = (
  json: string,
  limits: PushInfoLimits = defaultLimits
): Result.Result<GpiResponse, MalformedGba> =>
  Result.flatMap(Nbsp.decodeResponse(json, limits), (info) =>
    Result.flatMap(parse("PushInfoResponse", json, limits.length), ({ gbaPushInfo }) => {
      const text = typeof gbaPushInfo === "string" && gbaPushInfo.length <= 2 * gpiLimits.gpi ? gbaPushInfo : ""
      const octets = Bytes.fromHex(text)
      return octets === undefined || octets.length === 0
        ? Result.fail(new MalformedGba({ what: "PushInfoResponse", why: "gbaPushInfo is no GPI", clause }))
        : Result.succeed({ ...info, gbaPushInfo: octets })
    })
  )
