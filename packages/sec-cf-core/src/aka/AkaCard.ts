/**
 * The port through which a handset reaches its card, and a card in memory behind it.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Usim from "./Usim.ts"

/** The card does not answer: taken out, locked, or the terminal has no access to it. */
export class CardUnavailable extends Data.TaggedError("CardUnavailable")<{ readonly cause: unknown }> {}

/** A USIM or ISIM as the handset sees it. A modem, a PC/SC reader or {@link makeMemory} implements it. */
export class AkaCard extends Context.Service<
  AkaCard,
  {
    /** Runs AKA on the card; the card itself judges MAC and SQN. `rand` and `autn` are 16 octets each. */
    readonly authenticate: (rand: Uint8Array, autn: Uint8Array) => Effect.Effect<Usim.AkaAnswer, CardUnavailable>
  }
>()("@oma/sec-cf-core/AkaCard") {}

/** The port over a card in memory; challenges are taken one at a time. */
export const makeMemory = (card: Usim.Usim): Effect.Effect<AkaCard["Service"]> =>
  Effect.map(Ref.make(card), (ref) => ({
    authenticate: (rand, autn) =>
      Ref.modify(ref, (before) => {
        const [after, answer] = Usim.authenticate(before, rand, autn)
        return [answer, after] as const
      })
  }))
