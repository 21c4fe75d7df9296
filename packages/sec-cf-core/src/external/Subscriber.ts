/**
 * The names of a subscriber as the network gives them.
 *
 * @layer codec
 */

/**
 * One name. `kind` is `msisdn` for digits in the form of E.164, `imsi`, `user`, or `header:<name>` for a value that only the proxy that
 * inserted it understands.
 */
export interface SubscriberName {
  readonly kind: string
  readonly subject: string
}

/**
 * The digits of a number in the form of E.164, without `+` and spaces: 5 to 15 of them, the first not zero; `undefined` for everything
 * else, so that no other value is ever changed into a number.
 *
 * @spec E.164 section 6: at most 15 digits, the country code first; the least of 5 is our own
 */
export const msisdn = (text: string): string | undefined => {
  if (text.length > 32) return undefined
  const digits = text.replaceAll(" ", "").replace(/^\+/, "")
  return /^[1-9][0-9]{4,14}$/.test(digits) ? digits : undefined
}

/** The digits of an IMSI: 6 to 15. */
export const imsi = (text: string): string | undefined => (/^[0-9]{6,15}$/.test(text) ? text : undefined)

/**
 * How two lists of names of one request stand to each other: `same` where they share a name, `different` where a kind that both have says
 * otherwise, `unknown` where no kind is in both.
 */
export const compare = (
  one: ReadonlyArray<SubscriberName>,
  other: ReadonlyArray<SubscriberName>
): "same" | "different" | "unknown" => {
  let shared = false
  for (const a of one) {
    for (const b of other) {
      if (a.kind !== b.kind) continue
      if (a.subject !== b.subject) return "different"
      shared = true
    }
  }
  return shared ? "same" : "unknown"
}
