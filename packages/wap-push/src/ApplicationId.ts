/**
 * Push application ids: the registered names and numbers, and which of them mean the same application.
 *
 * @spec OMNA Push Application ID registry
 * @layer codec
 */
import { integer, text, toInteger, toText, type WspValue } from "./WspValue.ts"

/** The numbers with a registered name. */
export const registeredApplications: ReadonlyArray<readonly [number: number, urn: string]> = [
  [0x00, "x-wap-application:*"],
  [0x01, "x-wap-application:push.sia"],
  [0x02, "x-wap-application:wml.ua"],
  [0x03, "x-wap-application:wta.ua"],
  [0x04, "x-wap-application:mms.ua"],
  [0x05, "x-wap-application:push.syncml"],
  [0x06, "x-wap-application:loc.ua"],
  [0x07, "x-wap-application:syncml.dm"],
  [0x08, "x-wap-application:drm.ua"],
  [0x09, "x-wap-application:emn.ua"],
  [0x0a, "x-wap-application:wv.ua"],
  [0x10, "x-oma-application:ulp.ua"],
  [0x11, "x-oma-application:dlota.ua"],
  [0x12, "x-oma-application:java-ams"],
  [0x13, "x-oma-application:bcast.ua"],
  [0x14, "x-oma-application:dpe.ua"],
  [0x15, "x-oma-application:cpm:ua"],
  [0x9022, "x-wap-vodafone:dcd.ua"]
]

const byNumber = new Map(registeredApplications)
const byName = new Map(registeredApplications.map(([number, urn]) => [urn, number]))

/** Any application. */
export const anyApplication = 0x00
/** What a push without an application id is for. */
export const defaultApplication = 0x02
/** Device management. */
export const dmApplication = 0x07
/** Device profiles evolution. */
export const dpeApplication = 0x14
/**
 * Dynamic content delivery. No number of its own could be found; this registered one survives every gateway and costs five
 * octets, which the name does not. Our own choice.
 */
export const dcdApplication = 0x9022

const dcdName = "x-oma-application:dcd.ua"

/** An application id: its number where it has one, else its name. */
export type ApplicationId = number | string

/** The number of a registered name, of decimal digits or of a number; other names unchanged, in lower case. */
export const normalise = (id: ApplicationId): ApplicationId => {
  if (typeof id === "number") return id
  const name = id.trim().toLowerCase()
  if (/^\d{1,10}$/.test(name)) return Number(name)
  return byName.get(name) ?? name
}

/** The registered name of `id`, or its number as decimal digits. */
export const applicationName = (id: ApplicationId): string =>
  typeof id === "number" ? (byNumber.get(id) ?? String(id)) : id

/** The header value of `id`: a number wherever there is one. */
export const applicationValue = (id: ApplicationId): WspValue => {
  const known = normalise(id)
  return typeof known === "number" ? integer(known) : text(known)
}

/** The application id of a header value, or `undefined` where it is neither a number nor text. */
export const readApplicationId = (value: WspValue): ApplicationId | undefined => {
  const number = toInteger(value)
  if (number !== undefined) return number
  const name = toText(value)
  return name === undefined ? undefined : normalise(name)
}

const dcdMedia = new Set(["application/vnd.oma.dcd", "application/vnd.oma.dcdc"])

/**
 * Whether a push with the application id `received` (`undefined`: none) and the media type `media` is for `wanted`.
 * For DCD the name of the enabler counts as its number, and with a media type of DCD so do 0 and none, because gateways
 * replace names they do not know by 0.
 */
export const isFor = (wanted: ApplicationId, received: ApplicationId | undefined, media: string): boolean => {
  const mine = normalise(wanted)
  const theirs = received === undefined ? undefined : normalise(received)
  if (mine === dcdApplication || mine === dcdName) {
    if (theirs === dcdApplication || theirs === dcdName) return true
    return (theirs === undefined || theirs === anyApplication) && dcdMedia.has(media)
  }
  return (theirs ?? defaultApplication) === mine
}
