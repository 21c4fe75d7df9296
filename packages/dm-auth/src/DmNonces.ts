/**
 * The nonces of the accounts, as associations: one for what the server gave the client, one for what the client gave the
 * server. Challenges to clients that have not authenticated are derived and stored nowhere.
 *
 * @layer service
 */
import { KeyVault, keyPurpose, Sad, type Unavailable } from "@oma/sa-policy"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChallengeNonce from "./ChallengeNonce.ts"
import { enabler } from "./DmAccounts.ts"
import { type NonceName, read, write } from "./StoredNonce.ts"

/** How a message names its sender: `Source/LocURI`, and `Source/LocName` where it stands. */
export interface NamedSource {
  readonly locUri: string
  readonly locName?: string
}

/** What stands for an account at the time of asking. */
export interface NonceState {
  /** How often the account has authenticated. */
  readonly count: number
  /** The nonce that the client was given last; empty where it was given none. */
  readonly stored: Uint8Array
  /** The nonce that the client gave for the server's credentials; empty where it gave none. */
  readonly own: Uint8Array
  /** The nonces under which credentials count now: the stored one and every derived challenge. */
  readonly candidates: ReadonlyArray<Uint8Array>
  /** The nonce for a challenge to the message `msgId`. */
  readonly challenge: (msgId: number) => Uint8Array
}

/**
 * The nonces of all accounts.
 *
 * @spec DM Security 1.2, nonces; the derived ones by our own rule (`ChallengeNonce`)
 */
export class DmNonces extends Context.Service<
  DmNonces,
  {
    /**
     * The state of the account `name`, for a message from `source`; without an account what a new one would have.
     *
     * Challenges depend on the names in the message and not on the account that they find: otherwise the same nonce under two names, or
     * under a name and without it, would tell that there is one.
     */
    readonly of: (name: string | undefined, source: NamedSource) => Effect.Effect<NonceState, Unavailable>
    /** Spends all nonces of count `count`: the next one is `next`. Gives `raced` where another message was first. */
    readonly commit: (name: string, count: number, next: Uint8Array) => Effect.Effect<"kept" | "raced", Unavailable>
    /** Keeps a nonce for the server's credentials. */
    readonly keepOwn: (name: string, nonce: Uint8Array) => Effect.Effect<void, Unavailable>
  }
>()("@oma/dm-auth/DmNonces") {}

const purpose = keyPurpose("dm/challenge")
const keyId = "dm/challenge"

const make = Effect.gen(function* () {
  const sad = yield* Sad.Sad
  const vault = yield* KeyVault.KeyVault
  const key = yield* Effect.catchTag(vault.generate(purpose, 32, { id: keyId }), "Conflict", () =>
    vault.newest(keyId, purpose)
  )

  const handedOut = (name: string): NonceName => ({ enabler, direction: "inbound", name })
  const received = (name: string): NonceName => ({ enabler, direction: "outbound", name })

  return {
    of: Effect.fnUntraced(function* (name: string | undefined, { locName, locUri }: NamedSource) {
      const { octets: stored, version: count } = yield* read(sad, handedOut(name ?? ""))
      const { octets: own } = yield* read(sad, received(name ?? ""))
      const slot = ChallengeNonce.slotAt(yield* Clock.currentTimeMillis)
      const alone: ChallengeNonce.Basis = { direction: "client", count, account: JSON.stringify([locUri]) }
      const named = locName === undefined ? alone : { ...alone, account: JSON.stringify([locUri, locName]) }
      const derived = yield* vault
        .use(key, purpose, (secret) => {
          const mac: ChallengeNonce.ServerMac = (data) => secret.hmac("sha256", data)
          const first = ChallengeNonce.candidates(mac, named, slot)
          // some clients name their user only together with credentials
          return named === alone ? first : [...first, ...ChallengeNonce.candidates(mac, alone, slot)]
        })
        .pipe(Effect.catchTags({ KeyNotFound: Effect.die, KeyUnreadable: Effect.die, WrongPurpose: Effect.die }))
      const challenge = (msgId: number) => derived[msgId % ChallengeNonce.msgIdModulus]!
      return { count, stored, own, candidates: [stored, ...derived], challenge }
    }),
    commit: (name: string, count: number, next: Uint8Array) =>
      write(sad, handedOut(name), next, count === 0 ? "absent" : count),
    keepOwn: (name: string, nonce: Uint8Array) => Effect.asVoid(write(sad, received(name), nonce, "any"))
  }
})

/** Nonces on the SAD; the key of the derived ones lies in the vault. */
export const layer = Layer.effect(DmNonces, make)
