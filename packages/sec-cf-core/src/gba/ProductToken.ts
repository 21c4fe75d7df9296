/**
 * Product tokens in User-Agent and Server: how both ends say which kinds of GBA they know.
 *
 * @layer codec
 * @spec TS 24.109 4.3 and 5.2; TS 33.220 4.5.2; RFC 9110 10.1.5
 */

/** The tokens of GBA. */
export const tokens = {
  /** On Ub, from the handset always and from the server always. @spec TS 33.220 4.5.2 */
  tmpi: "3gpp-gba-tmpi",
  /** On Ub, GBA_Digest. @spec TS 24.109 I.2 */
  ubDigest: "GBA_Digest",
  /** On Ua, GBA_ME. @spec TS 24.109 5.2 */
  gba: "3gpp-gba",
  /** On Ua, GBA_U with a key in the UICC. @spec TS 24.109 5.2 */
  uicc: "3gpp-gba-uicc",
  /** On Ua, GBA_Digest. @spec TS 24.109 I.3 */
  digest: "3gpp-gba-digest"
} as const

/**
 * The products of a field without their versions, comments left out; at most `maximum` (32) of them are read.
 */
export const products = (field: string, maximum = 32): ReadonlyArray<string> => {
  const out: Array<string> = []
  let depth = 0
  let from = -1
  for (let i = 0; i <= field.length && out.length < maximum; i++) {
    const c = i === field.length ? " " : field[i]!
    if (depth === 0 && from >= 0 && (c === " " || c === "\t" || c === "(" || c === ",")) {
      const product = field.slice(from, i)
      const slash = product.indexOf("/")
      if (slash !== 0) out.push(slash < 0 ? product : product.slice(0, slash))
      from = -1
    }
    if (c === "(") depth++
    else if (c === ")") depth = Math.max(0, depth - 1)
    else if (depth > 0 && c === "\\") i++
    else if (depth === 0 && from < 0 && c !== " " && c !== "\t" && c !== ",") from = i
  }
  return out
}

/** Whether `field` names the product `token`, in any case. */
export const has = (field: string | undefined, token: string): boolean =>
  field !== undefined && products(field).some((product) => product.toLowerCase() === token.toLowerCase())

/** `field` with `token` behind it, unless it is there already. */
export const add = (field: string | undefined, token: string): string =>
  field === undefined || field === "" ? token : has(field, token) ? field : `${field} ${token}`
