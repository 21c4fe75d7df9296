/**
 * The nonces of the accounts, as associations: one for what the server gave the client, one for what the client gave the
 * server. Challenges to clients that have not authenticated are derived and stored nowhere.
 *
 * @layer service
 */
import {
  Identity,
  KeyVault,
  keyPurpose,
  ReplayWindow,
  Sad,
  type SecurityAssociation,
  Store,
  saId,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as ChallengeNonce from "./ChallengeNonce.ts"
import { enabler } from "./DmAccounts.ts"

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
    /** The state of an account; of one that does not exist under `name` what a new one would have. */
    readonly of: (name: string, exists: boolean) => Effect.Effect<NonceState, Unavailable>
    /** Spends all nonces of count `count`: the next one is `next`. Gives `raced` where another message was first. */
    readonly commit: (name: string, count: number, next: Uint8Array) => Effect.Effect<"kept" | "raced", Unavailable>
    /** Keeps a nonce for the server's credentials. */
    readonly keepOwn: (name: string, nonce: Uint8Array) => Effect.Effect<void, Unavailable>
  }
>()("@oma/dm-auth/DmNonces") {}

const empty = new Uint8Array(0)
const purpose = keyPurpose("dm/challenge")
const keyId = "dm/challenge"

const octetsOf = (text: string | undefined): Uint8Array => {
  const decoded = text === undefined ? undefined : Bytes.fromBase64(text)
  return decoded !== undefined && Result.isSuccess(decoded) ? decoded.success : empty
}

const make = Effect.gen(function* () {
  const sad = yield* Sad.Sad
  const vault = yield* KeyVault.KeyVault
  const key = yield* Effect.catchTag(vault.generate(purpose, 32, { id: keyId }), "Conflict", () =>
    vault.newest(keyId, purpose)
  )

  const idOf = (kind: "nonce" | "own", name: string) => saId(`dm/${kind}/${name}`)

  const read = (kind: "nonce" | "own", name: string) =>
    Effect.map(Effect.result(sad.get(idOf(kind, name))), (found) =>
      Result.isSuccess(found)
        ? Result.succeed({ version: found.success.version, octets: octetsOf(found.success.sa.attributes["nonce"]) })
        : found.failure._tag === "Unavailable"
          ? Result.fail(found.failure)
          : Result.succeed({ version: 0, octets: empty })
    ).pipe(Effect.flatMap(Effect.fromResult))

  const association = (
    kind: "nonce" | "own",
    name: string,
    nonce: Uint8Array,
    createdAt: number
  ): SecurityAssociation => ({
    id: idOf(kind, name),
    mechanism: "syncml-nonce",
    peer: Identity.anonymous,
    scope: { enabler, interface: "dm", direction: kind === "nonce" ? "inbound" : "outbound" },
    keys: {},
    replay: ReplayWindow.strict,
    createdAt,
    provenance: { by: "@oma/dm-auth", clause: "DM Security 1.2: NextNonce" },
    attributes: { nonce: Bytes.toBase64(nonce) }
  })

  const write = Effect.fnUntraced(function* (
    kind: "nonce" | "own",
    name: string,
    nonce: Uint8Array,
    expect: Store.Expectation
  ) {
    const sa = association(kind, name, nonce, yield* Clock.currentTimeMillis)
    const written = yield* Effect.result(sad.transact([Store.put(sa, expect)]))
    if (Result.isSuccess(written)) return "kept" as const
    return written.failure._tag === "Unavailable" ? yield* Effect.fail(written.failure) : ("raced" as const)
  })

  return {
    of: Effect.fnUntraced(function* (name: string, exists: boolean) {
      const { octets: stored, version: count } = yield* read("nonce", exists ? name : "")
      const { octets: own } = yield* read("own", exists ? name : "")
      const slot = ChallengeNonce.slotAt(yield* Clock.currentTimeMillis)
      const basis: ChallengeNonce.Basis = { direction: "client", count, account: name }
      const derived = yield* vault
        .use(key, purpose, (secret) => {
          const mac: ChallengeNonce.ServerMac = (data) => secret.hmac("sha256", data)
          const current = Array.from({ length: ChallengeNonce.msgIdModulus }, (_, msgId) =>
            ChallengeNonce.derive(mac, basis, slot, msgId)
          )
          return { current, all: ChallengeNonce.candidates(mac, basis, slot) }
        })
        .pipe(Effect.catchTags({ KeyNotFound: Effect.die, KeyUnreadable: Effect.die, WrongPurpose: Effect.die }))
      const challenge = (msgId: number) => derived.current[msgId % ChallengeNonce.msgIdModulus]!
      return { count, stored, own, candidates: [stored, ...derived.all], challenge }
    }),
    commit: (name: string, count: number, next: Uint8Array) =>
      write("nonce", name, next, count === 0 ? "absent" : count),
    keepOwn: (name: string, nonce: Uint8Array) => Effect.asVoid(write("own", name, nonce, "any"))
  }
})

/** Nonces on the SAD; the key of the derived ones lies in the vault. */
export const layer = Layer.effect(DmNonces, make)
