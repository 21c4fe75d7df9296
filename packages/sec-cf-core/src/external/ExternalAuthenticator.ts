/**
 * External authentication behind an `InterfaceGuard`: the operator's network says who the subscriber is, by a header that a
 * trusted proxy inserted or by the address that RADIUS accounting reported.
 *
 * @layer service
 * @spec OMA DPE 5.2, external authentication; OMA MC 9.3, identity of the MNO
 */
import {
  type Authenticator,
  type Identity,
  type KeyRef,
  KeyVault,
  Level,
  SecurityEvents,
  type SecurityPolicy,
  Store,
  Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { IdentityRefused } from "./ExternalError.ts"
import * as ForwardedFor from "./ForwardedFor.ts"
import * as IdentityHeader from "./IdentityHeader.ts"
import * as IpRanges from "./IpRanges.ts"
import * as ProxyMac from "./ProxyMac.ts"
import { Pseudonyms, kind as pseudonymKind } from "./Pseudonyms.ts"
import * as RadiusSecret from "./RadiusSecret.ts"
import * as Subscriber from "./Subscriber.ts"
import type { SubscriberAddresses } from "./SubscriberAddresses.ts"
import * as TrustedProxy from "./TrustedProxy.ts"

/** The name of the mode in policies. */
export const mode = "external"

/** What the network says of a request. */
export interface Evidence {
  /** The preferred name first. */
  readonly names: ReadonlyArray<Subscriber.SubscriberName>
  /** The headers as they came, raw values and all; the preferred first. */
  readonly claims: ReadonlyArray<IdentityHeader.IdentityClaim>
  /** By what: `header:x-msisdn`, `radius`. */
  readonly by: ReadonlyArray<string>
  /** The nonce of the proxy's MAC, which counts once. */
  readonly nonce?: { readonly n: string; readonly until: number }
}

export interface ExternalPresented {
  readonly mode: SecurityPolicy.AuthMode
  readonly evidence: Result.Result<Evidence, IdentityRefused>
}

export interface ExternalOptions {
  readonly enabler: string
  readonly interface: string
  readonly proxies?: TrustedProxy.TrustedProxies
  /** Keys shared with proxies, of purpose `external/proxy-mac`; several while one replaces another. */
  readonly macKeys?: ReadonlyArray<KeyRef>
  readonly headers?: IdentityHeader.IdentityHeaderOptions
  /** Who has an address, by RADIUS accounting; not asked unless given. */
  readonly addresses?: SubscriberAddresses["Service"]
}

export type ExternalAuthenticator = Authenticator.Authenticator<unknown, ExternalPresented, never, never>

const reasons: Readonly<Record<IdentityRefused["why"], Authenticator.RejectionReason>> = {
  "header repeated": "malformed",
  "header disguised": "malformed",
  "value not usable": "malformed",
  "different subscribers": "credentials",
  "proxy MAC malformed": "malformed",
  "proxy MAC does not hold": "credentials",
  "proxy MAC too old": "expired",
  "proxy MAC used before": "replayed"
}

/** The collection of nonces of proxies that were used. */
const nonceCollection = "external/nonce"

const refused = (why: IdentityRefused["why"], clause: string) => Result.fail(new IdentityRefused({ why, clause }))

const rejected = ({ why, clause }: IdentityRefused) =>
  ({ _tag: "Rejected", reason: reasons[why], detail: why, clause }) as const

/** The address of a peer, where the transport proves that the peer is there. */
const provedAddress = ({ connection }: HttpExchange.HttpRequest): IpRanges.IpAddress | undefined =>
  connection.transport === "tcp" || connection.protection.protocol === "dtls"
    ? IpRanges.address(connection.peer.address)
    : undefined

const unusable = (error: { readonly _tag: string }) =>
  Effect.fail(new Unavailable({ what: "key of a proxy", retryable: false, cause: error._tag }))

/**
 * Makes the mechanism. `present` reads what the network says of a request, none where the policy of the interface does not accept it;
 * `authenticator` judges it at the guard; `strip` takes identity headers out of a request before anybody else sees it.
 *
 * The identity has a pseudonym for its subject, as events tell it; the names that the network gave are its aliases.
 */
export const make = Effect.fnUntraced(function* (options: ExternalOptions) {
  const store = yield* Store.Store
  const vault = yield* KeyVault.KeyVault
  const events = yield* SecurityEvents.SecurityEvents
  const pseudonyms = yield* Pseudonyms
  const trust = yield* Effect.fromResult(TrustedProxy.make(options.proxies ?? {}))
  const headers = IdentityHeader.make(options.headers)
  const macKeys = options.macKeys ?? []

  const macOf = (key: KeyRef, input: Uint8Array) =>
    vault
      .use(key, RadiusSecret.purposes.proxyMac, (secret) => secret.hmac("sha256", input))
      .pipe(Effect.catchTag(["KeyNotFound", "WrongPurpose", "KeyUnreadable"], unusable))

  /** The one claim that the MAC covers: what else stands in the request may be the client's. */
  const coveredClaim = Effect.fnUntraced(function* (request: HttpExchange.HttpRequest, field: string) {
    const parsed = ProxyMac.parse(field)
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    const claims = headers.read(request.fields)
    if (Result.isFailure(claims)) return Result.fail(claims.failure)
    const host = HttpExchange.fieldOf(request.fields, "host")
    const mac = parsed.success
    const { method, target } = request
    for (const claim of host === undefined ? [] : claims.success) {
      const input = ProxyMac.input(mac.t, mac.n, {
        method,
        host: host!,
        target,
        header: claim.header,
        value: claim.raw
      })
      if (input === undefined) continue
      for (const key of macKeys) {
        if (!Bytes.equal(yield* macOf(key, input), mac.m)) continue
        if (!ProxyMac.isTimely(mac.t, yield* Clock.currentTimeMillis)) {
          return refused("proxy MAC too old", "DPE 5.2: 60 seconds")
        }
        const nonce = { n: mac.n.toLowerCase(), until: ProxyMac.rememberUntil(mac.t) }
        return Result.succeed({ claims: [claim], nonce })
      }
    }
    return refused("proxy MAC does not hold", "DPE 5.2: HMAC over the request and the identity header")
  })

  type Claims = Result.Result<
    { readonly claims: ReadonlyArray<IdentityHeader.IdentityClaim>; readonly nonce?: NonNullable<Evidence["nonce"]> },
    IdentityRefused
  >

  const claimsOf = Effect.fnUntraced(function* (request: HttpExchange.HttpRequest, trusted: boolean) {
    const macs = macKeys.length === 0 ? [] : HttpExchange.fieldsOf(request.fields, IdentityHeader.proxyMacName)
    if (macs.length > 1) return refused("proxy MAC malformed", "x-oma-proxy-mac stands once") as Claims
    if (macs.length === 1) return (yield* coveredClaim(request, macs[0]!)) as Claims
    if (trusted) return Result.map(headers.read(request.fields), (claims) => ({ claims })) as Claims
    if (request.fields.some(([name]) => headers.isIdentity(name))) {
      yield* events.emit("Refused", {
        enabler: options.enabler,
        interface: options.interface,
        peer: request.connection.peer.address,
        clause: "DPE 5.2: identity headers count from trusted proxies only",
        detail: "identity headers were removed"
      })
    }
    return Result.succeed({ claims: [] }) as Claims
  })

  /** What the network says of `request`; `policy` is the entry of the interface. */
  const present = Effect.fnUntraced(function* (
    policy: Pick<SecurityPolicy.InterfacePolicy, "clientAuthentication">,
    request: HttpExchange.HttpRequest
  ) {
    const { level } = request.connection.protection
    const accepted = policy.clientAuthentication.some(
      (entry) => entry.mode === mode && Level.satisfies(level, entry.over)
    )
    if (!accepted) return []
    const trusted = trust.judge(request.connection) !== undefined
    const headerClaims = yield* claimsOf(request, trusted)
    if (Result.isFailure(headerClaims)) return [{ mode, evidence: Result.fail(headerClaims.failure) }]
    const { claims, nonce } = headerClaims.success
    const address = trusted ? ForwardedFor.client(request.fields, trust.addresses) : provedAddress(request)
    const holder =
      options.addresses === undefined || address === undefined ? undefined : yield* options.addresses.lookup(address)
    if (claims.length === 0 && holder === undefined) return []
    if (holder !== undefined && Subscriber.compare(claims, holder.names) === "different") {
      const clause = "DPE 5.2: two sources with different subscribers are an authentication error"
      return [{ mode, evidence: refused("different subscribers", clause) }]
    }
    const names: Array<Subscriber.SubscriberName> = []
    for (const { kind, subject } of [...claims, ...(holder?.names ?? [])]) {
      if (!names.some((name) => name.kind === kind && name.subject === subject)) names.push({ kind, subject })
    }
    const by = [...claims.map(({ header }) => `header:${header}`), ...(holder === undefined ? [] : ["radius"])]
    const evidence: Evidence = { names, claims, by, ...(nonce === undefined ? {} : { nonce }) }
    return [{ mode, evidence: Result.succeed(evidence) }]
  }) as (
    policy: Pick<SecurityPolicy.InterfacePolicy, "clientAuthentication">,
    request: HttpExchange.HttpRequest
  ) => Effect.Effect<ReadonlyArray<ExternalPresented>, Unavailable>

  /** Whether the nonce was not used before; it is now. */
  const spend = Effect.fnUntraced(function* ({ n, until }: NonNullable<Evidence["nonce"]>, now: number) {
    return yield* store.transact([Store.putRecord(nonceCollection, n, noOctets, "absent", until)], now).pipe(
      Effect.as(true),
      Effect.catchTag("Conflict", () => Effect.succeed(false)),
      Effect.catchIf(
        (error) => error._tag !== "Unavailable",
        (error) => Effect.fail(new Unavailable({ what: "nonces of proxies", retryable: true, cause: error._tag }))
      )
    )
  })

  const judge: ExternalAuthenticator["judge"] = Effect.fnUntraced(function* (_context, { evidence }) {
    if (Result.isFailure(evidence)) return rejected(evidence.failure)
    const { names, by, nonce } = evidence.success
    const at = yield* Clock.currentTimeMillis
    if (nonce !== undefined && !(yield* spend(nonce, at))) {
      return rejected(new IdentityRefused({ why: "proxy MAC used before", clause: "DPE 5.2: each nonce once" }))
    }
    const identity: Identity.Authenticated = {
      _tag: "Authenticated",
      // the number where there is one, so that header and RADIUS give one subscriber one subject
      subject: yield* pseudonyms.of(names.find((name) => name.kind === "msisdn") ?? names[0]!),
      kind: pseudonymKind,
      method: mode,
      at,
      aliases: names,
      credentialRef: by.join(" ")
    }
    return { _tag: "Accepted", identity } as const
  })

  const authenticator: ExternalAuthenticator = {
    mode,
    challenge: () =>
      Effect.die(new Error("external authentication has no challenge: nothing in a message can answer one")),
    judge
  }
  const strip = (fields: HttpExchange.HttpFields): HttpExchange.HttpFields => headers.strip(fields)
  return { authenticator, present, strip }
})

const noOctets = new Uint8Array(0)

export type External = Effect.Success<ReturnType<typeof make>>
