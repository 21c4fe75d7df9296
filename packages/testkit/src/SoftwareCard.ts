/**
 * The software UICC behind the port through which a handset reaches its card.
 *
 * @layer service
 */
import { Primitives } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { type AkaCard, type AkaFunctions, MalformedAka, Milenage, Tuak, Usim } from "@oma/sec-cf-core/aka"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import type * as Result from "effect/Result"
import type { TestSubscriber } from "./TestSubscribers.ts"
import * as Uicc from "./Uicc.ts"

/** A card in a handset: the port, and the card itself for tests to look at and to change. */
export interface SoftwareCard {
  readonly port: AkaCard["Service"]
  readonly uicc: Ref.Ref<Uicc.Uicc>
  readonly functions: Uicc.UiccFunctions
}

export type Keys = Pick<TestSubscriber, "algorithm" | "k" | "opc">

/** The AKA functions of a subscriber. Fails with `MalformedAka` for keys that are not hexadecimal or of another length. */
export const akaFunctions = Effect.fnUntraced(function* ({ algorithm, k, opc }: Keys) {
  const { importKey } = yield* Primitives.Primitives
  const [kOctets, opcOctets] = [Bytes.fromHex(k), Bytes.fromHex(opc)]
  if (kOctets === undefined || opcOctets === undefined || (algorithm === "milenage" && kOctets.length !== 16)) {
    const actual = kOctets === undefined || opcOctets === undefined ? k.length : kOctets.length
    return yield* new MalformedAka({ parameter: "K", expected: "16 octets", actual, clause: "TS 35.206 2.3" })
  }
  const made: Result.Result<AkaFunctions, MalformedAka> =
    algorithm === "milenage"
      ? Milenage.make(importKey(kOctets).aesBlocks, opcOctets)
      : Tuak.make(kOctets, opcOctets, { iterations: 1 })
  return yield* Effect.fromResult(made)
})

/** Whether the challenge is genuine once MAC* is turned back: the home network takes this card for one that does GBA_U. */
const isGbaU = (uicc: Uicc.Uicc, functions: Uicc.UiccFunctions, rand: Uint8Array, autn: Uint8Array): boolean =>
  Usim.authenticateGbaU(uicc.usim, functions.sha1, rand, autn)[1]._tag !== "MacFailure"

/**
 * A card with the keys of a subscriber. It knows a challenge of GBA_U by MAC*, bootstraps as a card of that kind does, and lends CK and IK
 * to its handset nevertheless: the handset of this package derives both kinds of key by itself.
 */
export const make = Effect.fnUntraced(function* (keys: Keys, options: { readonly capacity?: number } = {}) {
  const { hash, importKey } = yield* Primitives.Primitives
  const aka = yield* akaFunctions(keys)
  const uicc = yield* Ref.make(Uicc.make(aka, options))
  const functions: Uicc.UiccFunctions = {
    sha1: hash("sha1"),
    hmacSha256: (key, data) => {
      const secret = importKey(key)
      const mac = secret.hmac("sha256", data)
      secret.dispose()
      return mac
    }
  }
  const port: AkaCard["Service"] = {
    authenticate: (rand, autn) =>
      Ref.modify(uicc, (before): readonly [Usim.AkaAnswer, Uicc.Uicc] => {
        if (!isGbaU(before, functions, rand, autn)) {
          const [after, answer] = Uicc.authenticate(before, rand, autn)
          return [answer, after]
        }
        const [after, answer] = Uicc.bootstrap(before, functions, rand, autn)
        if (answer._tag !== "Authenticated") return [answer, after]
        const { ck, ik } = aka.f2345(rand)
        return [Usim.AkaAnswer.Authenticated({ res: answer.res, ck, ik }), after]
      })
  }
  const card: SoftwareCard = { port, uicc, functions }
  return card
})
