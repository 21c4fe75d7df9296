/**
 * The handset's end of GBA Push: takes a GPI, and holds a NAF SA afterwards.
 *
 * @layer service
 * @spec TS 33.223; OMA SEC_CF-SEC-004, SEC_CF-AUTH-007, SEC_CF-INTE-002, SEC_CF-CONF-002
 */
import { type KeyVault, Primitives, Sad, SecurityEvents, type StoreError } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import type { Fqdn } from "../gba/Fqdn.ts"
import type { Impi } from "../gba/Impi.ts"
import type { NafId } from "../gba/NafId.ts"
import type { GpiHandler } from "../gpl/Gpl.ts"
import { GplRefused } from "../gpl/GplError.ts"
import * as GpiCodec from "./GpiCodec.ts"
import * as GpiProtection from "./GpiProtection.ts"
import * as GpiReception from "./GpiReception.ts"
import * as NafSa from "./NafSa.ts"
import { type DisposableKs, PushCard, type PushCardAnswer } from "./PushCard.ts"

const { Event, State } = GpiReception

/** The GPI was dropped. Nobody is told but the operator. */
export class GpiRefused extends Data.TaggedError("GpiRefused")<{
  readonly reason: GpiReception.GpiRefusal
  readonly detail: string
}> {}

export interface UePushOptions {
  /** The real IMPI of this handset's subscriber. */
  readonly impi: Impi
  /** The home bootstrapping server, by the handset's own knowledge: `Impi.bsfOf`. */
  readonly bsf: Fqdn
  /** The policy: where pushes of a NAF count; `undefined` for a NAF from which none is taken. */
  readonly accept: (nafId: NafId) => NafSa.NafSaScope | undefined
  /** The return channel to the NAF, for RAND (16 octets) and AUTS (14), where there is one. What it fails with is its own affair. */
  readonly sendAuts?: ((rand: Uint8Array, auts: Uint8Array) => Effect.Effect<void>) | undefined
  readonly limits?: GpiReception.ReceptionLimits | undefined
}

/** GBA Push in the handset. */
export class UePush extends Context.Service<
  UePush,
  {
    /**
     * Takes a GPI. Fails with `GpiRefused`, and has counted it then, or where the store does not answer: the card has used up the
     * challenge in that case, so the same GPI is out of step when it comes again.
     */
    readonly accept: (gpi: Uint8Array) => Effect.Effect<NafSa.NafSa, GpiRefused | StoreError>
    /** The same for a combined delivery: give it to `Gpl.open`. */
    readonly onGpi: GpiHandler
  }
>()("@oma/sec-cf-core/UePush") {}

const clause: Record<GpiReception.GpiRefusal, string> = {
  malformed: "gpi-profile-1: version and lengths must be exact",
  replayed: "TS 33.223: a RAND makes one NAF SA",
  "no application": "TS 33.223: the label selects the application of the UICC",
  "network not authenticated": "TS 33.102 6.3.3: MAC-A must verify",
  "out of step": "TS 33.102 6.3.3: SQN must be acceptable",
  integrity: "TS 33.223: the integrity of the GPI is verified before it is used",
  lifetime: "TS 33.223: the key lifetime",
  NAF: "TS 33.223: the NAF_Id must be acceptable",
  conflict: "TS 33.223: the identifiers of a NAF SA are unique",
  "no card": "TS 33.223: AKA runs on the UICC"
}

const make = (options: UePushOptions) =>
  Effect.gen(function* () {
    const primitives = yield* Primitives.Primitives
    const events = yield* SecurityEvents.SecurityEvents
    const card = yield* PushCard
    const sad = yield* Sad.Sad
    const context = yield* Effect.context<Sad.Sad | KeyVault.KeyVault | Primitives.Primitives>()
    const { impi, bsf } = options
    // one GPI at a time: a card holds one Ks
    const one = yield* Semaphore.make(1)

    /** One GPI on its way: what the machine must not see. */
    interface Run {
      ks: DisposableKs | undefined
      key: Uint8Array | undefined
      scope: NafSa.NafSaScope | undefined
      made: NafSa.NafSa | undefined
      refusal: GpiRefused | undefined
    }

    const isKnown = (rand: Uint8Array) =>
      sad.get(NafSa.namesOf("UE", rand, "").downlink).pipe(
        Effect.as(true),
        Effect.catchTags({
          SaNotFound: () => Effect.succeed(false),
          SaExpired: () => Effect.succeed(true),
          SaRevoked: () => Effect.succeed(true),
          SaOutOfScope: () => Effect.succeed(true)
        })
      )

    const derive = (run: Run, nafId: NafId) =>
      run.ks === undefined
        ? Effect.succeed(undefined)
        : Effect.catch(run.ks.externalKey(impi, nafId), () => Effect.succeed(undefined))

    const deleteKs = (run: Run) =>
      Effect.suspend(() => {
        const { ks } = run
        run.ks = undefined
        return ks === undefined ? Effect.void : ks.delete
      })

    const cardEvent = (run: Run, answer: PushCardAnswer): GpiReception.Event => {
      switch (answer._tag) {
        case "Authenticated":
          run.ks = answer.ks
          return Event.CardAuthenticated()
        case "SynchronisationFailure":
          return Event.CardOutOfStep({ auts: answer.auts })
        case "MacFailure":
          return Event.CardRejected()
        case "NoApplication":
          return Event.CardHasNoApplication()
      }
    }

    /** Does what the machine asks for; gives the event that follows, if one does. */
    const perform = (
      run: Run,
      action: GpiReception.Action
    ): Effect.Effect<GpiReception.Event | undefined, StoreError> => {
      switch (action._tag) {
        case "LookUpRand":
          return Effect.map(isKnown(action.rand), (known) => Event.RandLookedUp({ known }))
        case "AskCard":
          return card.challenge(action.gpi).pipe(
            Effect.map((answer) => cardEvent(run, answer)),
            Effect.catchTag("CardUnavailable", () => Effect.succeed(Event.CardLost()))
          )
        case "SendAuts":
          return Effect.as(options.sendAuts?.(action.rand, action.auts) ?? Effect.void, undefined)
        case "DeriveProtection":
          return Effect.succeed(undefined)
        case "AskPolicy":
          return Effect.sync(() => {
            run.scope = options.accept(action.nafId)
            return Event.PolicyAnswered({ accepted: run.scope !== undefined })
          })
        case "DeriveNafKey":
          return Effect.map(derive(run, action.nafId), (key) => {
            run.key = key
            return key === undefined ? Event.CardLost() : Event.NafKeyDerived()
          })
        case "DeleteKs":
          return Effect.as(deleteKs(run), undefined)
        case "Install":
          return install(run, action)
        case "Count":
          run.refusal = new GpiRefused({ reason: action.reason, detail: action.detail })
          return Effect.as(
            events.emit("Refused", {
              enabler: "gba",
              interface: "Upa",
              subject: impi,
              clause: clause[action.reason],
              detail: `${action.reason}: ${action.detail}`
            }),
            undefined
          )
      }
    }

    const install = Effect.fnUntraced(function* (
      run: Run,
      { gpi, secret }: Extract<GpiReception.Action, { _tag: "Install" }>
    ) {
      const { key, scope } = run
      if (key === undefined || scope === undefined) return Event.Conflicted()
      const at = yield* Clock.currentTimeMillis
      const made = yield* Effect.result(
        Effect.provide(
          NafSa.install({
            end: "UE",
            key,
            scope,
            rand: gpi.rand,
            ptid: secret.ptid,
            nafId: secret.nafId,
            gbaType: gpi.gbaU ? "GBA_U" : "GBA_ME",
            notAfter: secret.lifetime * 1000,
            peer: { _tag: "Authenticated", subject: secret.nafId.fqdn, kind: "server", method: "gba-push", at },
            provenance: { by: "gba-push", clause: "TS 33.223" }
          }),
          context
        )
      )
      if (Result.isSuccess(made)) {
        run.made = made.success
        yield* events.emit("AssociationMade", {
          enabler: scope.enabler,
          interface: scope.interface,
          subject: secret.nafId.fqdn,
          association: made.success.downlink,
          clause: "TS 33.223"
        })
        return Event.Installed()
      }
      return made.failure._tag === "Unavailable" ? yield* made.failure : Event.Conflicted()
    })

    /** The protection keys live for one step of the machine only. */
    const unprotect = Effect.fnUntraced(function* (run: Run, state: GpiReception.State, rand: Uint8Array) {
      const now = yield* Clock.currentTimeMillis
      const base = yield* derive(run, GpiCodec.protectionNafId(bsf))
      return base === undefined
        ? GpiReception.step(state, Event.CardLost(), options.limits)
        : GpiProtection.withKeys(primitives, base, rand, (keys) =>
            GpiReception.step(state, Event.ProtectionDerived({ keys, now, bsf }), options.limits)
          )
    })

    const accept = Effect.fnUntraced(function* (octets: Uint8Array) {
      const run: Run = { ks: undefined, key: undefined, scope: undefined, made: undefined, refusal: undefined }
      const drive = Effect.gen(function* () {
        let next = GpiReception.step(State.Idle(), Event.Received({ octets }), options.limits)
        for (;;) {
          // every event is the answer to an action of the state before, so none is out of order
          const [state, actions] = yield* Effect.orDie(Effect.fromResult(next))
          let event: GpiReception.Event | undefined
          let unprotected: typeof next | undefined
          for (const action of actions) {
            if (action._tag === "DeriveProtection") unprotected = yield* unprotect(run, state, action.rand)
            else event = (yield* perform(run, action)) ?? event
          }
          if (unprotected !== undefined) next = unprotected
          else if (event !== undefined) next = GpiReception.step(state, event, options.limits)
          else break
        }
      })
      const finish = Effect.andThen(
        deleteKs(run),
        Effect.sync(() => {
          if (run.key !== undefined) Bytes.wipe(run.key)
        })
      )
      yield* Effect.ensuring(drive, finish)
      if (run.made !== undefined) return run.made
      return yield* run.refusal ?? Effect.die(new Error("the machine of GPI reception ended without a verdict"))
    }, one.withPermits(1))

    return {
      accept,
      onGpi: (gpi: Uint8Array) =>
        accept(gpi).pipe(
          Effect.catchTag("GpiRefused", ({ reason, detail }) =>
            Effect.fail(new GplRefused({ reason: "gpi", detail: `${reason}: ${detail}` }))
          )
        )
    }
  })

/** GBA Push in the handset, on its SAD and vault. */
export const layer = (
  options: UePushOptions
): Layer.Layer<
  UePush,
  never,
  PushCard | Sad.Sad | KeyVault.KeyVault | Primitives.Primitives | SecurityEvents.SecurityEvents
> => Layer.effect(UePush, make(options))
