import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { InterfaceGuard, SecurityEvents, Spd } from "@oma/sa-policy"
import type { HttpExchange } from "@oma/sa-policy/http"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import {
  type ExternalAuthenticator,
  ForwardedFor,
  IdentityHeader,
  IpRanges,
  OneSubscriber,
  ProxyMac,
  Pseudonyms,
  Subscriber,
  SubscriberAddresses
} from "../../src/external/index.ts"
import {
  connectionOf,
  fuzzRuns,
  gate,
  hex,
  interfaceName,
  type Outcome,
  policyOf,
  proxyKey,
  requestOf,
  type Services,
  services
} from "./support.ts"

const proxy = "192.0.2.10"
const stranger = "198.51.100.7"
const handset = "10.0.0.1"
const number = "8613802423312"
const told = (outcome: Outcome): string =>
  outcome._tag === "Admitted"
    ? outcome.names.join(", ")
    : outcome._tag === "Refused"
      ? `refused: ${outcome.reason}`
      : outcome._tag

/** Fields, and what becomes of the request: from a trusted proxy, or from a stranger (`refused: policy` for all of these). */
type Case = readonly [name: string, fields: HttpExchange.HttpFields, outcome: string]

const accepted: ReadonlyArray<Case> = [
  ...IdentityHeader.defaultNames.map(
    ({ name, value }): Case => [
      `${name} with digits`,
      [[name, number]],
      value === "msisdn" ? `msisdn ${number}` : `header:${name} ${number}`
    ]
  ),
  ["another case of the name", [["X-MSISDN", number]], `msisdn ${number}`],
  ["mixed case", [["x-MsIsDn", number]], `msisdn ${number}`],
  ["plus and spaces", [["x-msisdn", "+86 138 0242 3312"]], `msisdn ${number}`],
  ["white space around", [["x-msisdn", ` ${number}\t`]], `msisdn ${number}`],
  [
    "a name of a gateway",
    [["x-up-subno", "swm_10448371100_vmag.mycingular.net"]],
    "header:x-up-subno swm_10448371100_vmag.mycingular.net"
  ],
  ["a name of ezweb", [["x-up-subno", "abcdef0123_45.ezweb.ne.jp"]], "header:x-up-subno abcdef0123_45.ezweb.ne.jp"],
  ["opaque base64", [["x-acr", "q83vEjRWeJA="]], "header:x-acr q83vEjRWeJA="],
  ["no number in a header of numbers", [["x-msisdn", "alice"]], "header:x-msisdn alice"],
  ["16 digits are no E.164", [["x-msisdn", "1234567890123456"]], "header:x-msisdn 1234567890123456"],
  ["a leading zero is no E.164", [["x-msisdn", "0049123456"]], "header:x-msisdn 0049123456"],
  [
    "two headers that agree",
    [
      ["msisdn", `+${number}`],
      ["x-msisdn", number]
    ],
    `msisdn ${number}`
  ],
  [
    "two headers of different kinds, the preferred first",
    [
      ["x-acr", "abc"],
      ["x-msisdn", number]
    ],
    `msisdn ${number}, header:x-acr abc`
  ]
]

const refusedOfProxy: ReadonlyArray<Case> = [
  [
    "twice the same",
    [
      ["x-msisdn", number],
      ["x-msisdn", number]
    ],
    "refused: malformed"
  ],
  [
    "twice with different values",
    [
      ["x-msisdn", number],
      ["x-msisdn", "15551230001"]
    ],
    "refused: malformed"
  ],
  [
    "twice in different case",
    [
      ["x-msisdn", number],
      ["X-Msisdn", number]
    ],
    "refused: malformed"
  ],
  [
    "twice, one empty",
    [
      ["x-msisdn", ""],
      ["x-msisdn", number]
    ],
    "refused: malformed"
  ],
  ["joined by a comma", [["x-msisdn", `${number}, 15551230001`]], "refused: malformed"],
  ["joined without space", [["x-msisdn", `${number},${number}`]], "refused: malformed"],
  ["empty", [["x-msisdn", ""]], "refused: malformed"],
  ["spaces", [["x-msisdn", "   "]], "refused: malformed"],
  ["a control character", [["x-msisdn", `${number}\u0001`]], "refused: malformed"],
  ["NUL in the middle", [["x-msisdn", "861380\u00002423312"]], "refused: malformed"],
  ["a line break", [["x-msisdn", `${number}\r\nx-acr: a`]], "refused: malformed"],
  ["full-width digits", [["x-msisdn", "８６１３８０２４２３３１２"]], "refused: malformed"],
  ["Arabic digits", [["x-msisdn", "٨٦١٣٨٠٢٤٢٣٣١٢"]], "refused: malformed"],
  ["octets above ASCII", [["x-msisdn", "86138\u00ff"]], "refused: malformed"],
  ["257 characters", [["x-acr", "a".repeat(257)]], "refused: malformed"],
  [
    "two headers with different numbers",
    [
      ["x-msisdn", number],
      ["msisdn", "15551230001"]
    ],
    "refused: credentials"
  ],
  [
    "two other headers with different numbers",
    [
      ["x-hts-clid", number],
      ["x-nokia-msisdn", "15551230001"]
    ],
    "refused: credentials"
  ],
  [
    "an underscore beside it",
    [
      ["x-msisdn", number],
      ["x_msisdn", "15551230001"]
    ],
    "refused: malformed"
  ],
  [
    "an underscore before it",
    [
      ["X_MSISDN", number],
      ["x-msisdn", number]
    ],
    "refused: malformed"
  ],
  [
    "a dot beside it",
    [
      ["x-msisdn", number],
      ["x.msisdn", number]
    ],
    "refused: malformed"
  ],
  [
    "no hyphen beside it",
    [
      ["x-msisdn", number],
      ["xmsisdn", number]
    ],
    "refused: malformed"
  ],
  [
    "two hyphens beside it",
    [
      ["x-msisdn", number],
      ["x--msisdn", number]
    ],
    "refused: malformed"
  ],
  [
    "a disguise of another header",
    [
      ["x-msisdn", number],
      ["X_UP_CALLING_LINE_ID", "15551230001"]
    ],
    "refused: malformed"
  ],
  [
    "a space in the name beside it",
    [
      ["x-msisdn", number],
      ["x-msisdn ", number]
    ],
    "refused: malformed"
  ],
  [
    "nine identity headers",
    IdentityHeader.defaultNames.slice(4).map(({ name }) => [name, number] as const),
    "refused: malformed"
  ]
]

const nothingOfProxy: ReadonlyArray<Case> = [
  ["no header", [], "refused: policy"],
  ["an underscore alone", [["x_msisdn", number]], "refused: policy"],
  ["a dot alone", [["x.msisdn", number]], "refused: policy"],
  ["a trailing space in the name", [["x-msisdn ", number]], "refused: policy"],
  ["another header", [["x-phone", number]], "refused: policy"],
  ["a header that ends so", [["x-my-msisdn", number]], "refused: policy"],
  ["the asserted identity of another mechanism", [["X-3GPP-Asserted-Identity", `"${number}"`]], "refused: policy"],
  ["a number in a query header", [["Referer", `http://x/?x-msisdn=${number}`]], "refused: policy"],
  ["a number in a cookie", [["Cookie", `x-msisdn=${number}`]], "refused: policy"]
]

const trusting = { proxies: { addresses: [`${proxy}/32`] } }
const everyCase = [...accepted, ...refusedOfProxy, ...nothingOfProxy]

describe("[DPE-EXT-002] identity headers", () => {
  const ask = (
    request: HttpExchange.HttpRequest,
    options: Partial<ExternalAuthenticator.ExternalOptions> = trusting,
    modes?: ReadonlyArray<string>
  ) =>
    Effect.provide(
      Effect.flatMap(gate(options, modes), ({ admit }) => admit(request)),
      services()
    )

  for (const [name, fields, outcome] of everyCase) {
    it.effect(`from a trusted proxy: ${name}: ${outcome}`, () =>
      Effect.map(ask(requestOf(proxy, fields)), (given) => assert.strictEqual(told(given), outcome))
    )
    it.effect(`[DPE-AUTH-006] from a stranger: ${name}: not authenticated, and removed`, () =>
      Effect.gen(function* () {
        assert.strictEqual(told(yield* ask(requestOf(stranger, fields))), "refused: policy")
        // where anonymous service is allowed the header changes nothing
        const open = yield* ask(requestOf(stranger, fields), trusting, ["none", "external"])
        assert.deepInclude(open, { _tag: "Admitted", mode: "none" })
        const kept = IdentityHeader.make().strip(fields)
        const harmless = ["x-phone", "x-my-msisdn", "Referer", "Cookie"]
        for (const [field] of kept) assert.include(harmless, field)
      })
    )
  }
  it("are more than a hundred requests", () => assert.isAbove(2 * everyCase.length, 100))

  it.effect("behind a proxy with a certificate: by fingerprint or name, never by another one", () =>
    Effect.gen(function* () {
      const certificate = {
        subject: "CN=wap",
        dnsNames: ["wap.example.net"],
        uris: [],
        addresses: [],
        fingerprint: "ab".repeat(32),
        notAfter: 9e15
      }
      const request = requestOf(stranger, [["x-msisdn", number]], {
        connection: connectionOf(stranger, { certificate })
      })
      for (const [proxies, outcome] of [
        [{ certificateFingerprints: ["AB:".repeat(31).concat("AB")] }, `msisdn ${number}`],
        [{ certificateNames: ["WAP.example.net"] }, `msisdn ${number}`],
        [{ certificateFingerprints: ["cd".repeat(32)] }, "refused: policy"],
        [{ certificateNames: ["example.net"] }, "refused: policy"],
        [{}, "refused: policy"]
      ] as const) {
        assert.strictEqual(told(yield* ask(request, { proxies })), outcome)
      }
    })
  )
  it.effect("over another transport than TCP an address is claimed, not proved", () => {
    const connection = { ...connectionOf(proxy), transport: "udp" as const }
    return Effect.map(ask(requestOf(proxy, [["x-msisdn", number]], { connection })), (given) =>
      assert.strictEqual(told(given), "refused: policy")
    )
  })
  it.effect("a dual-stack socket gives the address in IPv6 form", () =>
    Effect.map(ask(requestOf(`::ffff:${proxy}`, [["x-msisdn", number]])), (given) =>
      assert.strictEqual(told(given), `msisdn ${number}`)
    )
  )
  it.effect("by suffix: an option, with the same rules", () =>
    Effect.gen(function* () {
      const wide = { ...trusting, headers: { bySuffix: true } }
      const given = (fields: HttpExchange.HttpFields) => Effect.map(ask(requestOf(proxy, fields), wide), told)
      assert.strictEqual(yield* given([["X-Network-Info-MSISDN", number]]), `msisdn ${number}`)
      assert.strictEqual(yield* given([["x-huawei-deviceid", "abc"]]), "header:x-huawei-deviceid abc")
      assert.strictEqual(
        yield* given([
          ["x-a-msisdn", number],
          ["x-b-msisdn", "15551230001"]
        ]),
        "refused: credentials"
      )
      assert.strictEqual(
        yield* given([
          ["x-a-msisdn", number],
          ["X-A-Msisdn", number]
        ]),
        "refused: malformed"
      )
      const headers = IdentityHeader.make({ bySuffix: true })
      assert.deepStrictEqual(
        headers.strip([
          ["X_Any_ClientID", "1"],
          ["Accept", "*/*"]
        ]),
        [["Accept", "*/*"]]
      )
    })
  )
  it.effect("a refusal is told with the peer's address and no number", () =>
    Effect.gen(function* () {
      const { admit } = yield* gate(trusting, ["none", "external"])
      const events = yield* SecurityEvents.SecurityEvents
      yield* admit(requestOf(stranger, [["x-msisdn", number]]))
      assert.strictEqual((yield* events.counts).get("Refused"), 1)
    }).pipe(Effect.provide(services()))
  )
  it.effect("the subject is a pseudonym: the same for the same number, another for another", () =>
    Effect.gen(function* () {
      const { admit } = yield* gate(trusting)
      const subject = (fields: HttpExchange.HttpFields) =>
        Effect.map(admit(requestOf(proxy, fields)), (given) => (given._tag === "Admitted" ? given.subject : given._tag))
      const one = yield* subject([["x-msisdn", number]])
      assert.match(one, /^[0-9a-f]{32}$/)
      assert.strictEqual(yield* subject([["msisdn", `+${number}`]]), one)
      assert.notStrictEqual(yield* subject([["msisdn", "15551230001"]]), one)
      assert.notStrictEqual(yield* subject([["x-acr", number]]), one)
      const preferring = [
        { name: "x-acr", value: "opaque" },
        { name: "x-msisdn", value: "msisdn" }
      ] as const
      const other = yield* gate({ ...trusting, headers: { names: preferring } })
      const both = yield* other.admit(
        requestOf(proxy, [
          ["x-msisdn", number],
          ["x-acr", "abc"]
        ])
      )
      assert.deepInclude(both, { subject: one, names: ["header:x-acr abc", `msisdn ${number}`] })
    }).pipe(Effect.provide(services()))
  )
  it.effect("two nodes on one store give the same pseudonym", () =>
    Effect.gen(function* () {
      const context = yield* Effect.context<Services>()
      const again = yield* Layer.build(Layer.fresh(Layer.orDie(Pseudonyms.layer)))
      const name = { kind: "msisdn", subject: number }
      const one = yield* Effect.provideContext(
        Effect.flatMap(Pseudonyms.Pseudonyms, (pseudonyms) => pseudonyms.of(name)),
        context
      )
      const other = yield* Effect.provideContext(
        Effect.flatMap(Pseudonyms.Pseudonyms, (pseudonyms) => pseudonyms.of(name)),
        again
      )
      assert.strictEqual(other, one)
    }).pipe(Effect.scoped, Effect.provide(services()))
  )
  it.effect("the raw value is kept beside the digits", () =>
    Effect.gen(function* () {
      const { external } = yield* gate(trusting)
      const [presented] = yield* external.present(
        policyOf("external"),
        requestOf(proxy, [["X-Msisdn", " +1 555 1230001"]])
      )
      assert.deepStrictEqual(Result.getOrThrow(presented!.evidence).claims, [
        { kind: "msisdn", subject: "15551230001", header: "x-msisdn", raw: "+1 555 1230001" }
      ])
    }).pipe(Effect.provide(services()))
  )
  it("strip takes what only a proxy or gateway may say, in every disguise, and nothing else", () => {
    const { strip } = IdentityHeader.make()
    const bad = [
      "X-MSISDN",
      "x_msisdn",
      "X-3GPP-Asserted-Identity",
      "x_3gpp_asserted_identity",
      "X-3GPP-Intended-Identity",
      "X-OMA-Sec-Context",
      "X-Oma-Sec-Server",
      "x-oma-proxy-mac",
      "RIM-Device-ID",
      "rim_device_id"
    ]
    assert.deepStrictEqual(strip(bad.map((name) => [name, "v"] as const)), [])
    const good = [
      ["Host", "h"],
      ["Authorization", "Digest x"],
      ["X-Forwarded-For", "1.2.3.4"]
    ] as const
    assert.deepStrictEqual(strip(good), good)
  })
})

describe("[DPE-EXT-002] x-oma-proxy-mac", () => {
  const key = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
  const now = 1_800_000_000
  const nonce = "00112233445566778899aabbccddeeff"
  /** What a proxy of somebody else would compute. */
  const field = (
    more: Partial<Record<"t" | "n" | "method" | "host" | "target" | "header" | "value", string>> = {},
    by = key
  ) => {
    const p = {
      t: String(now),
      n: nonce,
      method: "POST",
      host: "dpe.example.com",
      target: "/dpe/1",
      header: "x-msisdn",
      value: number,
      ...more
    }
    const text = [p.t, p.n, p.method, p.host, p.target, p.header, p.value].join("\n")
    return `t=${p.t};n=${p.n};m=${createHmac("sha256", by).update(text).digest("base64")}`
  }
  const story = (
    name: string,
    body: (
      ask: (fields: HttpExchange.HttpFields, more?: Partial<HttpExchange.HttpRequest>) => Effect.Effect<string, unknown>
    ) => Effect.Effect<void, unknown>
  ) =>
    it.effect(name, () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(now * 1000)
        const { admit } = yield* gate({ macKeys: [yield* proxyKey(new Uint8Array(32)), yield* proxyKey(key)] })
        yield* body((fields, more) => Effect.map(admit(requestOf(stranger, fields, more)), told))
      }).pipe(Effect.provide(services()))
    )
  const msisdn = ["x-msisdn", number] as const

  story("holds once", (ask) =>
    Effect.gen(function* () {
      const fields = [msisdn, ["X-OMA-Proxy-MAC", field()]] as const
      assert.strictEqual(yield* ask(fields), `msisdn ${number}`)
      assert.strictEqual(yield* ask(fields), "refused: replayed")
      const upper = [msisdn, ["x-oma-proxy-mac", field({ n: nonce.toUpperCase() })]] as const
      assert.strictEqual(yield* ask(upper), "refused: replayed")
      assert.strictEqual(yield* ask([msisdn, ["x-oma-proxy-mac", field({ n: "f".repeat(32) })]]), `msisdn ${number}`)
    })
  )
  story("60 seconds, before and after; the nonce is remembered for as long", (ask) =>
    Effect.gen(function* () {
      const at = (t: number, n: string) => ask([msisdn, ["x-oma-proxy-mac", field({ t: String(t), n: n.repeat(32) })]])
      assert.strictEqual(yield* at(now - 60, "1"), `msisdn ${number}`)
      assert.strictEqual(yield* at(now - 61, "2"), "refused: expired")
      assert.strictEqual(yield* at(now + 61, "3"), "refused: expired")
      assert.strictEqual(yield* at(now + 60, "4"), `msisdn ${number}`)
      yield* TestClock.adjust(120_000)
      assert.strictEqual(yield* at(now + 60, "4"), "refused: replayed")
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* at(now + 60, "4"), "refused: expired")
    })
  )
  for (const [what, fields] of [
    ["another method", [msisdn, ["x-oma-proxy-mac", field({ method: "GET" })]]],
    ["another host", [msisdn, ["x-oma-proxy-mac", field({ host: "other.example.com" })]]],
    ["another target", [msisdn, ["x-oma-proxy-mac", field({ target: "/dpe/2" })]]],
    ["another header", [msisdn, ["x-oma-proxy-mac", field({ header: "msisdn" })]]],
    ["another value", [msisdn, ["x-oma-proxy-mac", field({ value: "15551230001" })]]],
    ["another key", [msisdn, ["x-oma-proxy-mac", field({}, hex("ff".repeat(32)))]]],
    ["no header under it", [["x-oma-proxy-mac", field()]]]
  ] as const) {
    story(`does not hold: ${what}`, (ask) =>
      Effect.map(ask(fields), (given) => assert.strictEqual(given, "refused: credentials"))
    )
  }
  for (const [what, value] of [
    ["empty", ""],
    ["another order", field().split(";").toReversed().join(";")],
    ["a space", field().replaceAll(";", "; ")],
    ["a nonce of 31 digits", field().replace("n=0", "n=")],
    ["a time with a leading zero", field().replace("t=", "t=0")],
    ["a negative time", field().replace("t=", "t=-")],
    ["base64 without padding", field().slice(0, -1)],
    ["base64 with trailing bits", `${field().slice(0, -2)}/=`],
    ["something behind it", `${field()};x=1`],
    ["long", `${field()}${" ".repeat(200)}`]
  ] as const) {
    story(`malformed: ${what}`, (ask) =>
      Effect.map(ask([msisdn, ["x-oma-proxy-mac", value]]), (given) => assert.strictEqual(given, "refused: malformed"))
    )
  }
  story("stands once, and covers its header alone", (ask) =>
    Effect.gen(function* () {
      const mac = ["x-oma-proxy-mac", field()] as const
      assert.strictEqual(yield* ask([msisdn, mac, mac]), "refused: malformed")
      assert.strictEqual(yield* ask([msisdn, msisdn, mac]), "refused: malformed")
      assert.strictEqual(yield* ask([msisdn, ["x-acr", "of the client"], mac]), `msisdn ${number}`)
    })
  )
  story("a Host that stands twice has no MAC", (ask) =>
    Effect.map(ask([["Host", "dpe.example.com"], msisdn, ["x-oma-proxy-mac", field()]]), (given) =>
      assert.strictEqual(given, "refused: credentials")
    )
  )
  it.effect("without a configured key it is a header as any other", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now * 1000)
      const { admit } = yield* gate({})
      assert.strictEqual(
        told(yield* admit(requestOf(stranger, [msisdn, ["x-oma-proxy-mac", field()]]))),
        "refused: policy"
      )
    }).pipe(Effect.provide(services()))
  )
  it("every changed bit and every prefix of the field is another value or malformed; line breaks have no MAC", () => {
    const octets = Buffer.from(field(), "latin1")
    const good = Result.getOrThrow(ProxyMac.parse(field()))
    assert.strictEqual(ProxyMac.format(good), field())
    for (let length = 0; length < octets.length; length++) {
      assert.isTrue(Result.isFailure(ProxyMac.parse(octets.subarray(0, length).toString("latin1"))))
    }
    for (let bit = 0; bit < octets.length * 8; bit++) {
      const changed = Buffer.from(octets)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const parsed = ProxyMac.parse(changed.toString("latin1"))
      if (Result.isSuccess(parsed)) assert.notDeepEqual(parsed.success, good)
    }
    const covered = { method: "POST", host: "h", target: "/", header: "x-msisdn", value: "1" }
    for (const part of Object.keys(covered)) {
      assert.isUndefined(ProxyMac.input(1, nonce, { ...covered, [part]: "a\nb" }))
    }
  })
  it("any text: a value or IdentityRefused", () => {
    const noise = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.tuple(fc.nat(), fc.string(), fc.base64String()).map(([t, n, m]) => `t=${t};n=${n};m=${m}`)
    )
    fc.assert(
      fc.property(noise, (text) => {
        const parsed = ProxyMac.parse(text)
        if (Result.isSuccess(parsed)) assert.strictEqual(ProxyMac.format(parsed.success), text)
      }),
      { numRuns: fuzzRuns }
    )
  })
})

describe("[DPE-EXT-001] the address that RADIUS reported", () => {
  const proxies = Result.getOrThrow(IpRanges.parse(["192.0.2.0/24", "2001:db8:ffff::/48"]))
  for (const [lines, outcome] of [
    [["10.0.0.1"], "10.0.0.1"],
    [["1.1.1.1, 10.0.0.1"], "10.0.0.1"],
    [["10.0.0.1, 192.0.2.1"], "10.0.0.1"],
    [["1.1.1.1, 10.0.0.1, 192.0.2.1, 192.0.2.200"], "10.0.0.1"],
    [["1.1.1.1", "10.0.0.1"], "10.0.0.1"],
    [["10.0.0.1", "192.0.2.1"], "10.0.0.1"],
    [["10.0.0.1:1234"], "10.0.0.1"],
    [["[2001:db8::1]:80"], "2001:db8::1"],
    [["2001:db8::1, 2001:db8:ffff::2"], "2001:db8::1"],
    [["::ffff:10.0.0.1"], "10.0.0.1"],
    [[], undefined],
    [[""], undefined],
    [["192.0.2.1"], undefined],
    [["10.0.0.1, unknown"], undefined],
    [["10.0.0.1, "], undefined],
    [["10.0.0.1, 010.0.0.1"], undefined],
    [["10.0.0.1, 0x0a000001"], undefined],
    [["10.0.0.1, 167772161"], undefined],
    [["10.0.0.1, fe80::1%eth0"], undefined],
    [["10.0.0.1, [10.0.0.2]"], undefined],
    [["10.0.0.1, _hidden"], undefined],
    [["10.0.0.1;10.0.0.2"], undefined],
    [[`${"1.1.1.1,".repeat(300)}10.0.0.1`], undefined],
    [[`10.0.0.1${", 192.0.2.1".repeat(40)}`], undefined]
  ] as const) {
    it(`X-Forwarded-For ${JSON.stringify(lines).slice(0, 60)}: ${outcome ?? "nobody"}`, () => {
      const found = ForwardedFor.client(
        lines.map((line) => ["X-Forwarded-For", line] as const),
        proxies
      )
      assert.strictEqual(found === undefined ? undefined : IpRanges.format(found), outcome)
    })
  }
  it("any lines: an address that is no proxy, or nobody", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), { maxLength: 6 }), (hops) => {
        const found = ForwardedFor.client([["x-forwarded-for", hops.join(",")]], proxies)
        assert.isTrue(found === undefined || !IpRanges.contains(proxies, found))
      }),
      { numRuns: fuzzRuns }
    )
  })

  const reporting = Effect.gen(function* () {
    const addresses = yield* SubscriberAddresses.SubscriberAddresses
    const ranges = Result.getOrThrow(IpRanges.parse(["10.0.0.0/8"]))
    yield* addresses.apply(
      { name: "ggsn", linkProtected: true, ranges },
      {
        status: "Start",
        nas: ["id:ggsn1"],
        sessionId: "01",
        addresses: [{ address: IpRanges.address(handset)!, prefix: 32 }],
        names: [{ kind: "msisdn", subject: number }],
        delay: 0
      }
    )
    return addresses
  })
  const asked = (options: Partial<ExternalAuthenticator.ExternalOptions> = trusting) =>
    Effect.gen(function* () {
      const { admit } = yield* gate({ ...options, addresses: yield* reporting })
      return (from: string, fields: HttpExchange.HttpFields = [], more: Partial<HttpExchange.HttpRequest> = {}) =>
        Effect.map(admit(requestOf(from, fields, more)), told)
    })

  it.effect("[DPE-AUTH-006] identifies the handset, directly and behind a trusted proxy", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      assert.strictEqual(yield* ask(handset), `msisdn ${number}`)
      assert.strictEqual(yield* ask("10.0.0.2"), "refused: policy")
      assert.strictEqual(yield* ask(proxy), "refused: policy")
      assert.strictEqual(yield* ask(proxy, [["X-Forwarded-For", handset]]), `msisdn ${number}`)
      assert.strictEqual(yield* ask(proxy, [["X-Forwarded-For", `${handset}, 10.0.0.2`]]), "refused: policy")
    }).pipe(Effect.provide(services()))
  )
  it.effect("a forged X-Forwarded-For of a stranger changes nothing, for better or worse", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      assert.strictEqual(yield* ask(stranger, [["X-Forwarded-For", handset]]), "refused: policy")
      assert.strictEqual(yield* ask(handset, [["X-Forwarded-For", "1.1.1.1"]]), `msisdn ${number}`)
    }).pipe(Effect.provide(services()))
  )
  it.effect("a datagram proves no address, DTLS does", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      const plain = { ...connectionOf(handset), transport: "udp" as const }
      assert.strictEqual(yield* ask(handset, [], { connection: plain }), "refused: policy")
      const dtls = { ...plain, protection: { protocol: "dtls" as const, level: 3 as const } }
      assert.strictEqual(yield* ask(handset, [], { connection: dtls }), `msisdn ${number}`)
    }).pipe(Effect.provide(services()))
  )
  it.effect("header and address that name different subscribers are an authentication error", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      const forwarded = ["X-Forwarded-For", handset] as const
      assert.strictEqual(yield* ask(proxy, [forwarded, ["x-msisdn", "15551230001"]]), "refused: credentials")
      assert.strictEqual(yield* ask(proxy, [forwarded, ["x-msisdn", number]]), `msisdn ${number}`)
      assert.strictEqual(yield* ask(handset, [["x-msisdn", "15551230001"]]), `msisdn ${number}`)
    }).pipe(Effect.provide(services()))
  )
  it.effect("an interface that does not take external authentication is not asked", () =>
    Effect.gen(function* () {
      const addresses = yield* reporting
      const { admit } = yield* gate({ ...trusting, addresses }, ["none"])
      assert.deepInclude(yield* admit(requestOf(handset, [])), { _tag: "Admitted", mode: "none" })
    }).pipe(Effect.provide(services()))
  )
})

describe("two modes in one request", () => {
  const guarded = (second: "accepted" | "rejected", kind: string, subject: string) =>
    Effect.gen(function* () {
      const { external } = yield* gate(trusting)
      type Presented = ExternalAuthenticator.ExternalPresented | { readonly mode: "digest"; readonly evidence?: never }
      const policy = policyOf("digest", "external")
      const authenticators = [
        {
          mode: "digest",
          challenge: () => Effect.succeed("Digest"),
          judge: () =>
            Effect.succeed(
              second === "rejected"
                ? ({ _tag: "Rejected", reason: "credentials", detail: "wrong", clause: "RFC 7616" } as const)
                : ({
                    _tag: "Accepted",
                    identity: {
                      _tag: "Authenticated",
                      subject: "alice",
                      kind: "user",
                      method: "digest",
                      at: 0,
                      aliases: [{ kind, subject }]
                    }
                  } as const)
            )
        },
        {
          ...external.authenticator,
          judge: (context: Parameters<typeof external.authenticator.judge>[0], presented: Presented) =>
            presented.evidence === undefined
              ? Effect.die("another mode")
              : external.authenticator.judge(context, { ...presented, evidence: presented.evidence })
        }
      ]
      const spd = Layer.orDie(Spd.layer({ interfaces: [policy], networks: {} }))
      const guard = yield* Effect.provide(
        InterfaceGuard.make<unknown, Presented, string, never>(interfaceName, authenticators),
        spd
      )
      const both = yield* OneSubscriber.make(interfaceName, guard, authenticators)
      return (fields: HttpExchange.HttpFields, digest = true) =>
        Effect.gen(function* () {
          const request = requestOf(proxy, fields)
          const presented: ReadonlyArray<Presented> = [
            ...(digest ? [{ mode: "digest" } as const] : []),
            ...(yield* external.present(policy, request))
          ]
          const admission = yield* both.admit(request.connection, request, presented)
          return admission._tag === "Admitted" ? admission.mode : admission._tag
        })
    })

  it.effect("agree, disagree, cannot be compared, and one that does not hold", () =>
    Effect.gen(function* () {
      const agreeing = yield* guarded("accepted", "msisdn", number)
      assert.strictEqual(yield* agreeing([["x-msisdn", number]]), "digest")
      assert.strictEqual(yield* agreeing([["x-msisdn", "15551230001"]]), "Refused")
      assert.strictEqual(yield* agreeing([["x-acr", "opaque"]]), "Refused")
      assert.strictEqual(
        yield* agreeing([
          ["x-msisdn", number],
          ["x-msisdn", number]
        ]),
        "Refused"
      )
      assert.strictEqual(yield* agreeing([]), "digest")
      assert.strictEqual(yield* agreeing([["x-msisdn", number]], false), "external")
      const failing = yield* guarded("rejected", "msisdn", number)
      assert.strictEqual(yield* failing([["x-msisdn", number]]), "Refused")
    }).pipe(Effect.provide(services()))
  )
})

describe("addresses and ranges", () => {
  for (const [list, inside, outside] of [
    [["10.0.0.0/8"], ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["9.255.255.255", "11.0.0.0", "::10.0.0.1"]],
    [["192.0.2.7"], ["192.0.2.7"], ["192.0.2.6"]],
    [["0.0.0.0/0"], ["1.2.3.4"], ["::1"]],
    [["2001:db8::/33"], ["2001:db8:7fff::1"], ["2001:db8:8000::1"]],
    [["::/0"], ["::1"], ["127.0.0.1"]],
    [[], [], ["127.0.0.1", "::1"]]
  ] as const) {
    it(`${list.join(" ") || "nothing"}`, () => {
      const ranges = Result.getOrThrow(IpRanges.parse(list))
      for (const text of inside) assert.isTrue(IpRanges.contains(ranges, IpRanges.address(text)!), text)
      for (const text of outside) assert.isFalse(IpRanges.contains(ranges, IpRanges.address(text)!), text)
    })
  }
  for (const range of [
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10/8",
    "",
    "*",
    "::1/129",
    "fe80::1%eth0"
  ]) {
    it(`no range: ${JSON.stringify(range)}`, () => assert.isTrue(Result.isFailure(IpRanges.parse([range]))))
  }
  it("networkOf agrees with contains", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(128), (text, length) => {
        const address = IpRanges.address(text)
        if (address === undefined) return
        const network = IpRanges.networkOf(address, length)
        if (network === undefined) return assert.isTrue(address._tag === "Ipv4Address" && length > 32)
        assert.isTrue(IpRanges.contains(Result.getOrThrow(IpRanges.parse([network])), address))
      }),
      { numRuns: fuzzRuns }
    )
  })
  it("headers of any form: claims or IdentityRefused, and nothing stripped is read", () => {
    const name = fc.oneof(
      fc.constantFrom("x-msisdn", "X_MSISDN", "msisdn", "x-acr", "X-Up-Subno", "accept"),
      fc.string()
    )
    const fields = fc.array(
      fc.tuple(name, fc.oneof(fc.constantFrom(number, "+1 555 123 0001", ""), fc.string({ unit: "binary" }))),
      { maxLength: 6 }
    )
    for (const headers of [IdentityHeader.make(), IdentityHeader.make({ bySuffix: true })]) {
      fc.assert(
        fc.property(fields, (given) => {
          const read = headers.read(given)
          if (Result.isSuccess(read)) for (const { subject } of read.success) assert.isAtMost(subject.length, 256)
          assert.deepStrictEqual(headers.read(headers.strip(given)), Result.succeed([]))
        }),
        { numRuns: fuzzRuns }
      )
    }
  })
  it("numbers are changed only by their form", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const digits = Subscriber.msisdn(text)
        if (digits !== undefined) assert.strictEqual(digits, text.replace(/[ +]/g, ""))
      }),
      { numRuns: fuzzRuns }
    )
  })
})
