/**
 * Fully qualified domain names as GBA uses them: inside key derivations, so one name has one spelling.
 *
 * @layer codec
 */
import * as Result from "effect/Result"
import { MalformedGba } from "./GbaError.ts"

/** A domain name in lower case, without port and without a dot at the end, 1 to 253 characters. */
export type Fqdn = string & { readonly Fqdn: unique symbol }

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/

/**
 * `name` in the spelling that goes into keys: lower case, without the dot at the end.
 *
 * **Fails** with `MalformedGba` for an empty name, a port, a label that is empty, over 63 characters or of other characters
 * than letters, digits, `-` and `_`, and more than 253 characters. Names of other scripts come in their `xn--` form.
 *
 * @spec TS 33.220 Annex B.3 (NAF_Id); RFC 1035 2.3.4
 */
export const parse = (name: string): Result.Result<Fqdn, MalformedGba> => {
  const malformed = (why: string) => Result.fail(new MalformedGba({ what: "FQDN", why, clause: "RFC 1035 2.3.4" }))
  if (name.length > 254) return malformed("more than 253 characters")
  const lower = name.toLowerCase()
  const bare = lower.endsWith(".") ? lower.slice(0, -1) : lower
  if (bare.length === 0 || bare.length > 253) return malformed("1 to 253 characters are needed")
  if (bare.includes(":")) return malformed("a port or an IPv6 address is no part of a domain name")
  return bare.split(".").every((part) => label.test(part))
    ? Result.succeed(bare as Fqdn)
    : malformed("a label is empty, too long, or has a character that no domain name has")
}
