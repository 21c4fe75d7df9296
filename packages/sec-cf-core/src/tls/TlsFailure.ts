/**
 * Why a client has no connection.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

export type TlsFailureReason =
  /** Nobody answered at the address. */
  | "unreachable"
  /** The server closed the connection within the handshake; some do that to a client whose certificate they refuse. */
  | "closed"
  | "timeout"
  /** The server does not know the identity, or has another key for it: bootstrap again, or ask for the right key. */
  | "key refused"
  /** The client has no key for what the server asked for. */
  | "no key"
  /** The server's certificate is not valid, not for this name, or stands where a pre-shared key was demanded. */
  | "server not authenticated"
  /** The server refused this client's certificate or wants one. */
  | "client refused"
  /** No version or suite in common. In TLS 1.3 a server answers so to an unknown key identity as well. */
  | "no common protection"
  | "failed"

/** A connection was not made. `code` is Node's or OpenSSL's, for the operator. */
export class TlsFailure extends Data.TaggedError("TlsFailure")<{
  readonly reason: TlsFailureReason
  readonly detail: string
  readonly code: string
}> {}

const reasons: ReadonlyArray<readonly [RegExp, TlsFailureReason]> = [
  [/UNKNOWN_PSK_IDENTITY|ALERT_DECRYPT_ERROR|ALERT_BAD_RECORD_MAC|DECRYPTION_FAILED|BAD_RECORD_MAC/, "key refused"],
  [/PSK_IDENTITY_NOT_FOUND|OMA_NO_KEY/, "no key"],
  [
    /ALERT_(HANDSHAKE_FAILURE|PROTOCOL_VERSION|INSUFFICIENT_SECURITY)|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE/,
    "no common protection"
  ],
  [/NO_CIPHER|WRONG_VERSION_NUMBER|NO_SHARED_CIPHER/, "no common protection"],
  [/ALERT_(BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE|ACCESS_DENIED)|ALERT_NO_CERTIFICATE/, "client refused"],
  [/CERT|SELF_SIGNED|ISSUER|SIGNATURE|CRL|OMA_SERVER/, "server not authenticated"],
  [/ETIMEDOUT|TIMEOUT/, "timeout"],
  [/OMA_CLOSED/, "closed"],
  [/^E(CONN|HOST|NET|PIPE|ADDR|AI_)|ENOTFOUND/, "unreachable"]
]

/**
 * The failure that an error code of Node or OpenSSL stands for. `keyed`: a pre-shared key was offered; OpenSSL before 3.2 then
 * answers a wrong one in TLS 1.3 with illegal_parameter.
 */
export const failureOf = (code: string, detail: string, keyed = false): TlsFailure => {
  const found = reasons.find(([pattern]) => pattern.test(code))?.[1]
  const reason = found ?? (keyed && code.includes("ALERT_ILLEGAL_PARAMETER") ? "key refused" : "failed")
  return new TlsFailure({ reason, detail, code })
}
