/**
 * The bootstrapping server's part of GBA Push: GPI and the key of one application server, out of one vector. Ks is disposable: it makes
 * one key and is stored nowhere.
 *
 * @layer service
 * @spec TS 33.223; TS 24.109 A1.3; TS 29.109 5.4
 */
import { KeyVault, keyPurpose, Primitives, Sad, SecurityEvents, Store, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { AkaVector } from "../aka/AkaFunctions.ts"
import { AuthenticationVectorSource } from "../aka/AuthenticationVectorSource.ts"
import * as Autn from "../aka/Autn.ts"
import { type NafPrincipal, settingsFor } from "../gba/BsfKeys.ts"
import type { Fqdn } from "../gba/Fqdn.ts"
import { GussSource } from "../gba/GussSource.ts"
import * as Impi from "../gba/Impi.ts"
import * as Ks from "../gba/Ks.ts"
import * as GpiCodec from "./GpiCodec.ts"
import * as GpiProtection from "./GpiProtection.ts"
import { PublicIdentities } from "./PublicIdentities.ts"
import * as PushInfo from "./PushInfo.ts"
import { ZpnRefused } from "./Zpn.ts"

export interface BsfPushOptions {
  /** The name of this server. Handsets make the protection keys of a GPI with it. */
  readonly fqdn: Fqdn
  /** Milliseconds for which a key holds at most; 30 days unless given. A subscriber's settings may say less. */
  readonly longestMillis?: number | undefined
  /** Milliseconds in which an identical request gets the same answer; one minute unless given. */
  readonly repeatMillis?: number | undefined
}

/** The bootstrapping server as Push-NAFs ask it. */
export class BsfPush extends Context.Service<
  BsfPush,
  {
    /** GPI and key for the application server that `principal` answers for. */
    readonly pushInfo: (
      principal: NafPrincipal,
      request: PushInfo.GpiRequest
    ) => Effect.Effect<PushInfo.GpiResponse, ZpnRefused | Unavailable>
  }
>()("@oma/sec-cf-core/BsfPush") {}

/** The purpose of an answer that is kept for a repetition: it has the key in it. */
export const answerPurpose = keyPurpose("gba-push/answer")
const answers = "gba-push/answers"

const make = (options: BsfPushOptions) =>
  Effect.gen(function* () {
    const { fqdn } = options
    const longestMillis = options.longestMillis ?? 2_592_000_000
    const repeatMillis = options.repeatMillis ?? 60_000
    const { hash, importKey } = yield* Primitives.Primitives
    const events = yield* SecurityEvents.SecurityEvents
    const source = yield* AuthenticationVectorSource
    const settings = yield* GussSource
    const identities = yield* PublicIdentities
    const vault = yield* KeyVault.KeyVault
    const store = yield* Store.Store
    const sad = yield* Sad.Sad
    const lost = (cause: string) => new Unavailable({ what: "answers of Zpn", retryable: true, cause })

    /** The answer that an identical request got; `undefined` where there was none, or not any more. */
    const repeated = Effect.fnUntraced(function* (name: string, now: number) {
      const record = yield* store.record(answers, name, now)
      if (record === undefined) return undefined
      const ref = { id: `gba-push/answer/${name}`, purpose: answerPurpose, version: 1 }
      const response = yield* vault
        .use(ref, answerPurpose, (key) => key.lend((octets) => Bytes.utf8Decode(octets)))
        .pipe(Effect.catchTag(["KeyNotFound", "WrongPurpose", "KeyUnreadable"], ({ _tag }) => Effect.fail(lost(_tag))))
      const decoded = response === undefined ? undefined : PushInfo.decodeResponse(response)
      return decoded !== undefined && Result.isSuccess(decoded) ? decoded.success : yield* lost("not an answer")
    })

    /** GPI and keys out of a vector, whose keys are overwritten. */
    const derive = (
      vector: AkaVector,
      impi: Impi.Impi,
      request: PushInfo.GpiRequest,
      notAfter: number
    ): Result.Result<Pick<PushInfo.GpiResponse, "gbaPushInfo" | "meKeyMaterial" | "uiccKeyMaterial">, string> => {
      const { rand, ck, ik } = vector
      const { nafId } = request
      const gbaU = request.uiccOrMe === "GBA_U"
      const autn = gbaU ? Autn.star(hash("sha1"), vector.autn, ik) : vector.autn
      const octets = Ks.fromAka(ck, ik)
      Bytes.wipe(ck)
      Bytes.wipe(ik)
      const ks = importKey(octets)
      Bytes.wipe(octets)
      const inputs = Result.all({
        base: GpiCodec.baseInput(rand, impi, fqdn),
        me: Ks.nafInput("me", rand, impi, nafId),
        uicc: Ks.nafInput("uicc", rand, impi, nafId)
      })
      if (Result.isFailure(inputs)) {
        ks.dispose()
        return Result.fail("an identity is too long")
      }
      const sealed = GpiProtection.withKeys({ importKey }, ks.hmac("sha256", inputs.success.base), rand, (protection) =>
        GpiCodec.seal(protection, {
          gbaU,
          rand,
          autn,
          label: Bytes.utf8(request.uiccAppLabel),
          lifetime: notAfter / 1000,
          ptid: request.ptId,
          nafId
        })
      )
      const keys = {
        meKeyMaterial: ks.hmac("sha256", inputs.success.me),
        ...(gbaU && request.gbaUAware === true && { uiccKeyMaterial: ks.hmac("sha256", inputs.success.uicc) })
      }
      ks.dispose()
      return Result.mapBoth(sealed, {
        onSuccess: (gbaPushInfo) => ({ gbaPushInfo, ...keys }),
        onFailure: ({ why }) => why
      })
    }

    const pushInfo = Effect.fnUntraced(function* (principal: NafPrincipal, request: PushInfo.GpiRequest) {
      const { nafId, ueId, ueIdType, resynchronise } = request
      const refuse = (reason: ZpnRefused["reason"], clause: string) =>
        Effect.andThen(
          events.emit("Refused", {
            enabler: "gba",
            interface: "Zpn",
            peer: principal.name,
            subject: nafId.fqdn,
            clause,
            detail: reason
          }),
          Effect.fail(new ZpnRefused({ reason, clause }))
        )
      if (!principal.answersFor(nafId.fqdn)) {
        return yield* refuse("not authorised", "TS 29.109 5.4: the NAF is entitled to the name that it gives")
      }
      // such a key would be the base of the protection of a GPI
      if (nafId.fqdn === fqdn) return yield* refuse("not authorised", "no key for the name of this server itself")
      const now = yield* Clock.currentTimeMillis
      const asked = Bytes.utf8(`${principal.name}\n${PushInfo.encodeRequest(request)}`)
      const name = Bytes.toHex(hash("sha256")(asked))
      const before = yield* repeated(name, now)
      if (before !== undefined) return before

      const found = ueIdType === "PRIVATE" ? ueId : yield* identities.privateOf(ueId)
      const impi = found === undefined ? undefined : Impi.parse(found)
      const unknown = refuse("identity unknown", "TS 29.109 6.2: 5401")
      if (impi === undefined || Result.isFailure(impi)) return yield* unknown
      const subscriber = impi.success
      const guss = yield* settings.get(subscriber)
      if (request.uiccOrMe === "GBA_U" && guss?.uiccType !== "GBA_U") {
        return yield* refuse("not authorised", "TS 33.223: GBA_U needs a UICC that does it")
      }
      const holds = Math.min(longestMillis, guss?.lifetime === undefined ? longestMillis : guss.lifetime * 1000)
      const notAfter = Math.floor(Math.min(request.requestedLifeTime, now + holds) / 1000) * 1000
      if (notAfter <= now) return yield* refuse("malformed", "TS 33.223: a key lifetime that is over")
      const vector = yield* source.vector({ impi: subscriber, resynchronise }).pipe(
        Effect.catchTags({
          UnknownSubscriber: () => unknown,
          AutsRejected: ({ clause }) => refuse("malformed", clause),
          MalformedAka: ({ clause }) => refuse("malformed", clause),
          SqnExhausted: ({ clause }) =>
            Effect.fail(new Unavailable({ what: "vectors", retryable: false, cause: clause }))
        })
      )
      const derived = derive(vector, subscriber, request, notAfter)
      if (Result.isFailure(derived)) return yield* refuse("malformed", `TS 33.223: ${derived.failure}`)
      const response: PushInfo.GpiResponse = {
        ...derived.success,
        keyExpiryTime: notAfter,
        bootstrappingInfoCreationTime: now,
        ussList: settingsFor(principal, guss, request.gsIds),
        gbaType: "3G_GBA",
        ...(request.privateIdRequest === true && principal.tellImpi !== false && { impi: subscriber })
      }
      const until = Math.min(now + repeatMillis, notAfter)
      const kept = yield* vault.prepare(answerPurpose, Bytes.utf8(PushInfo.encodeResponse(response)), {
        id: `gba-push/answer/${name}`,
        notAfter: until
      })
      const stored = yield* Effect.result(
        sad.transact([Store.putRecord(answers, name, new Uint8Array(0), "absent", until), kept.operation])
      )
      if (Result.isSuccess(stored)) return response
      if (stored.failure._tag === "Unavailable") return yield* stored.failure
      // the same request came twice at a time: the answer that stands in the store is the one that goes out
      Bytes.wipe(response.meKeyMaterial)
      if (response.uiccKeyMaterial !== undefined) Bytes.wipe(response.uiccKeyMaterial)
      return (yield* repeated(name, now)) ?? (yield* lost(stored.failure._tag))
    })
    return { pushInfo }
  })

/** The bootstrapping server's part, on the store and the vault. */
export const layer = (
  options: BsfPushOptions
): Layer.Layer<
  BsfPush,
  never,
  | Primitives.Primitives
  | SecurityEvents.SecurityEvents
  | AuthenticationVectorSource
  | GussSource
  | PublicIdentities
  | KeyVault.KeyVault
  | Store.Store
  | Sad.Sad
> => Layer.effect(BsfPush, make(options))
