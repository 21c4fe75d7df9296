/**
 * Hints and identities of PSK-TLS as the generic bootstrapping architecture writes them.
 *
 * @spec TS 33.222 5.4; TS 24.109 5.3.3 and F.3; TS 36.508 4.7H (the "." form)
 * @layer codec
 */

/** Which key an identity speaks of: that of the ME, that of the UICC, that of GBA_Digest. */
export type PskPrefix = "3GPP-bootstrapping" | "3GPP-bootstrapping-uicc" | "3GPP-bootstrapping-digest"

/** The prefixes, longest first. */
export const pskPrefixes: ReadonlyArray<PskPrefix> = [
  "3GPP-bootstrapping-digest",
  "3GPP-bootstrapping-uicc",
  "3GPP-bootstrapping"
]

export interface PskIdentity {
  readonly prefix: PskPrefix
  /** The B-TID, as it stands; opaque here. */
  readonly bTid: string
}

/** The identity to present: prefix, ";" and B-TID. */
export const encodeIdentity = ({ prefix, bTid }: PskIdentity): string => `${prefix};${bTid}`

/**
 * The parts of a presented identity, or `undefined` where it is not one of a bootstrapped key. The separator is ";" as in
 * TS 24.109 or "." as in TS 36.508: both are met in the field.
 */
export const decodeIdentity = (identity: string): PskIdentity | undefined => {
  for (const prefix of pskPrefixes) {
    if (!identity.startsWith(prefix)) continue
    const separator = identity[prefix.length]
    if (separator !== ";" && separator !== ".") continue
    const bTid = identity.slice(prefix.length + 1)
    return bTid === "" ? undefined : { prefix, bTid }
  }
  return undefined
}

/** The hint of a server that takes these keys; several are joined by ";" (from memory of TS 24.109). */
export const encodeHint = (prefixes: ReadonlyArray<PskPrefix>): string => prefixes.join(";")

/** The prefixes that a hint names, in its order; what else it names is passed over. */
export const decodeHint = (hint: string): ReadonlyArray<PskPrefix> =>
  hint.split(";").flatMap((part) => pskPrefixes.find((prefix) => prefix === part.trim()) ?? [])

/**
 * The prefix that a client uses: the first of `available`, its own order of preference, that the hint names. TLS 1.3 has
 * no hint, and TLS 1.2 may come without one: then it is the first of `available`.
 */
export const choosePrefix = (hint: string | null, available: ReadonlyArray<PskPrefix>): PskPrefix | undefined => {
  if (hint === null) return available[0]
  const named = decodeHint(hint)
  return available.find((prefix) => named.includes(prefix))
}
