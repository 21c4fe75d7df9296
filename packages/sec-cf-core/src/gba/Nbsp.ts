/**
 * The messages of Nbsp_GBA, the service-based form of Zn: JSON to values and back.
 *
 * @layer codec
 * @spec TS 29.309 (OpenAPI file TS29309_Nbsp_GBA)
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import * as BTid from "./BTid.ts"
import { MalformedGba } from "./GbaError.ts"
import type { KeyChoice, Uss } from "./Guss.ts"
import * as NafId from "./NafId.ts"
import * as XmlDateTime from "./XmlDateTime.ts"

/** How Ks came about. */
export type GbaType = "3G_GBA" | "2G_GBA" | "GBA_DIGEST"

/** BootstrappingInfoRequest. */
export interface InfoRequest {
  readonly btid: BTid.BTid
  readonly nafId: NafId.NafId
  readonly gbaUAware?: boolean | undefined
  readonly gsIds?: ReadonlyArray<number> | undefined
}

/** BootstrappingInfoResponse. Times are milliseconds since 1970, keys 32 octets. */
export interface InfoResponse {
  readonly meKeyMaterial: Uint8Array
  readonly uiccKeyMaterial?: Uint8Array | undefined
  readonly keyExpiryTime: number
  /** When the bootstrapping was made. */
  readonly bootstrappingInfoCreationTime?: number | undefined
  readonly ussList: ReadonlyArray<Uss>
  readonly gbaType: GbaType
  readonly impi?: string | undefined
}

/** What a message may have at most. */
export interface NbspLimits {
  /** Characters; 65,536. */
  readonly length: number
  /** Entries of any list; 256. */
  readonly entries: number
}
export const defaultLimits: NbspLimits = { length: 65_536, entries: 256 }

/** The path below the root of the interface. @spec TS 29.309 */
export const PATH = "/nbsp-gba/v1/bootstrapping-info-retrieval"

type Json = Readonly<Record<string, unknown>>

/** Ends a reading with its reason; caught at the two entrances below. */
class Unreadable {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}
const unreadable = (why: string): never => {
  throw new Unreadable(why)
}

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)
const object = (value: unknown, name: string): Json => (isObject(value) ? value : unreadable(`${name} is no object`))
const text = (value: unknown, name: string): string =>
  typeof value === "string" ? value : unreadable(`${name} is no string`)
const uint32 = (value: unknown, name: string): number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffffffff
    ? value
    : unreadable(`${name} is no number of 32 bits`)
const list = (value: unknown, name: string, limits: NbspLimits): ReadonlyArray<unknown> =>
  Array.isArray(value) && value.length >= 1 && value.length <= limits.entries
    ? value
    : unreadable(`${name} is no list of 1 to ${limits.entries} entries`)
const optional = <A>(value: unknown, read: (value: unknown) => A): A | undefined =>
  value === undefined ? undefined : read(value)
const key = (value: unknown, name: string): Uint8Array => {
  const octets = typeof value === "string" && value.length === 64 ? Bytes.fromHex(value) : undefined
  return octets ?? unreadable(`${name} is not 64 hexadecimal digits`)
}
const time = (value: unknown, name: string): number =>
  XmlDateTime.decode(text(value, name)) ?? unreadable(`${name} is no time with a zone`)
const got = <A>(result: Result.Result<A, MalformedGba>): A =>
  Result.isSuccess(result) ? result.success : unreadable(`${result.failure.what}: ${result.failure.why}`)

const read = <A>(
  what: string,
  json: string,
  limits: NbspLimits,
  work: (value: Json) => A
): Result.Result<A, MalformedGba> => {
  const malformed = (why: string) => Result.fail(new MalformedGba({ what, why, clause: "TS 29.309 A" }))
  if (json.length > limits.length) return malformed(`more than ${limits.length} characters`)
  try {
    return Result.succeed(work(object(JSON.parse(json), what)))
  } catch (cause) {
    return malformed(cause instanceof Unreadable ? cause.why : "no JSON")
  }
}

/** The request as JSON. */
export const encodeRequest = (request: InfoRequest): string =>
  JSON.stringify({
    btId: request.btid,
    nafId: { nafFqdn: request.nafId.fqdn, uaSecProtId: request.nafId.ua },
    ...(request.gbaUAware !== undefined && { gbaUAware: request.gbaUAware }),
    ...(request.gsIds !== undefined && request.gsIds.length > 0 && { gsIds: request.gsIds })
  })

/** The request in `json`. Unknown members are passed over. **Fails** with `MalformedGba`. */
export const decodeRequest = (
  json: string,
  limits: NbspLimits = defaultLimits
): Result.Result<InfoRequest, MalformedGba> =>
  read("BootstrappingInfoRequest", json, limits, (value) => {
    const nafId = object(value["nafId"], "nafId")
    const ua = got(NafId.parseProtocol(text(nafId["uaSecProtId"], "uaSecProtId")))
    const aware = value["gbaUAware"]
    if (aware !== undefined && typeof aware !== "boolean") return unreadable("gbaUAware is no boolean")
    return {
      btid: got(BTid.parse(text(value["btId"], "btId"))),
      nafId: got(NafId.make(text(nafId["nafFqdn"], "nafFqdn"), ua)),
      gbaUAware: aware ?? false,
      gsIds: optional(value["gsIds"], (ids) => list(ids, "gsIds", limits).map((id) => uint32(id, "gsIds")))
    }
  })

const encodeUss = (uss: Uss) => ({
  uss: {
    gsId: uss.gsId,
    gsType: uss.gsType,
    ueIds: uss.uids.map((ueId) => ({ ueId })),
    ...(uss.nafGroup !== undefined && { nafGroup: uss.nafGroup }),
    ...(uss.flags.length > 0 && { flags: uss.flags.map((flag) => ({ flag })) }),
    ...(uss.keyChoice !== undefined && { keyChoice: uss.keyChoice })
  }
})

const keyChoices: ReadonlyArray<string> = ["ME_BASED_KEY", "UICC_BASED_KEY", "ME_UICC_BASED_KEYS"]
const isKeyChoice = (value: unknown): value is KeyChoice => typeof value === "string" && keyChoices.includes(value)

const decodeUss = (item: unknown, limits: NbspLimits): Uss => {
  const uss = object(object(item, "ussList")["uss"], "uss")
  const { nafGroup, keyChoice } = uss
  const ueIds = uss["ueIds"]
  // a subscriber without public identities leaves the list empty, against the letter of minItems
  const uids = Array.isArray(ueIds) && ueIds.length === 0 ? [] : list(ueIds, "ueIds", limits)
  return {
    gsId: uint32(uss["gsId"], "gsId"),
    gsType: uint32(uss["gsType"], "gsType"),
    uids: uids.map((one) => text(object(one, "ueIds")["ueId"], "ueId")),
    flags: (optional(uss["flags"], (flags) => list(flags, "flags", limits)) ?? []).map((one) =>
      uint32(object(one, "flags")["flag"], "flag")
    ),
    ...(nafGroup !== undefined && { nafGroup: text(nafGroup, "nafGroup") }),
    ...(isKeyChoice(keyChoice) && { keyChoice })
  }
}

/** The response as JSON. */
export const encodeResponse = (response: InfoResponse): string =>
  JSON.stringify({
    meKeyMaterial: Bytes.toHex(response.meKeyMaterial),
    ...(response.uiccKeyMaterial !== undefined && { uiccKeyMaterial: Bytes.toHex(response.uiccKeyMaterial) }),
    keyExpiryTime: XmlDateTime.encode(response.keyExpiryTime),
    ...(response.bootstrappingInfoCreationTime !== undefined && {
      bootstrappingInfoCreationTime: XmlDateTime.encode(response.bootstrappingInfoCreationTime)
    }),
    ...(response.ussList.length > 0 && { ussList: response.ussList.map(encodeUss) }),
    gbaType: response.gbaType,
    ...(response.impi !== undefined && { impi: response.impi })
  })

const isGbaType = (value: unknown): value is GbaType =>
  value === "3G_GBA" || value === "2G_GBA" || value === "GBA_DIGEST"

/**
 * The response in `json`. Unknown members are passed over; an absent gbaType is 3G_GBA. The expiry may be absent by the letter of the
 * specification, but a key without an end is not taken here.
 *
 * **Fails** with `MalformedGba`.
 */
export const decodeResponse = (
  json: string,
  limits: NbspLimits = defaultLimits
): Result.Result<InfoResponse, MalformedGba> =>
  read("BootstrappingInfoResponse", json, limits, (value) => {
    const gbaType = value["gbaType"] ?? "3G_GBA"
    if (!isGbaType(gbaType)) return unreadable("an unknown gbaType")
    const keyExpiryTime = time(value["keyExpiryTime"], "keyExpiryTime")
    return {
      meKeyMaterial: key(value["meKeyMaterial"], "meKeyMaterial"),
      uiccKeyMaterial: optional(value["uiccKeyMaterial"], (one) => key(one, "uiccKeyMaterial")),
      keyExpiryTime,
      bootstrappingInfoCreationTime: optional(value["bootstrappingInfoCreationTime"], (one) =>
        time(one, "bootstrappingInfoCreationTime")
      ),
      ussList: (optional(value["ussList"], (one) => list(one, "ussList", limits)) ?? []).map((item) =>
        decodeUss(item, limits)
      ),
      gbaType,
      impi: optional(value["impi"], (one) => text(one, "impi"))
    }
  })
