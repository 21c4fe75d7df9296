/**
 * The Generic Push Layer: messages sealed and opened under associations of the SAD.
 *
 * @layer service
 */
import {
  type Exhausted,
  type KeyRef,
  KeyVault,
  type Primitives,
  ReplayWindow,
  Sad,
  type SaId,
  type Scope,
  type SecurityAssociation,
  SecurityEvents,
  Store,
  type StoreError,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { type GplRefusal, GplRefused, type MalformedGpl } from "./GplError.ts"
import { decodePayload, encodePayload, type GplFrame, type GplPayload, type GplSuite, parse } from "./GplMessage.ts"
import { open, seal, verify } from "./GplProtection.ts"
import { allowedSuites, encPurpose, intPurpose, mechanism, suiteOf } from "./GplSa.ts"
import * as ShortHmac from "./ShortHmac.ts"

/** An opened message, and the association that vouches for it. */
export interface OpenedGpl {
  readonly sa: SecurityAssociation
  readonly sequenceNumber: number
  readonly suite: GplSuite
  readonly payload: GplPayload
}

/**
 * What is done with the GPI of a combined delivery before its message is looked at: it installs the association. It is not asked where
 * an association with that RAND exists already, as a sender may repeat the GPI.
 */
export type GpiHandler = (gpi: Uint8Array) => Effect.Effect<void, GplRefused | StoreError>

export interface OpenOptions {
  /** Where the receiver stands; a message of an association for another enabler is refused, whatever the bearer says. */
  readonly scope?: Pick<Scope, "enabler"> & Partial<Pick<Scope, "interface">>
  readonly onGpi?: GpiHandler
  /** Octets of the longest message; 65,536 unless given. */
  readonly longest?: number
}

export type SealError = MalformedGpl | Exhausted | Sad.LookupError | KeyVault.KeyError | StoreError

/**
 * GPL. A receiver answers nothing: what it refuses it counts, by reason, as events.
 *
 * @spec TS 33.224; OMA SEC_CF-INTE-003, SEC_CF-CONF-003, SEC_CF-AUTH-007
 */
export class Gpl extends Context.Service<
  Gpl,
  {
    /** Seals `payload` under an outbound association: numbers rise, and a number is used once. `gpi` makes a combined delivery. */
    readonly seal: (
      id: SaId,
      payload: GplPayload,
      options?: { readonly gpi?: Uint8Array }
    ) => Effect.Effect<Uint8Array, SealError>
    /**
     * Opens a message. Its number is accepted durably before it is delivered; `with` joins that transaction. Fails with `GplRefused`, or
     * where the store does not answer: the message may then be given again.
     */
    readonly open: (
      message: Uint8Array,
      options?: OpenOptions & { readonly with?: ReadonlyArray<Store.Operation> }
    ) => Effect.Effect<OpenedGpl, GplRefused | StoreError>
  }
>()("@oma/sec-cf-core/Gpl") {}

const clause: Record<GplRefusal, string> = {
  malformed: "gpl-profile-1: version, flags and lengths must be exact",
  gpi: "TS 33.223: an invalid GPI is dropped without an answer",
  "unknown-sa": "TS 33.224: the SAID and direction must name an association",
  expired: "TS 33.223: both ends drop the NAF SA when the key lifetime is over",
  scope: "an association is used in its scope only",
  suite: "gpl-profile-1: one suite for the life of an association",
  "sequence-number": "TS 33.224: SN must be greater than SN_h",
  tag: "TS 33.224: the MAC must verify",
  padding: "gpl-profile-1: PKCS#7 padding",
  payload: "gpl-profile-1: the payload type must be known"
}

const make = Effect.gen(function* () {
  const sad = yield* Sad.Sad
  const vault = yield* KeyVault.KeyVault
  const events = yield* SecurityEvents.SecurityEvents

  const keyOf = (sa: SecurityAssociation, name: "enc" | "int"): Effect.Effect<KeyRef, KeyVault.KeyNotFound> => {
    const ref = (sa.keys as Readonly<Record<string, KeyRef | undefined>>)[name]
    return ref === undefined ? Effect.fail(new KeyVault.KeyNotFound({ id: sa.id, version: 0 })) : Effect.succeed(ref)
  }
  const withInt = <A>(sa: SecurityAssociation, work: (key: Primitives.SecretKey) => A) =>
    Effect.flatMap(keyOf(sa, "int"), (ref) => vault.use(ref, intPurpose, work))
  const withEnc = <A>(sa: SecurityAssociation, work: (key: Primitives.SecretKey) => A) =>
    Effect.flatMap(keyOf(sa, "enc"), (ref) => vault.use(ref, encPurpose, work))

  const refused = (reason: GplRefusal, detail: string) => Effect.fail(new GplRefused({ reason, detail }))

  const find = (frame: GplFrame, scope: OpenOptions["scope"]) =>
    sad.find(mechanism("receiver", frame.direction), frame.saId, { ...scope, direction: "inbound" }).pipe(
      Effect.catchTags({
        SaNotFound: () => refused("unknown-sa", Bytes.toHex(frame.saId)),
        SaRevoked: ({ why }) => refused("unknown-sa", `revoked: ${why}`),
        SaExpired: ({ hardExpiry }) => refused("expired", `since ${hardExpiry}`),
        SaOutOfScope: ({ scope: own }) => refused("scope", `it counts for ${own.enabler}/${own.interface}`)
      })
    )

  /** Whether the association of a frame stands or stood, so that the GPI in front of it is not to be run. */
  const isKnown = (frame: GplFrame): Effect.Effect<boolean, Unavailable> =>
    find(frame, undefined).pipe(
      Effect.as(true),
      Effect.catchTag("GplRefused", ({ reason }) => Effect.succeed(reason !== "unknown-sa"))
    )

  const openFrame: (
    frame: GplFrame,
    options: OpenOptions & { readonly with?: ReadonlyArray<Store.Operation> },
    again?: boolean
  ) => Effect.Effect<OpenedGpl, GplRefused | StoreError> = Effect.fnUntraced(function* (frame, options, again = false) {
    if (frame.gpi !== undefined && options.onGpi !== undefined && !(yield* isKnown(frame))) {
      yield* options.onGpi(frame.gpi).pipe(
        Effect.catchTag(["GplRefused", "Conflict"], (error) =>
          // another message with the same GPI may have been first: what counts is that the association stands
          Effect.flatMap(isKnown(frame), (known) => (known ? Effect.void : Effect.fail(error)))
        )
      )
    }
    const { sa, version, inbound } = yield* find(frame, options.scope)
    const settled = suiteOf(sa)
    if (settled === undefined ? !allowedSuites(sa).includes(frame.suite) : settled !== frame.suite) {
      return yield* refused("suite", `${frame.suite}, not ${settled ?? allowedSuites(sa).join(" or ")}`)
    }
    const replay = ReplayWindow.refusal(sa.replay, inbound, frame.sequenceNumber)
    if (replay !== undefined) return yield* refused("sequence-number", `${frame.sequenceNumber}: ${replay}`)
    const keyGone = (error: KeyVault.KeyError): Effect.Effect<never, GplRefused | Unavailable> =>
      error._tag === "Unavailable" ? Effect.fail(error) : refused("unknown-sa", `its keys: ${error._tag}`)
    const verified = yield* Effect.fromResult(
      yield* (
        frame.suite === 2
          ? withEnc(sa, ({ aesGcmOpen }) => verify({ gcmOpen: aesGcmOpen }, frame))
          : withInt(sa, (key) => verify({ mac: (data) => ShortHmac.mac(key, data) }, frame))
      ).pipe(Effect.catch(keyGone))
    )
    const settle = settled === undefined ? [Store.put({ ...sa, suite: String(frame.suite) }, version)] : []
    const accepted = yield* sad
      .accept(sa.id, frame.sequenceNumber, { with: [...settle, ...(options.with ?? [])] })
      .pipe(
        Effect.catchTag("Replayed", ({ number, refusal }) => refused("sequence-number", `${number}: ${refusal}`)),
        Effect.result
      )
    if (Result.isFailure(accepted)) {
      // another first message settled the suite meanwhile: this one is judged by what was settled
      if (accepted.failure._tag === "Conflict" && settle.length > 0 && !again)
        return yield* openFrame(frame, options, true)
      return yield* accepted.failure
    }
    const plaintext =
      verified.plaintext ??
      (yield* Effect.fromResult(
        yield* withEnc(sa, ({ aesCbcDecrypt }) => open({ cbcDecrypt: aesCbcDecrypt }, frame, verified)).pipe(
          Effect.catch(keyGone)
        )
      ))
    const payload = decodePayload(plaintext)
    if (Result.isFailure(payload)) return yield* refused("payload", payload.failure.why)
    return { sa, sequenceNumber: frame.sequenceNumber, suite: frame.suite, payload: payload.success }
  })

  return {
    seal: Effect.fnUntraced(function* (id: SaId, payload: GplPayload, options: { readonly gpi?: Uint8Array } = {}) {
      const { sa } = yield* sad.get(id, { direction: "outbound" })
      const suite = suiteOf(sa) ?? allowedSuites(sa)[0] ?? 1
      const plaintext = yield* Effect.fromResult(encodePayload(payload))
      const sequenceNumber = yield* sad.nextSequence(id)
      const header = {
        direction: sa.mechanism.endsWith("uplink") ? ("uplink" as const) : ("downlink" as const),
        suite,
        sequenceNumber,
        saId: sa.wireId ?? new Uint8Array(0),
        ...(options.gpi === undefined ? {} : { gpi: options.gpi })
      }
      const message = yield* vault.useBoth(
        [yield* keyOf(sa, "int"), intPurpose],
        [yield* keyOf(sa, "enc"), encPurpose],
        (int, { aesCbcEncrypt, aesGcmSeal }) =>
          seal(
            { mac: (data) => ShortHmac.mac(int, data), cbcEncrypt: aesCbcEncrypt, gcmSeal: aesGcmSeal },
            header,
            plaintext
          )
      )
      return yield* Effect.fromResult(message)
    }),
    open: (
      message: Uint8Array,
      options: OpenOptions & { readonly with?: ReadonlyArray<Store.Operation> } = {}
    ): Effect.Effect<OpenedGpl, GplRefused | StoreError> => {
      const frame = parse(message, options.longest)
      const opened = Result.isFailure(frame)
        ? refused("malformed", `octet ${frame.failure.at}: ${frame.failure.why}`)
        : openFrame(frame.success, options)
      return Effect.tapError(opened, (error) =>
        error._tag === "GplRefused"
          ? events.emit("Refused", {
              enabler: options.scope?.enabler ?? "sec-cf",
              interface: "gpl",
              clause: clause[error.reason],
              detail: `${error.reason}: ${error.detail}`,
              ...(Result.isSuccess(frame) ? { association: Bytes.toHex(frame.success.saId) } : {})
            })
          : Effect.void
      )
    }
  }
})

/** GPL on the SAD and the vault. */
export const layer: Layer.Layer<Gpl, never, Sad.Sad | KeyVault.KeyVault | SecurityEvents.SecurityEvents> = Layer.effect(
  Gpl,
  make
)
