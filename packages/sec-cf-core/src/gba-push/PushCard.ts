/**
 * The card as GBA Push uses it: AKA with a challenge out of a GPI, then keys of a Ks that nobody keeps.
 *
 * @layer service
 * @spec TS 33.223; TS 33.220 4.5.2 and 5.3.2
 */
import { Primitives } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import { AkaCard, type CardUnavailable } from "../aka/AkaCard.ts"
import { type AkaAnswer, authenticateGbaU, type Usim } from "../aka/Usim.ts"
import type { ParameterTooLong } from "../gba/GbaError.ts"
import type { Impi } from "../gba/Impi.ts"
import * as Ks from "../gba/Ks.ts"
import type { NafId } from "../gba/NafId.ts"

/** The challenge of a GPI. */
export interface PushChallenge {
  readonly gbaU: boolean
  readonly rand: Uint8Array
  /** AUTN* for GBA_U. */
  readonly autn: Uint8Array
  readonly label: Uint8Array
}

/** Ks of one GPI, in the terminal or in the card. */
export interface DisposableKs {
  /** Ks_NAF, or Ks_ext_NAF where Ks lies in the card: 32 octets, which the caller wipes. */
  readonly externalKey: (impi: Impi, nafId: NafId) => Effect.Effect<Uint8Array, CardUnavailable | ParameterTooLong>
  /** Deletes Ks. A card that cannot be told replaces it with its next one. */
  readonly delete: Effect.Effect<void>
}

export type PushCardAnswer =
  | { readonly _tag: "Authenticated"; readonly ks: DisposableKs }
  /** 14 octets for the home network. */
  | { readonly _tag: "SynchronisationFailure"; readonly auts: Uint8Array }
  | { readonly _tag: "MacFailure" }
  /** No application of the card has the label, or none does what the GPI asks for. */
  | { readonly _tag: "NoApplication" }

/** The card. For GBA_U implement it on a card that keeps Ks; {@link layerMe} is the one for GBA_ME on `AkaCard`. */
export class PushCard extends Context.Service<
  PushCard,
  { readonly challenge: (challenge: PushChallenge) => Effect.Effect<PushCardAnswer, CardUnavailable> }
>()("@oma/sec-cf-core/PushCard") {}

export interface PushCardOptions {
  /** The label of the application; a GPI without a label is for it too. */
  readonly label?: Uint8Array
}

/** Whether a GPI with `label` is for the application that `options` describe. */
export const hasLabel = (options: PushCardOptions, label: Uint8Array): boolean =>
  label.length === 0 || (options.label !== undefined && Bytes.equal(label, options.label))

/** What an answer of AKA makes, where this process gets CK and IK; they are overwritten. */
const answerOf = (
  importKey: Primitives.Primitives["Service"]["importKey"],
  rand: Uint8Array,
  answer: AkaAnswer
): PushCardAnswer => {
  switch (answer._tag) {
    case "MacFailure":
      return { _tag: "MacFailure" }
    case "SynchronisationFailure":
      return { _tag: "SynchronisationFailure", auts: answer.auts }
    case "Authenticated": {
      const octets = Ks.fromAka(answer.ck, answer.ik)
      const key = importKey(octets)
      for (const secret of [octets, answer.ck, answer.ik, answer.res]) Bytes.wipe(secret)
      return {
        _tag: "Authenticated",
        ks: {
          externalKey: (impi, nafId) =>
            Effect.fromResult(Result.map(Ks.nafInput("me", rand, impi, nafId), (s) => key.hmac("sha256", s))),
          delete: Effect.sync(() => key.dispose())
        }
      }
    }
  }
}

/** GBA_ME on any card that runs AKA: Ks lies in the terminal's memory until it is deleted. A GPI of GBA_U finds no application. */
export const layerMe = (options: PushCardOptions = {}): Layer.Layer<PushCard, never, AkaCard | Primitives.Primitives> =>
  Layer.effect(
    PushCard,
    Effect.gen(function* () {
      const card = yield* AkaCard
      const { importKey } = yield* Primitives.Primitives
      return {
        challenge: ({ gbaU, rand, autn, label }) =>
          gbaU || !hasLabel(options, label)
            ? Effect.succeed<PushCardAnswer>({ _tag: "NoApplication" })
            : Effect.map(card.authenticate(rand, autn), (answer) => answerOf(importKey, rand, answer))
      }
    })
  )

/** A card in memory that does GBA_U and nothing else: CK, IK and Ks stay behind the port. */
export const layerMemoryGbaU = (
  usim: Usim,
  options: PushCardOptions = {}
): Layer.Layer<PushCard, never, Primitives.Primitives> =>
  Layer.effect(
    PushCard,
    Effect.gen(function* () {
      const { importKey, hash } = yield* Primitives.Primitives
      const memory = yield* Ref.make(usim)
      return {
        challenge: ({ gbaU, rand, autn, label }) =>
          gbaU && hasLabel(options, label)
            ? Ref.modify(memory, (before) => {
                const [after, answer] = authenticateGbaU(before, hash("sha1"), rand, autn)
                return [answerOf(importKey, rand, answer), after] as const
              })
            : Effect.succeed<PushCardAnswer>({ _tag: "NoApplication" })
      }
    })
  )
