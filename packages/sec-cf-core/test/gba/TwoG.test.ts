import { assert, describe, it } from "@effect/vitest"
import { CardUnavailable, Gsm, Sqn } from "@oma/sec-cf-core/aka"
import { Bsf, Fqdn, NafId, TwoG, Ue } from "@oma/sec-cf-core/gba"
import { Effect, Result } from "effect"
import { toHex } from "../aka/support.ts"
import { bsfLayer, client, connection, f, overTls, ueLayer } from "./world.ts"

const ok = Result.getOrThrow
const fqdn = ok(Fqdn.parse("naf1.home1.net"))
const nafId = ok(NafId.make(fqdn, NafId.protocols.httpDigest))
const naf: Bsf.NafPrincipal = { name: "naf1", answersFor: (name) => name === fqdn }
const tls = overTls(0x1301)

/** What a SIM and its home network agree on. */
const triplet = (rand: Uint8Array) => Gsm.triplet(f.vectors([{ rand, sqn: Sqn.toBytes(0) }], new Uint8Array(2))[0]!)
const network = { triplet: () => Effect.sync(() => triplet(crypto.getRandomValues(new Uint8Array(16)))) }
const sim = { authenticate: (rand: Uint8Array) => Effect.sync(() => triplet(rand)) }

const bootstrap = (over: typeof connection, twoG: Ue.UeOptions["twoG"]) =>
  Effect.gen(function* () {
    const bsf = yield* Bsf.Bsf
    return yield* Effect.gen(function* () {
      const ue = yield* Ue.Ue
      const made = yield* ue.ensure
      return { btid: made.btid, key: yield* Effect.orDie(ue.withKey(nafId, "me", toHex)) }
    }).pipe(
      Effect.provide(
        ueLayer(
          client(bsf.handle, [], undefined, () => over),
          { ue: { twoG } }
        )
      )
    )
  })

describe("2G GBA", () => {
  it.effect("gives both sides one key where both have switched it on", () =>
    Effect.gen(function* () {
      const bsf = yield* Bsf.Bsf
      const { btid, key } = yield* bootstrap(tls, sim)
      const material = yield* bsf.key(naf, { btid, nafId, gbaUAware: true })
      assert.strictEqual(toHex(material.meKeyMaterial), key)
      assert.deepInclude(material, { gbaType: "2G_GBA", uiccKeyMaterial: undefined })
    }).pipe(Effect.provide(bsfLayer({ twoG: network })))
  )

  it.effect("is not done outside TLS, and not by a handset with a card", () =>
    Effect.gen(function* () {
      const reason = "network not authenticated: MAC-A is wrong"
      assert.strictEqual((yield* Effect.flip(bootstrap(connection, sim))).reason, reason)
      assert.strictEqual((yield* Effect.flip(bootstrap(tls, undefined))).reason, reason)
      const gone = { authenticate: () => Effect.fail(new CardUnavailable({ cause: "none" })) }
      assert.strictEqual((yield* Effect.flip(bootstrap(tls, gone))).reason, "no card")
    }).pipe(Effect.provide(bsfLayer({ twoG: network })))
  )

  it.effect("is not done by a server that has not switched it on", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(bootstrap(tls, sim))
      assert.strictEqual(failed.reason, "network not authenticated: MAC-A is wrong")
    }).pipe(Effect.provide(bsfLayer()))
  )

  it("knows its challenges by zeros for AUTN and 16 octets of Ks-input", () => {
    const autn = new Uint8Array(16)
    assert.isTrue(TwoG.isChallenge({ autn, serverData: new Uint8Array(16) }))
    assert.isFalse(TwoG.isChallenge({ autn, serverData: new Uint8Array(0) }))
    assert.isFalse(TwoG.isChallenge({ autn: autn.map((_, i) => (i === 7 ? 1 : 0)), serverData: new Uint8Array(16) }))
  })
})
