/**
 * The software UICC as GBA Push uses it: GBA_ME with Ks in the terminal, GBA_U with Ks in the card.
 *
 * @layer service
 */
import type { Primitives } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { AkaCard, CardUnavailable } from "@oma/sec-cf-core/aka"
import { PushCard } from "@oma/sec-cf-core/gba-push"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import type { SoftwareCard } from "./SoftwareCard.ts"
import * as Uicc from "./Uicc.ts"

/**
 * The port on `card`. In GBA_U the bootstrapping is named `RAND@naf` in the files of the card, as GBA Push has no B-TID; what a real
 * card writes there is not known.
 */
export const layer = (
  card: SoftwareCard,
  options: PushCard.PushCardOptions = {}
): Layer.Layer<PushCard.PushCard, never, Primitives.Primitives> =>
  Layer.effect(
    PushCard.PushCard,
    Effect.gen(function* () {
      const me = yield* PushCard.PushCard
      const { uicc, functions } = card

      const ks: PushCard.DisposableKs = {
        externalKey: (impi, nafId) =>
          Ref.modify(uicc, (before): readonly [Result.Result<Uint8Array, CardUnavailable>, Uicc.Uicc] => {
            const derived = Uicc.derive(before, functions, nafId, impi)
            if (Result.isFailure(derived)) return [Result.fail(new CardUnavailable({ cause: derived.failure })), before]
            const [after, key] = derived.success
            return [Result.succeed(key), after]
          }).pipe(Effect.flatMap(Effect.fromResult)),
        delete: Ref.update(uicc, (before) => {
          if (before.bootstrapping !== undefined) Bytes.wipe(before.bootstrapping.ks)
          return { ...before, bootstrapping: undefined }
        })
      }

      const bootstrap = ({ rand, autn }: PushCard.PushChallenge) =>
        Ref.modify(uicc, (before): readonly [PushCard.PushCardAnswer, Uicc.Uicc] => {
          const [after, answer] = Uicc.bootstrap(before, functions, rand, autn)
          switch (answer._tag) {
            case "MacFailure":
              return [{ _tag: "MacFailure" }, after]
            case "SynchronisationFailure":
              return [{ _tag: "SynchronisationFailure", auts: answer.auts }, after]
            case "Authenticated": {
              const named = Uicc.complete(after, `${Bytes.toBase64(rand)}@naf`, "")
              return [{ _tag: "Authenticated", ks }, Result.getOrElse(named, () => after)]
            }
          }
        })

      return {
        challenge: (challenge) =>
          !challenge.gbaU
            ? me.challenge(challenge)
            : PushCard.hasLabel(options, challenge.label)
              ? bootstrap(challenge)
              : Effect.succeed<PushCard.PushCardAnswer>({ _tag: "NoApplication" })
      }
    })
  ).pipe(Layer.provide(PushCard.layerMe(options)), Layer.provide(Layer.succeed(AkaCard, card.port)))
