/**
 * Addresses of PAP: `WAPPUSH=<user>/TYPE=<type>@<ppg-domain>`.
 *
 * @spec PPG 2.0, client addressing
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"

/**
 * An address. `PLMN` is an E.164 number with `+`; `USER` any text, escaped on the wire; `IPV4` and `IPV6` text forms of
 * an address; other types are by agreement, their user part taken as it is.
 */
export interface PapAddress {
  readonly user: string
  /** Upper case. */
  readonly type: string
  readonly domain: string
}

const clause = "PPG client address"
const maxLength = 512
const plmn = /^\+?[0-9]{1,20}$/
const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const domainShape = /^[A-Za-z0-9.:[\]-]+$/
const typeShape = /^[A-Za-z0-9_-]{1,32}$/
const plain = /^[!-~]+$/

/** Whether `text` is an IPv6 address in text form: eight groups, or fewer around one `::`, the last four octets dotted or not. */
export const isIpv6 = (text: string): boolean => {
  if (!/^[0-9A-Fa-f:.]{2,45}$/.test(text)) return false
  const halves = text.split("::")
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")))
  const last = groups.at(-1)
  const dotted = last !== undefined && ipv4.test(last)
  const hex = dotted ? groups.slice(0, -1) : groups
  if (!hex.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false
  const count = hex.length + (dotted ? 2 : 0)
  return halves.length === 2 ? count < 8 : count === 8
}

const valid = ({ user, type }: PapAddress): boolean => {
  switch (type) {
    case "PLMN":
      return plmn.test(user)
    case "IPV4":
      return ipv4.test(user)
    case "IPV6":
      return isIpv6(user)
    case "USER":
      return user !== ""
    default:
      return plain.test(user)
  }
}

const unescaped = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The address that `text` spells. Types are compared without case. */
export const parsePapAddress = (text: string): Result.Result<PapAddress, Malformed> => {
  const refused = (detail: string) => malformed("address", 0, detail, clause)
  if (text.length > maxLength) return refused(`more than ${maxLength} characters`)
  const upper = text.toUpperCase()
  const split = upper.lastIndexOf("/TYPE=")
  if (!upper.startsWith("WAPPUSH=") || split < 0) return refused("not WAPPUSH=.../TYPE=...")
  const rest = text.slice(split + 6)
  const at = rest.indexOf("@")
  const type = rest.slice(0, Math.max(at, 0)).toUpperCase()
  const domain = rest.slice(at + 1)
  if (at < 0 || !typeShape.test(type) || !domainShape.test(domain)) return refused("type or gateway domain")
  const spelled = text.slice(8, split)
  const user = type === "USER" ? unescaped(spelled) : spelled
  if (user === undefined || !valid({ user, type, domain })) return refused(`no such ${type} address`)
  return Result.succeed({ user, type, domain })
}

/** The text of an address. */
export const formatPapAddress = (address: PapAddress): Result.Result<string, Unencodable> => {
  const type = address.type.toUpperCase()
  if (!typeShape.test(type) || !domainShape.test(address.domain) || !valid({ ...address, type })) {
    return unencodable("address", `no such ${type} address`, clause)
  }
  const user = type === "USER" ? escaped(address.user) : address.user
  return user === undefined
    ? unencodable("address", "user name is no text", clause)
    : Result.succeed(`WAPPUSH=${user}/TYPE=${type}@${address.domain}`)
}

const escaped = (user: string): string | undefined => {
  try {
    return encodeURIComponent(user)
  } catch {
    return undefined
  }
}

/** The address of a telephone number. */
export const plmnAddress = (number: string, domain: string): PapAddress => ({
  user: number.startsWith("+") ? number : `+${number}`,
  type: "PLMN",
  domain
})
