/**
 * The mechanisms of authentication at the gate of a DPE interface: what each reads out of a request, and who judges it.
 *
 * @layer service
 * @spec dpe 5.1
 */
import type { Authenticator, InterfaceGuard, SecurityPolicy, Unavailable } from "@oma/sa-policy"
import { HttpExchange } from "@oma/sa-policy/http"
import { DigestAuthenticator } from "@oma/sec-cf-core/digest"
import type { ExternalAuthenticator } from "@oma/sec-cf-core/external"
import { type ConnectionCredential, certificateMode } from "@oma/sec-cf-core/tls"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { modes } from "./DpePolicy.ts"

type Request = HttpExchange.HttpRequest
type Challenges = DigestAuthenticator.DigestChallenges
type Reply = DigestAuthenticator.DigestReply
type Context = Authenticator.AuthContext<Request>
type Judgement = Effect.Effect<Authenticator.Verdict<Challenges, Reply>, Unavailable>

/** A credential of a request with the mechanism that judges it. */
export interface DpePresented {
  readonly mode: SecurityPolicy.AuthMode
  readonly judge: (context: Context) => Judgement
}

export type DpeGuard = InterfaceGuard.InterfaceGuard<Request, DpePresented, Challenges, Reply>

export interface DpeMechanism {
  readonly mode: SecurityPolicy.AuthMode
  /** The challenge of this mechanism, where a message can answer one. */
  readonly challenge: ((context: Context) => Effect.Effect<Challenges, Unavailable>) | undefined
  readonly present: (
    policy: SecurityPolicy.InterfacePolicy,
    request: Request
  ) => Effect.Effect<ReadonlyArray<DpePresented>, Unavailable>
  /** Names of fields that only this mechanism reads, lower case. */
  readonly reads: ReadonlySet<string>
}

/** What Digest computes over. */
const factsOf = (request: Request) => {
  const authority = HttpExchange.fieldOf(request.fields, "host")
  const userAgent = HttpExchange.fieldOf(request.fields, "user-agent")
  return {
    method: request.method,
    target: request.target,
    body: request.body,
    ...(authority === undefined ? {} : { authority }),
    ...(userAgent === undefined ? {} : { userAgent })
  }
}

type Facts = ReturnType<typeof factsOf>

type DigestLike = Authenticator.Authenticator<Facts, DigestAuthenticator.DigestPresented, Challenges, Reply>

const isBootstrapping = ({ parsed }: DigestAuthenticator.DigestPresented): boolean =>
  Result.isSuccess(parsed) && parsed.success.realm.startsWith("3GPP-bootstrapping")

const byAuthorization = (
  authenticator: DigestLike,
  mine: (presented: DigestAuthenticator.DigestPresented) => boolean
): DpeMechanism => {
  const within = (context: Context) => ({ ...context, request: factsOf(context.request) })
  return {
    mode: authenticator.mode,
    challenge: (context) => authenticator.challenge(within(context)),
    present: (_policy, { fields }) =>
      Effect.succeed(
        DigestAuthenticator.present(HttpExchange.fieldsOf(fields, "authorization"), { mode: authenticator.mode })
          .filter(mine)
          .map((presented) => ({
            mode: authenticator.mode,
            judge: (context) => authenticator.judge(within(context), presented)
          }))
      ),
    reads: new Set(["authorization"])
  }
}

/** HTTP Digest with the accounts of the enabler. */
export const digest = (authenticator: DigestLike): DpeMechanism =>
  byAuthorization(authenticator, (presented) => !isBootstrapping(presented))

/** HTTP Digest with credentials of GBA: user B-TID, password Ks_NAF, realm `3GPP-bootstrapping@...`. */
export const gba = (authenticator: DigestLike): DpeMechanism => byAuthorization(authenticator, isBootstrapping)

/** The client certificate of the connection. */
export const certificate = (
  authenticator: Authenticator.Authenticator<Request, ConnectionCredential, never, never>
): DpeMechanism => ({
  mode: certificateMode,
  challenge: undefined,
  present: (_policy, { connection }) =>
    Effect.succeed(
      connection.peer.certificate === undefined
        ? []
        : [{ mode: certificateMode, judge: (context) => authenticator.judge(context, { mode: certificateMode }) }]
    ),
  reads: new Set()
})

/** The network of the service provider: trusted proxies and RADIUS. */
export const external = (network: ExternalAuthenticator.External): DpeMechanism => ({
  mode: modes.external,
  challenge: undefined,
  present: (policy, request) =>
    Effect.map(network.present(policy, request), (found) =>
      found.map((presented) => ({
        mode: modes.external,
        judge: (context) => network.authenticator.judge(context, presented)
      }))
    ),
  reads: new Set()
})

/** The mechanism as the guard takes it: the credential knows its judge. */
export const authenticatorOf = ({
  mode,
  challenge
}: DpeMechanism): Authenticator.Authenticator<Request, DpePresented, Challenges, Reply> => ({
  mode,
  challenge: challenge ?? (() => Effect.die(new Error(`nothing in a message answers a challenge for ${mode}`))),
  judge: (context, presented) => presented.judge(context)
})
