import type { Spd, Unavailable } from "@oma/sa-policy"
import { Effect, Result } from "effect"
import { Authorization, Challenge, DigestAlgorithm, DigestComputation } from "../../src/digest/index.ts"
import { alice, type Gate, hashes } from "./gate.ts"

export interface Answer {
  readonly username?: string
  readonly password?: string
  readonly realm?: string
  readonly hashRealm?: string
  readonly method?: string
  readonly uri?: string
  readonly qop?: Challenge.Qop
  readonly count?: number
  readonly nc?: string
  readonly cnonce?: string
  readonly algorithm?: DigestAlgorithm.DigestAlgorithm
  readonly body?: Uint8Array
  readonly userhash?: boolean
  readonly extended?: boolean
  readonly legacy?: boolean
  readonly opaque?: string
}

/** An `Authorization` field that a client without our client code would send. */
export const answer = (nonce: string, given: Answer = {}): string => {
  const algorithm = given.algorithm ?? "SHA-256"
  const { hash: name, session } = DigestAlgorithm.algorithms[algorithm]
  const hash = hashes[name]
  const username = given.username ?? alice.username
  const realm = given.realm ?? alice.realm
  const cnonce = given.cnonce ?? "0a4f113b"
  const qop = given.qop ?? "auth"
  const nc = given.nc ?? DigestComputation.ncText(given.count ?? 1)
  const plain = DigestComputation.ha1(hash, username, given.hashRealm ?? realm, given.password ?? alice.password)
  const ha1 = session ? DigestComputation.sessionHa1(hash, plain, nonce, cnonce) : plain
  const uri = given.uri ?? "/"
  const body = qop === "auth-int" ? (given.body ?? new Uint8Array(0)) : undefined
  const ha2 = DigestComputation.ha2(hash, given.method ?? "GET", uri, body)
  const quality = given.legacy === true ? undefined : { qop, nc, cnonce }
  return Result.getOrThrow(
    Authorization.encode({
      username: given.userhash === true ? DigestComputation.userhash(hash, username, realm) : username,
      realm,
      nonce,
      uri,
      algorithm,
      response: DigestComputation.response(hash, ha1, nonce, quality, ha2),
      ...(quality ?? {}),
      ...(given.userhash === undefined ? {} : { userhash: given.userhash }),
      ...(given.extended === undefined ? {} : { extended: given.extended }),
      ...(given.opaque === undefined ? {} : { opaque: given.opaque })
    })
  )
}

/** What the peer sees: `ok`, `401`, `401 stale`, `400`, `refused`. */
export const seen = (admission: Effect.Success<ReturnType<Gate["admit"]>>): string => {
  switch (admission._tag) {
    case "Admitted":
      return "ok"
    case "Challenge":
      return admission.challenges.some(({ stale }) => stale) ? "401 stale" : "401"
    case "Refused":
      return admission.reason === "malformed" ? "400" : "refused"
    case "Upgrade":
      return "426"
  }
}

/** A fresh nonce, out of a challenge. */
export const freshNonce = (gate: Gate): Effect.Effect<string, Spd.NoPolicy | Unavailable> =>
  Effect.map(gate.admit([]), (admission) => {
    if (admission._tag !== "Challenge") throw new Error(admission._tag)
    const challenges = Result.getOrThrow(Challenge.parse(admission.challenges.flatMap(({ fields }) => fields)))
    return challenges[0]!.digest!.nonce
  })
