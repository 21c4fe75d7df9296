/**
 * HTTP headers into which a proxy of the operator writes who the subscriber is.
 *
 * @layer codec
 * @spec OMA DPE 5.2: an identity inserted by a proxy, in any permitted form; names and value forms are those of deployed gateways
 */
import type { HttpExchange } from "@oma/sa-policy/http"
import * as Result from "effect/Result"
import { IdentityRefused } from "./ExternalError.ts"
import * as Subscriber from "./Subscriber.ts"

/** One configured header. `msisdn` says that its value is a number where it looks like one; else it is the proxy's own name. */
export interface IdentityHeaderName {
  /** Lower case. */
  readonly name: string
  readonly value: "msisdn" | "opaque"
}

/** The names that are looked for unless configured otherwise, the preferred first. */
export const defaultNames: ReadonlyArray<IdentityHeaderName> = [
  { name: "x-msisdn", value: "msisdn" },
  { name: "msisdn", value: "msisdn" },
  { name: "x-wap-msisdn", value: "msisdn" },
  { name: "x-nokia-msisdn", value: "msisdn" },
  { name: "x-up-calling-line-id", value: "msisdn" },
  { name: "x-up-subno", value: "opaque" },
  { name: "x-jphone-uid", value: "opaque" },
  { name: "x-em-uid", value: "opaque" },
  { name: "x-dcmguid", value: "opaque" },
  { name: "x-hts-clid", value: "msisdn" },
  { name: "x-acr", value: "opaque" },
  { name: "x-vf-acr", value: "opaque" },
  { name: "rim-device-id", value: "opaque" }
]

/** Ends of names, letters only, by which measurement products tell identity headers. */
export const suffixes: ReadonlyArray<readonly [suffix: string, value: "msisdn" | "opaque"]> = [
  ["callinglineid", "msisdn"],
  ["msisdn", "msisdn"],
  ["subno", "opaque"],
  ["clientid", "opaque"],
  ["deviceid", "opaque"],
  ["clid", "msisdn"],
  ["uid", "opaque"]
]

/** The header of the MAC that a proxy adds. */
export const proxyMacName = "x-oma-proxy-mac"

export interface IdentityHeaderOptions {
  /** In order of preference; `defaultNames` unless given. */
  readonly names?: ReadonlyArray<IdentityHeaderName>
  /** Takes any header whose letters end with one of `suffixes` as well. Off unless given: too wide where the proxy does not clean up. */
  readonly bySuffix?: boolean
}

export interface IdentityHeaderLimits {
  /** Characters of a value; 256 unless given. */
  readonly value: number
  /** Identity headers of one request; 8 unless given. */
  readonly headers: number
}

export const defaultIdentityHeaderLimits: IdentityHeaderLimits = { value: 256, headers: 8 }

/** A header as it came. `subject` is the value, or its digits where `kind` is `msisdn`. */
export interface IdentityClaim extends Subscriber.SubscriberName {
  /** Lower case. */
  readonly header: string
  readonly raw: string
}

const alphanumeric = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "")
const letters = (name: string): string => name.toLowerCase().replace(/[^a-z]/g, "")

/** Names that are never a client's to send, by how they begin once letters and digits alone are left. */
const reserved = ["x3gppassertedidentity", "x3gppintendedidentity", "xomasec", "xomaproxymac"] as const

interface Compiled {
  readonly byName: ReadonlyMap<string, { readonly rank: number; readonly value: "msisdn" | "opaque" }>
  /** Configured and default names as a server behind us may read them. */
  readonly folded: ReadonlySet<string>
  readonly bySuffix: boolean
}

const compile = (options: IdentityHeaderOptions): Compiled => {
  const names = options.names ?? defaultNames
  return {
    byName: new Map(names.map(({ name, value }, rank) => [name.toLowerCase(), { rank, value }])),
    folded: new Set([...names, ...defaultNames].map(({ name }) => alphanumeric(name))),
    bySuffix: options.bySuffix === true
  }
}

const suffixOf = (name: string): "msisdn" | "opaque" | undefined => {
  const text = letters(name)
  return suffixes.find(([suffix]) => text.endsWith(suffix))?.[1]
}

const refused = (why: IdentityRefused["why"], clause: string) => Result.fail(new IdentityRefused({ why, clause }))

/** Printable ASCII, and no comma, by which fields of one name are joined on the way. */
const usable = /^[!-+\--~](?:[ -+\--~]*[!-+\--~])?$/

const noTokenCharacters = /[^a-z0-9-]/

export interface IdentityHeaders {
  /**
   * The claims of `fields`, the preferred first. Fails for a header that stands twice, one whose name equals an identity header but for
   * `_` and its like, a value that cannot be a name, and two numbers that differ.
   */
  readonly read: (fields: HttpExchange.HttpFields) => Result.Result<ReadonlyArray<IdentityClaim>, IdentityRefused>
  /** Whether a field called `name` says who somebody is, or looks like it to a server behind this one. */
  readonly isIdentity: (name: string) => boolean
  /** `fields` without those that only a trusted proxy may send. */
  readonly strip: (fields: HttpExchange.HttpFields) => HttpExchange.HttpFields
}

/** Reader and remover of identity headers. */
export const make = (
  options: IdentityHeaderOptions = {},
  limits: IdentityHeaderLimits = defaultIdentityHeaderLimits
): IdentityHeaders => {
  const { byName, folded, bySuffix } = compile(options)
  const disguises = new Set([...byName.keys()].map(alphanumeric))

  const isIdentity = (name: string): boolean => {
    const fold = alphanumeric(name)
    return (
      folded.has(fold) || reserved.some((start) => fold.startsWith(start)) || (bySuffix && suffixOf(name) !== undefined)
    )
  }

  const read = (fields: HttpExchange.HttpFields): Result.Result<ReadonlyArray<IdentityClaim>, IdentityRefused> => {
    const found = new Map<string, { readonly rank: number; readonly claim: IdentityClaim }>()
    let disguised = false
    for (const [written, value] of fields) {
      const name = written.toLowerCase()
      const configured = byName.get(name)
      const wide =
        configured === undefined && bySuffix && !reserved.some((start) => alphanumeric(name).startsWith(start))
      const form = configured?.value ?? (wide ? suffixOf(name) : undefined)
      if (form === undefined || noTokenCharacters.test(name)) {
        disguised ||= disguises.has(alphanumeric(name))
        continue
      }
      if (found.has(name))
        return refused("header repeated", "DPE 5.2: a repeated identity header is an authentication error")
      if (found.size === limits.headers)
        return refused("header repeated", `more than ${limits.headers} identity headers`)
      const raw = value.trim()
      if (raw.length > limits.value || !usable.test(raw)) return refused("value not usable", "RFC 9110 section 5.5")
      const digits = form === "msisdn" ? Subscriber.msisdn(raw) : undefined
      const claim: IdentityClaim =
        digits === undefined
          ? { kind: `header:${name}`, subject: raw, header: name, raw }
          : { kind: "msisdn", subject: digits, header: name, raw }
      found.set(name, { rank: configured?.rank ?? byName.size, claim })
    }
    if (disguised && found.size > 0) {
      return refused("header disguised", "DPE 5.2: a header that another server reads as an identity header repeats it")
    }
    const claims = [...found.values()].toSorted((a, b) => a.rank - b.rank).map(({ claim }) => claim)
    const numbers = new Set(claims.filter(({ kind }) => kind === "msisdn").map(({ subject }) => subject))
    if (numbers.size > 1) {
      return refused(
        "different subscribers",
        "DPE 5.2: two trusted headers with different subscribers are an authentication error"
      )
    }
    return Result.succeed(claims)
  }

  return { read, isIdentity, strip: (fields) => fields.filter(([name]) => !isIdentity(name)) }
}
