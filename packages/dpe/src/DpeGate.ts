/**
 * The gate of one interface of the server: every message passes it, with all credentials that it brings.
 *
 * @layer service
 * @spec dpe 5: what is supplied beyond the demand is judged too; two modes that name different subscribers are an authentication error
 */
import {
  type Identity,
  InterfaceGuard,
  Level,
  SecurityEvents,
  type SecurityPolicy,
  Spd,
  type Unavailable
} from "@oma/sa-policy"
import { HttpExchange } from "@oma/sa-policy/http"
import type { DigestAuthenticator } from "@oma/sec-cf-core/digest"
import * as Effect from "effect/Effect"
import { type DpeInterface, enabler, nameOf } from "./DpeInterface.ts"
import { authenticatorOf, type DpeMechanism, type DpePresented } from "./DpeMechanism.ts"

/** What the gate says of a request. */
export type Passage =
  | {
      readonly _tag: "Admitted"
      readonly identity: Identity.Identity
      /** The subscriber behind the identity; `undefined` for nobody in particular. */
      readonly subscriber: string | undefined
      readonly mode: SecurityPolicy.AuthMode
      readonly policy: SecurityPolicy.InterfacePolicy
      readonly reply: DigestAuthenticator.DigestReply | undefined
      /** Challenges for a client that was admitted as nobody in particular and would rather be somebody. */
      readonly offers: ReadonlyArray<string>
    }
  | { readonly _tag: "Challenge"; readonly challenges: ReadonlyArray<string> }
  | { readonly _tag: "Upgrade"; readonly least: Level.Level }
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Malformed" }

export interface GateOptions {
  readonly mechanisms: ReadonlyArray<DpeMechanism>
  /**
   * The subscriber behind an identity, the same for every mode by which he can prove himself; `undefined` for a name that is no
   * subscriber. Unless given it is `kind:subject`, so that names of two kinds are never one subscriber.
   */
  readonly subscriberOf?: (identity: Identity.Authenticated) => Effect.Effect<string | undefined, Unavailable>
  /** Whether the subscriber may use the interface. All unless given. */
  readonly entitled?: (subscriber: string) => Effect.Effect<boolean, Unavailable>
}

const bySubject = ({ kind, subject }: Identity.Authenticated) => Effect.succeed(`${kind}:${subject}`)

/** The gate of `of` with its mechanisms. */
export const make = Effect.fnUntraced(function* (of: DpeInterface, options: GateOptions) {
  const spd = yield* Spd.Spd
  const events = yield* SecurityEvents.SecurityEvents
  const name = nameOf("server", of)
  const { mechanisms, subscriberOf = bySubject, entitled = () => Effect.succeed(true) } = options
  const guard = yield* InterfaceGuard.make(name, mechanisms.map(authenticatorOf))
  const readsAuthorization = mechanisms.some(({ reads }) => reads.has("authorization"))

  const refuse = (request: HttpExchange.HttpRequest, clause: string, detail: string) =>
    Effect.as(
      events.emit("Refused", { enabler, interface: of, peer: request.connection.peer.address, clause, detail }),
      { _tag: "Refused" } as const
    )

  /** The fields of challenges for the other modes that the policy accepts on this connection. */
  const offersOf = Effect.fnUntraced(function* (
    policy: SecurityPolicy.InterfacePolicy,
    request: HttpExchange.HttpRequest
  ) {
    const { connection } = request
    const offers: Array<string> = []
    for (const { mode, over } of policy.clientAuthentication) {
      const challenge = mechanisms.find((mechanism) => mechanism.mode === mode)?.challenge
      if (challenge === undefined || !Level.satisfies(connection.protection.level, over)) continue
      offers.push(...(yield* challenge({ connection, policy, request })).fields)
    }
    return offers
  })

  /** Judges `request`. Fails where a store does not answer or no policy speaks of the interface. */
  const admit = Effect.fnUntraced(function* (
    request: HttpExchange.HttpRequest
  ): Effect.fn.Return<Passage, Spd.NoPolicy | Unavailable> {
    const { connection } = request
    const policy = yield* spd.entry(name)
    const presented: Array<DpePresented> = []
    for (const mechanism of mechanisms) presented.push(...(yield* mechanism.present(policy, request)))
    const isAccepted = ({ mode }: DpePresented): boolean =>
      policy.clientAuthentication.some(
        (entry) => entry.mode === mode && Level.satisfies(connection.protection.level, entry.over)
      )
    const accepted = presented.filter(isAccepted)
    const admission = yield* guard.admit(connection, request, accepted)
    switch (admission._tag) {
      case "Challenge":
        return { _tag: "Challenge", challenges: admission.challenges.flatMap(({ fields }) => fields) }
      case "Upgrade":
        return { _tag: "Upgrade", least: admission.least }
      case "Refused":
        return { _tag: admission.reason === "malformed" ? "Malformed" : "Refused" }
      case "Admitted":
        break
    }
    const { identity, mode, reply } = admission
    const subscriber = identity._tag === "Authenticated" ? yield* subscriberOf(identity) : undefined
    if (identity._tag === "Authenticated" && subscriber === undefined) {
      return yield* refuse(request, "dpe 5.3: a known subscriber", "the identity is no subscriber")
    }
    if (HttpExchange.fieldsOf(request.fields, "authorization").length > 0) {
      const read =
        readsAuthorization && presented.some((credential) => credential.mode === "digest" || credential.mode === "gba")
      if (!read)
        return yield* refuse(
          request,
          "dpe 5: every credential is judged",
          "Authorization of no mechanism of the interface"
        )
    }
    const judged = accepted.find((credential) => credential.mode === mode)
    for (const credential of presented) {
      if (credential === judged) continue
      const verdict = yield* credential.judge({ connection, policy, request })
      if (verdict._tag === "Rejected") {
        return yield* refuse(request, verdict.clause, `${credential.mode} beside ${mode}: ${verdict.detail}`)
      }
      const other = yield* subscriberOf(verdict.identity)
      if (subscriber !== undefined && other !== subscriber) {
        return yield* refuse(
          request,
          "dpe 5: two modes that name different subscribers",
          `${credential.mode} beside ${mode}`
        )
      }
    }
    if (subscriber !== undefined && !(yield* entitled(subscriber))) {
      return yield* refuse(request, "dpe 5.3: a known subscriber without entitlement", "the subscriber is not entitled")
    }
    const offers = mode === "none" ? yield* offersOf(policy, request) : []
    return { _tag: "Admitted", identity, subscriber, mode, policy, reply, offers }
  })

  return { admit, policy: spd.entry(name) }
})
