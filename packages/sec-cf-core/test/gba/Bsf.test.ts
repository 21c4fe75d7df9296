import { assert, describe, it } from "@effect/vitest"
import { MasterKeys, Store } from "@oma/sa-policy"
import type { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { Sqn, Subscribers, type Usim } from "@oma/sec-cf-core/aka"
import { Bsf, BTid, Fqdn, GussSource, Impi, type Ks, NafId, Ue } from "@oma/sec-cf-core/gba"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import { services } from "../aka/stack.ts"
import { toHex } from "../aka/support.ts"
import {
  body,
  bsfLayer,
  bsfName,
  client,
  connection,
  f,
  field,
  impi,
  provision,
  type Tamper,
  ueLayer
} from "./world.ts"

const ok = Result.getOrThrow
const nafFqdn = ok(Fqdn.parse("naf1.home1.net"))
const nafId = ok(NafId.make(nafFqdn, NafId.protocols.httpDigest))
const naf: Bsf.NafPrincipal = { name: "naf1", answersFor: (fqdn) => fqdn === nafFqdn || fqdn === bsfName }

type Log = Array<readonly [HttpHandler.HttpCall, HttpExchange.HttpResponse]>

/** Runs `work` with a handset that talks to the server of the context. */
const withUe = <A, E, R>(
  work: Effect.Effect<A, E, R | Ue.Ue>,
  options: Parameters<typeof ueLayer>[1] & { readonly tamper?: Tamper; readonly log?: Log } = {}
) =>
  Effect.gen(function* () {
    const bsf = yield* Bsf.Bsf
    return yield* Effect.provide(work, ueLayer(client(bsf.handle, options.log, options.tamper), options))
  })

const initial = (username: string, more = 'nonce="", response=""'): HttpExchange.HttpRequest => ({
  method: "GET",
  target: "/",
  fields: [["Authorization", `Digest username="${username}", realm="${bsfName}", uri="/", ${more}`]],
  body: new Uint8Array(0),
  connection
})

describe("bootstrapping", () => {
  it.effect("[SEC_CF-AUTH-002b] gives both sides the same keys, under the same name, until the same time", () =>
    Effect.gen(function* () {
      yield* provision
      const log: Log = []
      const bsf = yield* Bsf.Bsf
      yield* withUe(
        Effect.gen(function* () {
          const ue = yield* Ue.Ue
          const made = yield* ue.ensure
          assert.deepStrictEqual(
            log.map(([, answer]) => answer.status),
            [401, 200]
          )
          assert.strictEqual(BTid.bsfOf(made.btid), bsfName)
          assert.deepStrictEqual(BTid.randOf(made.btid), made.rand)
          assert.strictEqual(made.notAfter, 86_400_000)
          const mine = yield* ue.withKey(nafId, "me", toHex)
          const theirs = yield* bsf.key(naf, { btid: made.btid, nafId })
          assert.strictEqual(toHex(theirs.meKeyMaterial), mine)
          assert.deepInclude(theirs, {
            keyExpiryTime: made.notAfter,
            gbaType: "3G_GBA",
            impi,
            uiccKeyMaterial: undefined
          })
          assert.strictEqual(yield* ue.ensure, made)
          assert.strictEqual(log.length, 2)
        }),
        { log }
      )
      const [challenge, accepted] = [log[0]![1], log[1]![1]]
      assert.match(
        field(challenge, "www-authenticate")!,
        /^Digest realm="bsf\.ims.*algorithm=AKAv1-MD5, qop="auth-int"$/
      )
      assert.include(field(challenge, "server")!, "3gpp-gba-tmpi")
      assert.strictEqual(field(accepted, "content-type"), "application/vnd.3gpp.bsf+xml")
      assert.strictEqual(field(accepted, "expires"), "Fri, 02 Jan 1970 00:00:00 GMT")
      assert.include(body(accepted), "<lifetime>1970-01-02T00:00:00Z</lifetime>")
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("goes on with the TMPI, and with the IMPI where the server forgot it", () =>
    Effect.gen(function* () {
      yield* provision
      const log: Log = []
      yield* withUe(
        Effect.gen(function* () {
          const ue = yield* Ue.Ue
          const first = yield* ue.renew
          assert.isTrue(Impi.isTmpi(first.tmpi ?? ""))
          const second = yield* ue.renew
          assert.notStrictEqual(second.btid, first.btid)
          assert.include(JSON.stringify(log[2]![0].fields), first.tmpi!)
          yield* TestClock.adjust("3 days")
          assert.isUndefined(yield* ue.current)
          yield* ue.ensure
          assert.notInclude(JSON.stringify(log[4]![0].fields), "tmpi.bsf")
          const store = yield* Store.Store
          for (const { key } of yield* store.records("gba/tmpi", { now: 0 })) {
            yield* store.transact([Store.deleteRecord("gba/tmpi", key)], 0)
          }
          yield* ue.renew
          assert.deepStrictEqual(
            log.slice(6).map(([, answer]) => answer.status),
            [403, 401, 200]
          )
        }),
        { log }
      )
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("resynchronises when the card is ahead", () =>
    Effect.gen(function* () {
      yield* provision
      const log: Log = []
      const seqMs = Sqn.initial(Sqn.defaultProfile).map((_, i) => (i === 3 ? 1_000_000 : 0))
      const usim: Usim.Usim = {
        functions: f,
        profile: Sqn.defaultProfile,
        seqMs: seqMs.map((s) => Math.max(s, 999_000))
      }
      yield* withUe(
        Effect.flatMap(Ue.Ue, (ue) => ue.ensure),
        { log, usim }
      )
      assert.deepStrictEqual(
        log.map(([, answer]) => answer.status),
        [401, 401, 200]
      )
      assert.include(JSON.stringify(log[1]![0].fields), "auts=")
      const subscribers = yield* Subscribers.Subscribers
      assert.strictEqual(Sqn.seqOf(Sqn.defaultProfile, (yield* subscribers.sqn(impi))!), 1_000_001)
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("hands out Ks_int_NAF for GBA_U, to those who know it, and challenges with AUTN*", () =>
    Effect.gen(function* () {
      yield* provision
      const settings = yield* GussSource.GussSource
      yield* settings.put({
        impi,
        uiccType: "GBA_U",
        uss: []
      })
      const failed = yield* Effect.flip(withUe(Effect.flatMap(Ue.Ue, (ue) => ue.ensure)))
      assert.strictEqual(failed.reason, "network not authenticated: MAC-A is wrong")
      const bsf = yield* Bsf.Bsf
      yield* withUe(
        Effect.gen(function* () {
          const ue = yield* Ue.Ue
          const { btid } = yield* ue.ensure
          const aware = yield* bsf.key(naf, { btid, nafId, gbaUAware: true })
          const unaware = yield* bsf.key(naf, { btid, nafId })
          assert.isUndefined(unaware.uiccKeyMaterial)
          assert.deepStrictEqual(aware.meKeyMaterial, unaware.meKeyMaterial)
          assert.strictEqual(toHex(aware.meKeyMaterial), yield* ue.withKey(nafId, "me", toHex))
          assert.strictEqual(toHex(aware.uiccKeyMaterial!), yield* ue.withKey(nafId, "uicc", toHex))
        }),
        { gbaU: true }
      )
    }).pipe(Effect.provide(bsfLayer()))
  )
})

describe("derivations", () => {
  it.effect("show one S on both sides, and no secret", () => {
    const seen: Array<Ks.Derivation> = []
    const onDerivation: Ks.DerivationObserver = (derivation) => seen.push(derivation)
    return Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      yield* withUe(
        Effect.gen(function* () {
          const ue = yield* Ue.Ue
          const { btid } = yield* ue.ensure
          yield* ue.withKey(nafId, "me", () => undefined)
          yield* bsf.key(naf, { btid, nafId })
        }),
        { ue: { onDerivation } }
      )
      assert.strictEqual(seen.length, 2)
      assert.deepStrictEqual(seen[0], seen[1])
      assert.include(toHex(seen[0]!.s), toHex(new TextEncoder().encode("gba-me")))
    }).pipe(Effect.provide(bsfLayer({ onDerivation })))
  })
})

describe("Zn", () => {
  it.effect("refuses names that are not the server's own, unknown and expired B-TIDs, and revoked ones", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const settings = yield* GussSource.GussSource
      yield* settings.put({
        impi,
        uiccType: "GBA",
        lifetime: 100,
        uss: [
          { gsId: 1, gsType: 2, uids: ["sip:a@b"], flags: [1] },
          { gsId: 2, gsType: 0, uids: [], flags: [], nafGroup: "A" }
        ]
      })
      const { btid } = yield* withUe(Effect.flatMap(Ue.Ue, (ue) => ue.ensure))
      const reason = (principal: Bsf.NafPrincipal, name: BTid.BTid, id = nafId) =>
        Effect.map(Effect.flip(bsf.key(principal, { btid: name, nafId: id })), (error) =>
          error._tag === "ZnRefused" ? error.reason : error._tag
        )
      const material = yield* bsf.key({ ...naf, tellImpi: false }, { btid, nafId, gsIds: [1, 2] })
      assert.deepStrictEqual(
        material.ussList.map((uss) => uss.gsId),
        [1]
      )
      assert.isUndefined(material.impi)
      assert.strictEqual(material.keyExpiryTime, 100_000)
      assert.strictEqual(yield* reason({ ...naf, answersFor: () => false }, btid), "not authorised")
      assert.strictEqual(yield* reason(naf, btid, ok(NafId.make(bsfName, NafId.protocols.tmpi))), "not authorised")
      const unknown = BTid.make(new Uint8Array(16), bsfName)
      assert.strictEqual(yield* reason(naf, unknown), "transaction identifier invalid")
      const foreign = ok(BTid.parse(btid.replace(bsfName, "bsf.other.net")))
      assert.strictEqual(yield* reason(naf, foreign), "transaction identifier invalid")
      yield* TestClock.adjust(99_999)
      yield* bsf.key(naf, { btid, nafId })
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* reason(naf, btid), "transaction identifier invalid")
      const second = (yield* withUe(Effect.flatMap(Ue.Ue, (ue) => ue.ensure))).btid
      yield* bsf.key(naf, { btid: second, nafId })
      yield* bsf.revoke(second)
      yield* bsf.revoke(second)
      assert.strictEqual(yield* reason(naf, second), "transaction identifier invalid")
    }).pipe(Effect.provide(bsfLayer()))
  )
})

describe("refusals on Ub", () => {
  it.effect("answers an unknown subscriber as a known one", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const shape = (answer: HttpExchange.HttpResponse) =>
        JSON.stringify([answer.status, answer.fields])
          .replace(/nonce=\\"[^"]*\\"/, "nonce")
          .replace(/opaque=\\"[^"]*\\"/, "opaque")
      const known = yield* bsf.handle(initial(impi))
      const unknown = yield* bsf.handle(initial("nobody@ims.mnc001.mcc001.3gppnetwork.org"))
      assert.strictEqual(shape(unknown), shape(known))
      const amf = (answer: HttpExchange.HttpResponse) =>
        Buffer.from(/nonce="([^"]*)"/.exec(field(answer, "www-authenticate")!)![1]!, "base64")
          .subarray(22, 24)
          .toString("hex")
      assert.strictEqual(amf(unknown), amf(known))
      const store = yield* Store.Store
      const respond = (name: string, challenge: HttpExchange.HttpResponse, more = "") => {
        const nonce = /nonce="([^"]*)"/.exec(field(challenge, "www-authenticate")!)![1]!
        const zeros = "0".repeat(32)
        return bsf.handle(
          initial(
            name,
            `nonce="${nonce}", response="${zeros}", algorithm=AKAv1-MD5, qop=auth-int, nc=00000001, cnonce="x"${more}`
          )
        )
      }
      for (const more of ["", ', auts="AAAAAAAAAAAAAAAAAAA="', ', auts="A"']) {
        const before = yield* store.size
        const ofKnown = yield* respond(impi, yield* bsf.handle(initial(impi)), more)
        const between = yield* store.size
        const nobody = "nobody@ims.mnc001.mcc001.3gppnetwork.org"
        const ofUnknown = yield* respond(nobody, yield* bsf.handle(initial(nobody)), more)
        const after = yield* store.size
        assert.strictEqual(shape(ofUnknown), shape(ofKnown))
        assert.deepStrictEqual(
          [after.associations - between.associations, after.records - between.records],
          [between.associations - before.associations, between.records - before.records]
        )
      }
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect.each([
    ["no credentials", [], 403],
    ["another scheme", [["Authorization", "Basic abc"]], 403],
    ["credentials that cannot be read", [["Authorization", "Digest username"]], 400],
    [
      "two fields",
      [
        ["Authorization", 'Digest username="a"'],
        ["Authorization", 'Digest username="b"']
      ],
      400
    ],
    ["a name that is none", initial("nobody").fields, 400],
    ["a name of 300 characters", initial(`${"u".repeat(300)}@home1.net`).fields, 400],
    ["a hashed name", initial(impi, 'nonce="", response="", userhash=true').fields, 400],
    ["a TMPI that is not kept", initial("PnDNkgHmcd79Rs74stvCa1R1/Gmieyoi@tmpi.bsf.3gppnetwork.org").fields, 403],
    ["100 kB of header", [["Authorization", `Digest username="${"a".repeat(100_000)}"`]], 400]
  ] as ReadonlyArray<readonly [string, HttpExchange.HttpFields, number]>)("%s", ([, fields, status]) =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const answer = yield* bsf.handle({ ...initial(impi), fields })
      assert.strictEqual(answer.status, status)
      assert.strictEqual(answer.body.length, 0)
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("[SEC_CF-AUTH-004] takes a response once, whoever sends it again, and at whichever time", () =>
    Effect.gen(function* () {
      yield* provision
      const log: Log = []
      const bsf = yield* Bsf.Bsf
      yield* withUe(
        Effect.flatMap(Ue.Ue, (ue) => ue.ensure),
        { log }
      )
      const again = yield* bsf.handle({ ...initial(impi), fields: log[1]![0].fields })
      assert.strictEqual(again.status, 401)
      assert.notStrictEqual(field(again, "www-authenticate"), field(log[0]![1], "www-authenticate"))
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("lets one of many who send the right response at the same time win", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      let statuses: ReadonlyArray<number> = []
      const racing: HttpHandler.HttpHandler = (request) =>
        JSON.stringify(request.fields).includes("cnonce")
          ? Effect.map(
              Effect.all(
                Array.from({ length: 8 }, () => bsf.handle(request)),
                { concurrency: "unbounded" }
              ),
              (answers) => {
                statuses = answers.map((answer) => answer.status)
                return answers.find((answer) => answer.status === 200) ?? answers[0]!
              }
            )
          : bsf.handle(request)
      yield* Effect.provide(
        Effect.flatMap(Ue.Ue, (ue) => ue.ensure),
        ueLayer(client(racing))
      )
      assert.deepStrictEqual(statuses.toSorted(), [200, 401, 401, 401, 401, 401, 401, 401])
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("answers a wrong response, a late one and a wrong AUTS with a new challenge", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const nonceOf = (answer: HttpExchange.HttpResponse) =>
        /nonce="([^"]*)"/.exec(field(answer, "www-authenticate")!)![1]!
      const seen = new Set<string>()
      for (const [pause, more] of [
        [0, ""],
        [60_000, ""],
        [0, ', auts="AAAAAAAAAAAAAAAAAAA="'],
        [0, ', auts="AAAA"']
      ] as const) {
        const first = yield* bsf.handle(initial(impi))
        seen.add(nonceOf(first))
        yield* TestClock.adjust(pause)
        const answer = `nonce="${nonceOf(first)}", response="${"0".repeat(32)}", algorithm=AKAv1-MD5, qop=auth-int, nc=00000001, cnonce="x"${more}`
        const second = yield* bsf.handle(initial(impi, answer))
        assert.strictEqual(second.status, 401)
        seen.add(nonceOf(second))
      }
      assert.strictEqual(seen.size, 8)
    }).pipe(Effect.provide(bsfLayer()))
  )
})

describe("the handset", () => {
  const replaced =
    (at: number, change: (text: string) => string): Tamper =>
    (answer, _, n) =>
      n !== at
        ? answer
        : { ...answer, fields: answer.fields.map(([name, value]) => [name, change(value)] as const), body: answer.body }

  it.effect.each([
    [
      "a challenge of another server",
      replaced(0, (text) => text.replace('realm="bsf.', 'realm="bad.')),
      "the challenge names another server"
    ],
    [
      "an AUTN with another bit",
      replaced(0, (text) => text.replace(/nonce="(.{30})(.)/, (_, a, b) => `nonce="${a}${b === "A" ? "B" : "A"}`)),
      "network not authenticated: MAC-A is wrong"
    ],
    ["a challenge of MD5", replaced(0, (text) => text.replace("AKAv1-MD5", "MD5")), "no answer that is one"],
    [
      "an rspauth with another digit",
      replaced(1, (text) => text.replace(/rspauth="(.)/, (_, a) => `rspauth="${a === "0" ? "1" : "0"}`)),
      "server not authenticated: rspauth is missing or wrong"
    ],
    [
      "no rspauth",
      replaced(1, (text) => text.replace("rspauth", "other")),
      "server not authenticated: rspauth is missing or wrong"
    ],
    [
      "another body",
      ((answer, _, n) =>
        n === 1
          ? { ...answer, body: new TextEncoder().encode(body(answer).replace("02T", "03T")) }
          : answer) satisfies Tamper,
      "server not authenticated: rspauth is missing or wrong"
    ],
    [
      "no document",
      ((answer, _, n) => (n === 1 ? { ...answer, body: new Uint8Array(0) } : answer)) satisfies Tamper,
      "no answer that is one"
    ],
    [
      "500",
      ((answer, _, n) => (n === 1 ? { ...answer, status: 500 } : answer)) satisfies Tamper,
      "refused by the server"
    ],
    ["200 at once", ((answer) => ({ ...answer, status: 200 })) satisfies Tamper, "refused by the server"],
    [
      "challenges without end",
      ((_, __, n) => ({ status: 401, body: new Uint8Array(0), fields: endless[n % endless.length]! })) satisfies Tamper,
      "no answer that is one"
    ]
  ] as ReadonlyArray<readonly [string, Tamper, string]>)("gives up at %s", ([, tamper, reason]) =>
    Effect.gen(function* () {
      yield* provision
      const failed = yield* Effect.flip(
        withUe(
          Effect.flatMap(Ue.Ue, (ue) => ue.ensure),
          { tamper }
        )
      )
      assert.strictEqual(failed.reason, reason)
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("drops its keys when told, and with their time", () =>
    Effect.gen(function* () {
      yield* provision
      yield* withUe(
        Effect.gen(function* () {
          const ue = yield* Ue.Ue
          yield* ue.ensure
          yield* ue.forget
          assert.strictEqual((yield* Effect.flip(ue.withKey(nafId, "me", toHex)))._tag, "NotBootstrapped")
          yield* ue.ensure
          yield* TestClock.adjust("1 day")
          assert.strictEqual((yield* Effect.flip(ue.withKey(nafId, "me", toHex)))._tag, "NotBootstrapped")
        })
      )
    }).pipe(Effect.provide(bsfLayer()))
  )
})

const endless: ReadonlyArray<HttpExchange.HttpFields> = [[["WWW-Authenticate", 'Basic realm="x"']]]

describe("any request on Ub", () => {
  it.effect(
    "is answered with one of three statuses, without a defect",
    () =>
      Effect.gen(function* () {
        yield* provision
        const bsf = yield* Bsf.Bsf
        const piece = fc.oneof(
          fc.constantFrom(
            "Digest ",
            "username=",
            "realm=",
            "nonce=",
            "uri=",
            "response=",
            "auts=",
            "nc=00000001",
            "cnonce=",
            "qop=auth-int",
            "algorithm=AKAv1-MD5",
            ",",
            '"',
            "=",
            `"${impi}"`,
            `"${bsfName}"`,
            '"/"',
            '""',
            `"${"A".repeat(43)}="`,
            `"${"0".repeat(32)}"`,
            "\\",
            "\u00ff"
          ),
          fc.string({ maxLength: 8 })
        )
        const runs = Math.min(Number(process.env["FUZZ_RUNS"] ?? 500), 20_000)
        for (const pieces of fc.sample(fc.array(piece, { maxLength: 40 }), runs)) {
          const answer = yield* bsf.handle({ ...initial(impi), fields: [["Authorization", pieces.join("")]] })
          assert.include([400, 401, 403], answer.status)
        }
        const base = initial(
          impi,
          `nonce="${"A".repeat(43)}=", response="${"0".repeat(32)}", algorithm=AKAv1-MD5, qop=auth-int, nc=00000001, cnonce="x"`
        )
        const value = base.fields[0]![1]
        for (let i = 0; i < value.length; i++) {
          for (let bit = 0; bit < 8; bit++) {
            const flipped =
              value.slice(0, i) + String.fromCharCode(value.charCodeAt(i) ^ (1 << bit)) + value.slice(i + 1)
            const answer = yield* bsf.handle({ ...base, fields: [["Authorization", flipped]] })
            assert.include([400, 401, 403], answer.status)
          }
        }
      }).pipe(Effect.provide(bsfLayer())),
    600_000
  )
})

describe("two nodes", () => {
  it.effect("[SEC_CF-KEM-001] serve one subscriber: any node answers any request, no number comes twice", () =>
    Effect.gen(function* () {
      const store = Layer.succeed(Store.Store, yield* Store.Store)
      const masters = Layer.succeed(MasterKeys.MasterKeys, yield* MasterKeys.MasterKeys)
      const node = () => Effect.provide(Bsf.Bsf, bsfLayer({}, services(store, masters)))
      yield* provision
      const nodes = [yield* node(), yield* node()]
      let n = 0
      const alternating: HttpHandler.HttpHandler = (request) => nodes[n++ % 2]!.handle(request)
      const seen = new Set<string>()
      yield* Effect.gen(function* () {
        const ue = yield* Ue.Ue
        for (let i = 0; i < 40; i++) {
          const { btid } = yield* ue.renew
          seen.add(btid)
          for (const one of nodes) yield* one.key(naf, { btid, nafId })
        }
      }).pipe(Effect.provide(ueLayer(client(alternating))))
      assert.strictEqual(seen.size, 40)
      const subscribers = yield* Subscribers.Subscribers
      assert.strictEqual(Sqn.seqOf(Sqn.defaultProfile, (yield* subscribers.sqn(impi))!), 40)
      assert.strictEqual(n, 80)
    }).pipe(Effect.provide(services()))
  )
})
