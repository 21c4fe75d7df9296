/**
 * IMPI, the private identity of a subscriber, and the names that follow from it.
 *
 * @layer codec
 * @spec TS 23.003 13.3 and 16; TS 33.220 4.5.2
 */
import * as Result from "effect/Result"
import * as Fqdn from "./Fqdn.ts"
import { MalformedGba } from "./GbaError.ts"

/** A private identity of the form `user@realm`, in normalisation form KC: the very text that goes into keys. */
export type Impi = string & { readonly Impi: unique symbol }

/** A temporary identity: 32 characters of base64 and `@tmpi.bsf.3gppnetwork.org`. */
export type Tmpi = string & { readonly Tmpi: unique symbol }

/** The realm by which a bootstrapping server tells a TMPI from an IMPI. @spec TS 33.220 B.4 */
export const TMPI_REALM = "tmpi.bsf.3gppnetwork.org"

// A quote, a control character or a space would change its meaning inside a header field or a record key.
const forbidden = /[\p{Cc}\p{Zs}\p{Zl}\p{Zp}\p{Cs}"\\:]/u

const malformed = (why: string) => Result.fail(new MalformedGba({ what: "IMPI", why, clause: "TS 23.003 13.3" }))

/**
 * `text` as an IMPI. The length limit counts UTF-8 octets after normalisation and is 255 unless said otherwise.
 *
 * **Fails** with `MalformedGba` if there is no user or no realm, for a colon, quote, backslash, space or control character, and
 * past the limit.
 */
export const parse = (text: string, maximum = 255): Result.Result<Impi, MalformedGba> => {
  if (text.length > maximum) return malformed(`more than ${maximum} octets`)
  const normal = text.normalize("NFKC")
  if (new TextEncoder().encode(normal).length > maximum) return malformed(`more than ${maximum} octets`)
  if (forbidden.test(normal)) return malformed("a character that no private identity has")
  const at = normal.lastIndexOf("@")
  if (at < 1 || at === normal.length - 1) return malformed("user@realm is needed")
  return Result.succeed(normal as Impi)
}

/** Whether a user name on Ub is a TMPI, by its shape. @spec TS 33.220 B.4 */
export const isTmpi = (text: string): text is Tmpi =>
  text.length === 33 + TMPI_REALM.length && text.endsWith(`@${TMPI_REALM}`) && /^[A-Za-z0-9+/]{32}@/.test(text)

/** An IMSI of 6 to 15 digits together with the length of its network code. */
export interface Imsi {
  readonly digits: string
  /** Digits of the mobile network code; 2 in most countries, 3 in North America. */
  readonly mncLength: 2 | 3
}

/** MCC and MNC, three digits each; a network code of two digits gets a zero in front. */
const network = (imsi: Imsi): Result.Result<string, MalformedGba> =>
  /^\d{6,15}$/.test(imsi.digits)
    ? Result.succeed(`mnc${imsi.digits.slice(3, 3 + imsi.mncLength).padStart(3, "0")}.mcc${imsi.digits.slice(0, 3)}`)
    : malformed("an IMSI has 6 to 15 digits")

/** The IMPI of a card without ISIM. Fails with `MalformedGba` for an IMSI that is none. @spec TS 23.003 13.3 */
export const fromImsi = (imsi: Imsi): Result.Result<Impi, MalformedGba> =>
  Result.map(network(imsi), (name) => `${imsi.digits}@ims.${name}.3gppnetwork.org` as Impi)

/**
 * The bootstrapping server of a card without ISIM. Stated from memory of TS 23.003 16.2 and from public implementations.
 */
export const bsfOfImsi = (imsi: Imsi): Result.Result<Fqdn.Fqdn, MalformedGba> =>
  Result.flatMap(network(imsi), (name) => Fqdn.parse(`bsf.${name}.pub.3gppnetwork.org`))

/**
 * The bootstrapping server of an IMPI: in the domain `D.3gppnetwork.org` it is `bsf.D.pub.3gppnetwork.org`, in any other
 * domain `D` it is `bsf.D`. Stated from memory of TS 23.003 16.2 and from public implementations.
 *
 * **Fails** with `MalformedGba` if the realm is no domain name.
 */
export const bsfOf = (impi: Impi): Result.Result<Fqdn.Fqdn, MalformedGba> => {
  const realm = impi.slice(impi.lastIndexOf("@") + 1).toLowerCase()
  const inside = /^((?:ims\.)?mnc\d{3}\.mcc\d{3})\.3gppnetwork\.org$/.exec(realm)
  return Fqdn.parse(inside === null ? `bsf.${realm}` : `bsf.${inside[1]}.pub.3gppnetwork.org`)
}
