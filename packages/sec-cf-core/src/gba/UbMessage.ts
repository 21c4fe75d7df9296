/**
 * What travels on Ub inside the fields of HTTP Digest, as values that the machines of both ends work on.
 *
 * @layer codec
 * @spec TS 24.109 4; RFC 3310
 */
import * as Result from "effect/Result"
import * as Challenge from "../digest/Challenge.ts"
import * as DigestAka from "../digest/DigestAka.ts"
import { MalformedGba } from "./GbaError.ts"

/** A challenge on Ub. */
export interface UbChallenge {
  readonly realm: string
  /** As it stands in the field: it goes into the response unchanged. */
  readonly nonce: string
  readonly rand: Uint8Array
  readonly autn: Uint8Array
  /** What the server put behind; Ks-input of 2G GBA is 16 octets. */
  readonly serverData: Uint8Array
  readonly algorithm: "AKAv1-MD5" | "AKAv2-MD5"
  readonly qop: Challenge.Qop
  readonly opaque: string | undefined
}

/** The octets of the first request's empty body are as good as none: `auth-int` then covers an empty body. */
const choose = (qop: ReadonlyArray<Challenge.Qop>): Challenge.Qop | undefined =>
  qop.includes("auth-int") ? "auth-int" : qop[0]

/**
 * The challenge on Ub among the `WWW-Authenticate` fields of an answer.
 *
 * **Fails** with `MalformedGba` if no field has a Digest challenge of AKAv1-MD5 (or AKAv2-MD5 where `accept` names it) with a
 * qop and a nonce of RAND and AUTN.
 */
export const fromFields = (
  fields: ReadonlyArray<string>,
  accept: ReadonlyArray<"AKAv1-MD5" | "AKAv2-MD5"> = ["AKAv1-MD5"]
): Result.Result<UbChallenge, MalformedGba> => {
  const malformed = (why: string) =>
    Result.fail(new MalformedGba({ what: "challenge on Ub", why, clause: "TS 24.109 4.3" }))
  const parsed = Challenge.parse(fields)
  if (Result.isFailure(parsed)) return malformed(parsed.failure.why)
  for (const challenge of Challenge.strongestFirst(parsed.success)) {
    const { algorithm } = challenge
    if ((algorithm !== "AKAv1-MD5" && algorithm !== "AKAv2-MD5") || !accept.includes(algorithm)) continue
    const qop = choose(challenge.qop)
    if (qop === undefined) return malformed("no qop")
    const nonce = DigestAka.decodeNonce(challenge.nonce)
    if (Result.isFailure(nonce)) return malformed(nonce.failure.why)
    const { rand, autn, serverData } = nonce.success
    const { realm, opaque } = challenge
    return Result.succeed({ realm, nonce: challenge.nonce, rand, autn, serverData, algorithm, qop, opaque })
  }
  return malformed(`no challenge of ${accept.join(" or ")}`)
}
