/**
 * The code over a bootstrap document, and the parameters `SEC` and `MAC` of its Content-Type.
 *
 * @layer codec
 */
import { Bytes, type Hmac } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Result from "effect/Result"

/** What the key of a bootstrap document is made of. */
export type BootstrapSecret =
  /** DM profile: a secret that device and network share, such as the IMSI as decimal text. */
  | { readonly sec: "NETWORKID"; readonly networkId: string }
  /** Both profiles: the PIN that the user types. */
  | { readonly sec: "USERPIN"; readonly pin: string }
  /** DM profile: both, as `PIN:networkId`. */
  | { readonly sec: "USERPIN_NETWORKID"; readonly pin: string; readonly networkId: string }
  /** Client provisioning: the IMSI in the semi-octets of a SIM. */
  | { readonly sec: "NETWPIN"; readonly imsi: string }
  /** Client provisioning: the semi-octets followed by the PIN. */
  | { readonly sec: "USERNETWPIN"; readonly imsi: string; readonly pin: string }

/** Every method; `USERPINMAC` is recognised and not computed, as its code does not travel with the document. */
export type BootstrapMethod = BootstrapSecret["sec"] | "USERPINMAC"

/** A secret that gives no key; its value is not in the error. */
export class UnusableBootstrapSecret extends Data.TaggedError("UnusableBootstrapSecret")<{
  readonly field: "imsi" | "pin" | "networkId"
  readonly clause: string
}> {}

/** The Content-Type carries no usable `SEC` and `MAC`. */
export class MalformedBootstrapHeader extends Data.TaggedError("MalformedBootstrapHeader")<{
  readonly reason: "syntax" | "too long" | "media type" | "repeated parameter" | "sec" | "mac"
}> {}

/**
 * The digits of an IMSI as a SIM keeps them: the first octet holds the parity (9 for an odd number of digits, 1 for an even
 * one) below the first digit, every other one two digits with the earlier one below; `F` fills up.
 *
 * @spec 3GPP TS 51.011 EF IMSI without its length octet; that client provisioning takes this form was not confirmed by a device
 */
export const imsiSemiOctets = (imsi: string): Result.Result<Uint8Array, UnusableBootstrapSecret> => {
  if (!/^[0-9]{6,15}$/.test(imsi)) {
    return Result.fail(new UnusableBootstrapSecret({ field: "imsi", clause: "6 to 15 decimal digits" }))
  }
  const nibbles = [imsi.length % 2 === 1 ? 9 : 1, ...Array.from(imsi, Number)]
  if (nibbles.length % 2 === 1) nibbles.push(15)
  const out = new Uint8Array(nibbles.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = nibbles[2 * i]! | (nibbles[2 * i + 1]! << 4)
  return Result.succeed(out)
}

/**
 * The key that `secret` gives.
 *
 * @spec DM Bootstrap 1.2 for NETWORKID, USERPIN and USERPIN_NETWORKID; the rest from general knowledge of client provisioning
 */
export const key = (secret: BootstrapSecret): Result.Result<Uint8Array, UnusableBootstrapSecret> => {
  if ("pin" in secret && !/^[0-9]{1,32}$/.test(secret.pin)) {
    return Result.fail(new UnusableBootstrapSecret({ field: "pin", clause: "1 to 32 decimal digits" }))
  }
  if ("networkId" in secret && secret.networkId === "") {
    return Result.fail(new UnusableBootstrapSecret({ field: "networkId", clause: "not empty" }))
  }
  switch (secret.sec) {
    case "NETWORKID":
      return Result.succeed(Bytes.utf8(secret.networkId))
    case "USERPIN":
      return Result.succeed(Bytes.utf8(secret.pin))
    case "USERPIN_NETWORKID":
      return Result.succeed(Bytes.utf8(`${secret.pin}:${secret.networkId}`))
    case "NETWPIN":
      return imsiSemiOctets(secret.imsi)
    case "USERNETWPIN":
      return Result.map(imsiSemiOctets(secret.imsi), (octets) => Bytes.concat(octets, Bytes.utf8(secret.pin)))
  }
}

/** The 20 octets HMAC-SHA-1 over the exact octets of the WBXML document. */
export const mac = (
  hmacSha1: Hmac,
  secret: BootstrapSecret,
  document: Uint8Array
): Result.Result<Uint8Array, UnusableBootstrapSecret> => Result.map(key(secret), (octets) => hmacSha1(octets, document))

/** Whether `received` is the code over `document`, in constant time. */
export const verify = (
  hmacSha1: Hmac,
  secret: BootstrapSecret,
  document: Uint8Array,
  received: Uint8Array
): Result.Result<boolean, UnusableBootstrapSecret> =>
  Result.map(mac(hmacSha1, secret, document), (expected) => Bytes.equal(expected, received))

export const dmMediaType = "application/vnd.syncml.dm+wbxml"
export const provisioningMediaType = "application/vnd.wap.connectivity-wbxml"

export interface BootstrapHeader {
  readonly profile: "dm" | "provisioning"
  readonly sec: BootstrapMethod
  /** 20 octets. */
  readonly mac: Uint8Array
}

const provisioningMethods: ReadonlyArray<BootstrapMethod> = ["NETWPIN", "USERPIN", "USERNETWPIN", "USERPINMAC"]
const dmMethods: ReadonlyArray<BootstrapMethod> = ["NETWORKID", "USERPIN", "USERPIN_NETWORKID"]

/**
 * `SEC` and `MAC` of a Content-Type. Names in any letter case and any order; hexadecimal digits of either case; a value may
 * be quoted; parameters of other names (a charset) are passed over.
 *
 * **Fails** with `MalformedBootstrapHeader`: another media type, a method that the profile does not know, a code that is not
 * 20 octets, `SEC` or `MAC` missing or twice, more than `limit` characters.
 *
 * @spec DM Bootstrap 1.2
 */
export const parseHeader = (
  contentType: string,
  limit = 512
): Result.Result<BootstrapHeader, MalformedBootstrapHeader> => {
  const refuse = (reason: MalformedBootstrapHeader["reason"]) => Result.fail(new MalformedBootstrapHeader({ reason }))
  if (contentType.length > limit) return refuse("too long")
  const [type, ...parameters] = contentType.split(";")
  const media = type!.trim().toLowerCase()
  if (media !== dmMediaType && media !== provisioningMediaType) return refuse("media type")
  const values = new Map<string, string>()
  for (const parameter of parameters) {
    const at = parameter.indexOf("=")
    if (at < 0) return refuse("syntax")
    const name = parameter.slice(0, at).trim().toLowerCase()
    const value = parameter.slice(at + 1).trim()
    if (name === "") return refuse("syntax")
    if (values.has(name)) return refuse("repeated parameter")
    values.set(name, value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value)
  }
  const secText = values.get("sec") ?? ""
  const sec =
    media === dmMediaType
      ? dmMethods.find((method) => method === secText.toUpperCase())
      : /^[0-3]$/.test(secText)
        ? provisioningMethods[Number(secText)]
        : undefined
  if (sec === undefined) return refuse("sec")
  const octets = Bytes.fromHex(values.get("mac") ?? "")
  if (octets === undefined || octets.length !== 20) return refuse("mac")
  return Result.succeed({ profile: media === dmMediaType ? "dm" : "provisioning", sec, mac: octets })
}

/** The Content-Type of a protected document, with upper-case hexadecimal digits. */
export const buildHeader = (header: BootstrapHeader): string => {
  const hex = Bytes.toHex(header.mac).toUpperCase()
  return header.profile === "dm"
    ? `${dmMediaType}; SEC=${header.sec}; MAC=${hex}`
    : `${provisioningMediaType}; SEC=${provisioningMethods.indexOf(header.sec)}; MAC=${hex}`
}
