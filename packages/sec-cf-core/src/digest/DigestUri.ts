/**
 * Whether the `uri` directive names the very resource that the request line names, and whether a URI lies in a
 * protection space. Texts are compared as received: no decoding, no dot segments, so two spellings are two resources.
 *
 * @layer codec
 * @spec RFC 7616 3.4.6 (uri against request line), 3.3 (domain); RFC 9112 3.2 (forms of the request target)
 */

/**
 * `exact`: the same octets. `either-form`: besides, one may be in origin form and the other in absolute form with the
 * authority of the request, as happens behind a proxy that rewrites the request line.
 */
export type UriRule = "exact" | "either-form"

/**
 * Scheme and authority of an absolute `http` or `https` URI in lower case, and the rest as it stands (`/` if empty).
 */
export interface SplitUri {
  readonly origin: string
  readonly rest: string
}

const schemes = ["http://", "https://"] as const

/**
 * The parts of an absolute `http` or `https` URI; `undefined` for any other text, also for one with user information.
 */
export const split = (uri: string): SplitUri | undefined => {
  const scheme = schemes.find((s) => uri.length > s.length && uri.slice(0, s.length).toLowerCase() === s)
  if (scheme === undefined) return undefined
  let end = scheme.length
  while (end < uri.length && !"/?#".includes(uri[end]!)) {
    if (uri[end] === "@" || uri[end] === "\\") return undefined
    end++
  }
  if (end === scheme.length) return undefined
  const rest = uri.slice(end)
  return { origin: uri.slice(0, end).toLowerCase(), rest: rest === "" ? "/" : rest }
}

/** Whether directive and request target name one resource. `authority` is that of the request, as in its Host field. */
export const matches = (rule: UriRule, uri: string, target: string, authority: string | undefined): boolean => {
  if (uri === target) return true
  if (rule === "exact" || authority === undefined) return false
  const host = authority.toLowerCase()
  const here = (parts: SplitUri | undefined, other: string) =>
    parts !== undefined && parts.rest === other && parts.origin.slice(parts.origin.indexOf("//") + 2) === host
  return (other(target) && here(split(uri), target)) || (other(uri) && here(split(target), uri))
}

const other = (text: string): boolean => text.startsWith("/")

/**
 * Whether `target` (origin form) at `origin` lies in the protection space that `domain` spells; an empty one is the
 * whole server. Entries on another origin than `home` count only where `abroad` allows it: a server that names a
 * foreign origin would get this user's digests sent there.
 *
 * **Gotchas** Membership is by prefix of the text, as RFC 7616 has it: `/a` covers `/ab`.
 */
export const inSpace = (
  domain: ReadonlyArray<string>,
  home: string,
  abroad: boolean,
  origin: string,
  target: string
): number => {
  if (domain.length === 0) return origin === home ? 0 : -1
  let longest = -1
  for (const entry of domain) {
    const parts = entry.startsWith("/") ? { origin: home, rest: entry } : split(entry)
    if (parts === undefined || parts.origin !== origin || (parts.origin !== home && !abroad)) continue
    if (target.startsWith(parts.rest)) longest = Math.max(longest, parts.rest.length)
  }
  return longest
}
