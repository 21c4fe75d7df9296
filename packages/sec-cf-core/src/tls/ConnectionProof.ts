/**
 * What a connection itself proves, for the gate of an interface and for its mirror in a client: the pre-shared key identity or
 * the certificate. No message can be challenged for these; they are there or not.
 *
 * @spec OMA SEC_CF-AUTH-001, SEC_CF-AUTH-002
 * @layer service
 */
import type {
  Authenticator,
  ClientGuard,
  Connection,
  Identity,
  SaId,
  SecurityPolicy,
  Unavailable
} from "@oma/sa-policy"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { byAlternativeName, type CertificateIdentities } from "./CertificateNames.ts"

/** The modes as policies name them. */
export const pskMode = "psk"
export const certificateMode = "certificate"

/** Says that a connection brings a credential of this mode. */
export interface ConnectionCredential {
  readonly mode: SecurityPolicy.AuthMode
}

/** The credentials that a connection brings, to be presented to the guard beside those of the message. */
export const presentedBy = (connection: Connection.Connection): ReadonlyArray<ConnectionCredential> => [
  ...(connection.peer.pskIdentity === undefined ? [] : [{ mode: pskMode }]),
  ...(connection.peer.certificate === undefined ? [] : [{ mode: certificateMode }])
]

/** Who stands behind a pre-shared key identity, as the owner of the keys knows it. */
export interface PskPeer {
  readonly subject: string
  readonly kind: Identity.IdentityKind
  readonly aliases?: NonNullable<Identity.Authenticated["aliases"]>
  readonly credentialRef?: string
  readonly association?: SaId
  /** Milliseconds since 1970 when the key ends; a connection can be older than that. */
  readonly notAfter?: number
}

type Verdict = Authenticator.Verdict<never, never>

const never = Effect.die(new Error("a connection cannot be challenged for by a message"))

const rejected = (reason: Authenticator.RejectionReason, detail: string, clause: string) =>
  ({ _tag: "Rejected", reason, detail, clause }) as const

/**
 * Judges the pre-shared key identity of the connection. `identify` gives who it is, or `undefined` where its key is revoked or
 * unknown by now: it is asked for every message, since a connection may outlive its key.
 */
export const pskAuthenticator = <Request>(
  identify: (identity: string, connection: Connection.Connection) => Effect.Effect<PskPeer | undefined, Unavailable>
): Authenticator.Authenticator<Request, ConnectionCredential, never, never> => ({
  mode: pskMode,
  challenge: () => never,
  judge: Effect.fnUntraced(function* ({ connection }): Effect.fn.Return<Verdict, Unavailable> {
    const { pskIdentity } = connection.peer
    if (pskIdentity === undefined) return rejected("credentials", "the connection has no key", "SEC_CF-AUTH-001")
    const peer = yield* identify(pskIdentity, connection)
    if (peer === undefined) {
      return rejected("expired", `the key of ${pskIdentity} is no longer in use`, "TS 33.222 5.4: the key's lifetime")
    }
    const at = yield* Clock.currentTimeMillis
    const { association, notAfter, ...about } = peer
    if (notAfter !== undefined && notAfter <= at) {
      return rejected("expired", `the key of ${pskIdentity} has ended`, "TS 33.222 5.4: the key's lifetime")
    }
    return {
      _tag: "Accepted",
      identity: { _tag: "Authenticated", ...about, method: pskMode, at },
      ...(association === undefined ? {} : { association })
    } as const
  })
})

/** Judges the client certificate of the connection; its first name is the subject, the others are aliases. */
export const certificateAuthenticator = <Request>(
  identities: CertificateIdentities = byAlternativeName
): Authenticator.Authenticator<Request, ConnectionCredential, never, never> => ({
  mode: certificateMode,
  challenge: () => never,
  judge: Effect.fnUntraced(function* ({ connection }): Effect.fn.Return<Verdict, Unavailable> {
    const { certificate } = connection.peer
    if (certificate === undefined) return rejected("credentials", "the peer showed no certificate", "SEC_CF-AUTH-001")
    const at = yield* Clock.currentTimeMillis
    if (certificate.notAfter <= at) return rejected("expired", "the certificate has ended", "RFC 5280 4.1.2.5")
    const [first, ...others] = identities(certificate)
    if (first === undefined) {
      return rejected(
        "unauthorised",
        `no accepted name in the certificate of ${certificate.subject}`,
        "RFC 5280 4.2.1.6"
      )
    }
    return {
      _tag: "Accepted",
      identity: {
        _tag: "Authenticated",
        ...first,
        method: certificateMode,
        at,
        ...(others.length === 0 ? {} : { aliases: others }),
        credentialRef: certificate.fingerprint
      }
    } as const
  })
})

/**
 * What the server of a client's connection proved, at the time `at`, for `ClientGuard.judge`: that it has the pre-shared key, or
 * that its certificate is for the name that was asked for. The subject is that name.
 *
 * @spec OMA SEC_CF-AUTH-002
 */
export const serverProofs = (connection: Connection.Connection, at: number): ReadonlyArray<ClientGuard.ServerProof> => {
  const { peer, serverName } = connection
  const proof = (mode: SecurityPolicy.AuthMode, credentialRef: string): ClientGuard.ServerProof => ({
    mode,
    identity: {
      _tag: "Authenticated",
      subject: serverName ?? peer.address,
      kind: "server",
      method: mode,
      at,
      credentialRef
    }
  })
  return [
    ...(peer.pskIdentity === undefined ? [] : [proof(pskMode, peer.pskIdentity)]),
    ...(peer.certificate === undefined ? [] : [proof(certificateMode, peer.certificate.fingerprint)])
  ]
}
