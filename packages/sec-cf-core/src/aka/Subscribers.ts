/**
 * An authentication centre of our own: subscribers with sealed K and OPc on the store, and vectors made of them. SQN goes up in the store
 * before a vector goes out, so no number is used twice, whichever node makes the vector and whenever one is killed.
 *
 * @layer service
 * @spec TS 33.102 6.3.2, 6.3.5 and Annex C
 */
import { KeyVault, keyPurpose, Primitives, Store, type StoreError, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import type { AutsRejected, SqnExhausted } from "./AkaError.ts"
import { MalformedAka } from "./AkaError.ts"
import type { AkaFunctions, AkaVector } from "./AkaFunctions.ts"
import * as Vectors from "./AkaVector.ts"
import {
  AuthenticationVectorSource,
  UnknownSubscriber,
  type VectorError,
  type VectorRequest
} from "./AuthenticationVectorSource.ts"
import * as Milenage from "./Milenage.ts"
import * as Sqn from "./Sqn.ts"
import * as Record from "./SubscriberRecord.ts"
import * as Tuak from "./Tuak.ts"

/** The purposes of the keys. */
export const purposes = { k: keyPurpose("aka/k"), opc: keyPurpose("aka/opc") } as const

const collections = { subscribers: "aka/subscribers", sqn: "aka/sqn" } as const

/** A subscriber on the way into the store. The vault wipes `k` and `opc`. */
export interface NewSubscriber {
  /** 1 to 255 octets. */
  readonly impi: string
  /** MILENAGE unless given. */
  readonly algorithm?: "milenage" | "tuak"
  /** 16 octets, or 32 for TUAK. */
  readonly k: Uint8Array
  /** OPc of 16 octets, or TOPc of 32 for TUAK. */
  readonly opc: Uint8Array
  /** 2 octets; 0000 unless given. */
  readonly amf?: Uint8Array
  /** Keccak iterations of TUAK; 1 unless given. */
  readonly iterations?: number
  readonly profile?: Sqn.SqnProfile
  /** The number after which to go on; 0 unless given. */
  readonly sqn?: number
}

/** The subscribers of an embedded home network. */
export class Subscribers extends Context.Service<
  Subscribers,
  {
    /** Adds a subscriber; fails with `Conflict` where there is one of that name, with `MalformedAka` for a length or number out of range. */
    readonly add: (subscriber: NewSubscriber) => Effect.Effect<void, StoreError | MalformedAka>
    readonly has: (impi: string) => Effect.Effect<boolean, Unavailable>
    /** SQN_HE, the last number given out; `undefined` for an unknown subscriber. */
    readonly sqn: (impi: string) => Effect.Effect<number | undefined, Unavailable>
    /** Removes a subscriber and the keys. Gone already is fine. */
    readonly remove: (impi: string) => Effect.Effect<void, StoreError>
    readonly vector: (request: VectorRequest) => Effect.Effect<AkaVector, VectorError>
  }
>()("@oma/sec-cf-core/Subscribers") {}

/** Nobody's name: vectors of this subscriber are made for unknown names and thrown away, so that both cost the same. */
const NOBODY = "nobody@nobody.invalid"

/** How often a vector is tried anew because another node took the number first. */
const MAXIMUM_ATTEMPTS = 100

const unusable = (cause: KeyVault.KeyError | StoreError): Unavailable =>
  cause._tag === "Unavailable"
    ? cause
    : new Unavailable({ what: "the keys of a subscriber", retryable: false, cause: cause._tag })

const lengths = (parameter: string, octets: Uint8Array, allowed: ReadonlyArray<number>): MalformedAka | undefined =>
  allowed.includes(octets.length)
    ? undefined
    : new MalformedAka({
        parameter,
        expected: `${allowed.join(" or ")} octets`,
        actual: octets.length,
        clause: "TS 33.102 6.3.7"
      })

/** Bits of IND at most: a card keeps a number for each of its values. */
const MAXIMUM_IND_BITS = 16

const within = (parameter: string, value: number, least: number, most: number): MalformedAka | undefined =>
  Number.isInteger(value) && value >= least && value <= most
    ? undefined
    : new MalformedAka({ parameter, expected: `${least} to ${most}`, actual: value, clause: "TS 33.102 Annex C" })

const fault = (subscriber: NewSubscriber): MalformedAka | undefined => {
  const tuak = subscriber.algorithm === "tuak"
  const { indBits, delta, limit } = subscriber.profile ?? Sqn.defaultProfile
  const name = Bytes.utf8(subscriber.impi).length
  if (name < 1 || name > 255) {
    return new MalformedAka({ parameter: "IMPI", expected: "1 to 255 octets", actual: name, clause: "TS 23.003 13.3" })
  }
  return (
    lengths("K", subscriber.k, tuak ? [16, 32] : [16]) ??
    lengths(tuak ? "TOPc" : "OPc", subscriber.opc, tuak ? [32] : [16]) ??
    lengths("AMF", subscriber.amf ?? new Uint8Array(2), [2]) ??
    within("iterations", subscriber.iterations ?? 1, 1, 255) ??
    within("SQN", subscriber.sqn ?? 0, 0, Sqn.maximum) ??
    within("bits of IND", indBits, 0, MAXIMUM_IND_BITS) ??
    within("delta", delta, 1, Sqn.maximum) ??
    within("limit", limit ?? 1, 1, Sqn.maximum)
  )
}

const make = Effect.gen(function* () {
  const store = yield* Store.Store
  const vault = yield* KeyVault.KeyVault
  const { random } = yield* Primitives.Primitives

  const find = Effect.fnUntraced(function* (impi: string) {
    if (Bytes.utf8(impi).length > 255) return undefined
    const now = yield* Clock.currentTimeMillis
    const record = yield* store.record(collections.subscribers, impi, now)
    const subscriber = record === undefined ? undefined : Record.decode(record.value)
    const sqn = subscriber === undefined ? undefined : yield* store.record(collections.sqn, impi, now)
    return subscriber === undefined || sqn === undefined
      ? undefined
      : { subscriber, sqnHe: Sqn.fromBytes(sqn.value), version: sqn.version }
  })

  /** Runs `work` with the functions of the subscriber; the keys are wiped, or stay inside the vault. */
  const withFunctions = Effect.fnUntraced(function* <A, E>(
    subscriber: Record.SubscriberRecord,
    work: (functions: AkaFunctions) => Result.Result<A, E>
  ) {
    const { k, opc, algorithm, iterations } = subscriber
    const constant = yield* vault.use(opc, purposes.opc, (key) => key.lend((octets) => new Uint8Array(octets)))
    const outcome = yield* vault.use(k, purposes.k, (key): Result.Result<A, E | MalformedAka> => {
      if (algorithm === "milenage") return Result.flatMap(Milenage.make(key.aesBlocks, constant), work)
      return key.lend((octets) => Result.flatMap(Tuak.make(octets, constant, { iterations }), work))
    })
    Bytes.wipe(constant)
    return outcome
  })

  type Prepared = Result.Result<Vectors.Batch, MalformedAka | AutsRejected | SqnExhausted>

  const attempt = Effect.fnUntraced(function* ({ impi, resynchronise }: VectorRequest) {
    const found = yield* find(impi)
    if (found === undefined) return yield* new UnknownSubscriber({ impi })
    const { subscriber, sqnHe, version } = found
    const { profile } = subscriber
    const amf = Bytes.fromHex(subscriber.amf) ?? new Uint8Array(2)
    const rands = [random(16)]
    const prepared = yield* withFunctions(subscriber, (functions): Prepared => {
      const from =
        resynchronise === undefined
          ? Result.succeed(sqnHe)
          : Vectors.resynchronise(functions, { sqnHe, profile, ...resynchronise })
      return Result.flatMap(from, (base) => {
        // the slots go round, so that vectors which are under way at the same time may arrive in any order
        const ind = (Sqn.indOf(profile, sqnHe) + 1) % 2 ** profile.indBits
        return Vectors.generate(functions, { sqnHe: base, ind, amf, rands, profile })
      })
    }).pipe(Effect.mapError(unusable))
    if (Result.isFailure(prepared)) return yield* prepared.failure
    const operation = Store.putRecord(collections.sqn, impi, Sqn.toBytes(prepared.success.sqnHe), version)
    yield* store.transact([operation], yield* Clock.currentTimeMillis)
    return prepared.success.vectors[0]!
  })

  const keyId = (impi: string, which: "k" | "opc") => `aka/${which}/${impi}`

  const add = Effect.fnUntraced(function* (subscriber: NewSubscriber) {
    const wrong = fault(subscriber)
    if (wrong !== undefined) return yield* wrong
    const { impi, algorithm = "milenage", iterations = 1, profile = Sqn.defaultProfile, sqn = 0 } = subscriber
    const k = yield* vault.prepare(purposes.k, subscriber.k, { id: keyId(impi, "k") })
    const opc = yield* vault.prepare(purposes.opc, subscriber.opc, { id: keyId(impi, "opc") })
    const amf = Bytes.toHex(subscriber.amf ?? new Uint8Array(2))
    const record = Record.encode({ impi, algorithm, iterations, amf, k: k.ref, opc: opc.ref, profile })
    yield* store.transact(
      [
        Store.putRecord(collections.subscribers, impi, record, "absent"),
        Store.putRecord(collections.sqn, impi, Sqn.toBytes(sqn), "absent"),
        k.operation,
        opc.operation
      ],
      yield* Clock.currentTimeMillis
    )
  })

  const turns = new Map<string, { readonly one: Semaphore.Semaphore; users: number }>()

  /**
   * One vector of a name at a time on this node: of many side by side one alone would win its number, and the others would make theirs
   * again and again. Unknown names wait alike.
   */
  const inTurn = <A, E>(impi: string, work: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const turn = turns.get(impi) ?? { one: Semaphore.makeUnsafe(1), users: 0 }
        turns.set(impi, turn)
        turn.users++
        return turn
      }),
      ({ one }) => one.withPermit(work),
      (turn) =>
        Effect.sync(() => {
          turn.users--
          if (turn.users === 0) turns.delete(impi)
        })
    )

  // a forged AUTS of a known subscriber is refused and an ordinary vector follows it: so it goes here
  const asNobody = ({ resynchronise }: VectorRequest) =>
    Effect.andThen(
      resynchronise === undefined ? Effect.void : Effect.ignore(attempt({ impi: NOBODY, resynchronise })),
      Effect.ignore(attempt({ impi: NOBODY }))
    )

  yield* Effect.ignore(add({ impi: NOBODY, k: random(16), opc: random(16) }))

  return {
    add,
    has: (impi: string) => Effect.map(find(impi), (found) => found !== undefined),
    sqn: (impi: string) => Effect.map(find(impi), (found) => found?.sqnHe),
    remove: Effect.fnUntraced(function* (impi: string) {
      yield* store.transact(
        [
          Store.deleteRecord(collections.subscribers, impi),
          Store.deleteRecord(collections.sqn, impi),
          vault.removal(keyId(impi, "k")),
          vault.removal(keyId(impi, "opc"))
        ],
        yield* Clock.currentTimeMillis
      )
    }),
    vector: (request: VectorRequest): Effect.Effect<AkaVector, VectorError> =>
      inTurn(
        request.impi,
        attempt(request).pipe(
          Effect.retry({ times: MAXIMUM_ATTEMPTS, while: (error) => error._tag === "Conflict" }),
          Effect.catchTag("UnknownSubscriber", (error) => Effect.andThen(asNobody(request), Effect.fail(error))),
          Effect.catchTag(["Conflict", "SaNotFound", "SaExpired", "SaRevoked", "Replayed", "Unacceptable"], (error) =>
            Effect.fail(unusable(error))
          )
        )
      )
  }
})

/** The subscribers on the store and the vault. */
export const layer = Layer.effect(Subscribers, make)

/** The subscribers as the source of vectors. */
export const layerSource: Layer.Layer<AuthenticationVectorSource, never, Subscribers> = Layer.effect(
  AuthenticationVectorSource,
  Effect.map(Subscribers, ({ vector }) => ({ vector }))
)
