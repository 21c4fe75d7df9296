/**
 * `X-Forwarded-For`: which address a request came from before it went through proxies that are trusted.
 *
 * @layer codec
 */
import { HttpExchange } from "@oma/sa-policy/http"
import * as IpRanges from "./IpRanges.ts"

export interface ForwardedForLimits {
  /** Characters of all fields together; 2,048 unless given. */
  readonly characters: number
  /** Hops that are looked at, from the last one; 32 unless given. */
  readonly hops: number
}

export const defaultForwardedForLimits: ForwardedForLimits = { characters: 2048, hops: 32 }

/** An address, one in brackets, and either with a port behind it. */
const hopAddress = (hop: string): IpRanges.IpAddress | undefined => {
  const bracketed = /^\[([0-9a-fA-F:.]+)\](?::[0-9]{1,5})?$/.exec(hop)
  if (bracketed !== null) {
    const address = IpRanges.address(bracketed[1]!)
    return bracketed[1]!.includes(":") ? address : undefined
  }
  const withPort = /^([0-9.]+):[0-9]{1,5}$/.exec(hop)
  return IpRanges.address(withPort === null ? hop : withPort[1]!)
}

/**
 * The last hop that is no proxy: each proxy appends the address that it sees, so what stands left of the first foreign one was written by
 * nobody in particular. `undefined` where the fields are missing, too long, all hops are proxies, or a hop that decides is no address.
 */
export const client = (
  fields: HttpExchange.HttpFields,
  proxies: IpRanges.IpRanges,
  limits: ForwardedForLimits = defaultForwardedForLimits
): IpRanges.IpAddress | undefined => {
  const lines = HttpExchange.fieldsOf(fields, "x-forwarded-for")
  let characters = 0
  for (const line of lines) characters += line.length
  if (characters > limits.characters) return undefined
  const hops = lines.flatMap((line) => line.split(","))
  for (let i = hops.length - 1, seen = 0; i >= 0 && seen < limits.hops; i--, seen++) {
    const address = hopAddress(hops[i]!.trim())
    if (address === undefined || !IpRanges.contains(proxies, address)) return address
  }
  return undefined
}
