import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import {
  AuthenticationInfo,
  Authorization,
  Challenge,
  type DigestMalformed,
  ExtValue,
  FieldScanner
} from "../../src/digest/index.ts"
import { fuzzRuns, generator } from "./support.ts"

const mufasa =
  'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
const jason =
  'Digest username*=UTF-8\'\'J%C3%A4s%C3%B8n%20Doe, realm="api@example.org", uri="/doe.json", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", nc=00000001, cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", qop=auth, response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", userhash=false'
const bootstrap = 'Digest username="user1_private@home1.net", realm="bsf.home1.net", nonce="", uri="/", response=""'
const resync = `Digest username="user1_private@home1.net", realm="bsf.home1.net", nonce="I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=", uri="/", qop=auth-int, nc=00000001, cnonce="6629fae49393a05397450978507c4ef1", response="11cc39708613d4a30b2230b55471abfe", algorithm=AKAv1-MD5, auts="uoU/PBI8z0TpNZbjVcY="`

const read = (text: string) => Result.getOrThrow(Authorization.parse([text]))!
const fault = (text: string): DigestMalformed => {
  const parsed = Authorization.parse([text])
  if (Result.isSuccess(parsed)) return assert.fail(`accepted: ${text}`)
  return parsed.failure
}

describe("Authorization", () => {
  it("reads the example of RFC 2617", () => {
    assert.deepStrictEqual(read(mufasa), {
      username: "Mufasa",
      userhash: false,
      realm: "testrealm@host.com",
      nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
      uri: "/dir/index.html",
      response: "6629fae49393a05397450978507c4ef1",
      algorithm: undefined,
      cnonce: "0a4f113b",
      opaque: "5ccc069c403ebaf9f0171e9517f40e41",
      qop: "auth",
      nc: "00000001",
      auts: undefined
    })
  })
  it("reads username* of RFC 7616", () => {
    assert.strictEqual(read(jason).username, "Jäsøn Doe")
  })
  it("reads the first request on Ub, which answers no challenge", () => {
    assert.deepInclude(read(bootstrap), { username: "user1_private@home1.net", nonce: "", response: "" })
  })
  it("reads auts of RFC 3310", () => {
    assert.deepInclude(read(resync), { auts: "uoU/PBI8z0TpNZbjVcY=", algorithm: "AKAv1-MD5" })
  })
  it("reads UTF-8 and ISO 8859-1 in a quoted user name", () => {
    const named = (octets: string) => read(mufasa.replace("Mufasa", octets)).username
    assert.strictEqual(named("J\u00c3\u00a4s\u00c3\u00b8n"), "Jäsøn")
    assert.strictEqual(named("J\u00e4s\u00f8n"), "Jäsøn")
  })
  it("undoes quoted pairs in a user name", () => {
    assert.strictEqual(read(mufasa.replace("Mufasa", 'Mu\\"fa\\\\sa')).username, 'Mu"fa\\sa')
  })
  it("accepts what old clients send: quoted qop, nc, algorithm; odd spacing and case; empty elements", () => {
    assert.deepInclude(read(mufasa.replace("qop=auth", 'qop="auth"').replace("nc=00000001", 'nc="00000001"')), {
      qop: "auth",
      nc: "00000001"
    })
    assert.strictEqual(read(`${mufasa}, algorithm="MD5"`).algorithm, "MD5")
    assert.deepStrictEqual(read(mufasa.replaceAll(", ", "\t ,, ,").replaceAll("=", " =\t")), read(mufasa))
    assert.deepStrictEqual(read(mufasa.replace("Digest", "dIGEST").replace("username", "UserName")), read(mufasa))
    assert.deepStrictEqual(read(`${mufasa}, extension="x", y=z,`), read(mufasa))
  })
  it("is nothing of ours for another scheme or no field", () => {
    for (const fields of [
      [],
      ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
      ["Bearer abc.def"],
      ["Digestive x=1"],
      ["Negotiate"]
    ]) {
      assert.deepStrictEqual(Authorization.parse(fields), Result.succeed(undefined))
    }
  })
  it("refuses two fields", () => {
    assert.isTrue(Result.isFailure(Authorization.parse([mufasa, mufasa])))
    assert.isTrue(Result.isFailure(Authorization.parse(["Basic x", mufasa])))
  })
  it("names the place and the clause of what it refuses, and no value", () => {
    const error = fault(mufasa.replace("nc=00000001", "nc=0000001"))
    assert.include(error.clause, "RFC 7616 3.4")
    assert.strictEqual(error.offset, mufasa.indexOf(", cnonce") - 1)
    for (const text of [
      mufasa.replace("nc=00000001", "nc=deadbeef1"),
      mufasa.replace('response="', 'response="SECRET')
    ]) {
      assert.notMatch(JSON.stringify(fault(text)), /deadbeef|SECRET|Mufasa/)
    }
  })
  it("refuses a quoted-pair of what no quoted-string carries", () => {
    for (const octet of ["\0", "\u0001", "\u007f", "\u0100", "\r", "\n"]) {
      assert.include(fault(mufasa.replace("Mufasa", `Mu\\${octet}fasa`)).clause, "RFC 9110 5.6.4")
      assert.include(fault(mufasa.replace("Mufasa", `Mu${octet}fasa`)).clause, "RFC 9110 5.6.4")
    }
    assert.strictEqual(read(mufasa.replace("Mufasa", "Mu\\\tfasa")).username, "Mu\tfasa")
  })
  it("holds its limits before the work", () => {
    assert.strictEqual(fault(`Digest username="${"a".repeat(100_000)}`).clause, "limit maxLength")
    assert.strictEqual(
      fault(`Digest ${Array.from({ length: 40 }, (_, i) => `a${i}=b`).join(",")}`).clause,
      "limit maxParameters"
    )
    const one = { ...FieldScanner.defaultFieldLimits, maxLength: mufasa.length - 1 }
    assert.isTrue(Result.isFailure(Authorization.parse([mufasa], one)))
  })
})

const samples = [mufasa, jason, bootstrap, resync]

/** Writes what was read. */
const rewrite = (value: Authorization.Authorization, extended: boolean) => {
  const { algorithm, auts, cnonce, nc, opaque, qop, ...needed } = value
  return Authorization.encode({
    ...needed,
    extended,
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(auts === undefined ? {} : { auts }),
    ...(cnonce === undefined ? {} : { cnonce }),
    ...(nc === undefined ? {} : { nc }),
    ...(opaque === undefined ? {} : { opaque }),
    ...(qop === "auth" || qop === "auth-int" ? { qop } : {})
  })
}

const holds = (text: string): void => {
  const parsed = Authorization.parse([text])
  if (Result.isFailure(parsed) || parsed.success === undefined) return
  const value = parsed.success
  assert.isTrue(value.response.length === 0 || value.response.length === 32 || value.response.length === 64)
  if (value.qop !== undefined) assert.isDefined(value.nc)
  const written = rewrite(value, true)
  if (Result.isFailure(written) || (value.qop !== undefined && value.qop !== "auth" && value.qop !== "auth-int")) return
  assert.deepStrictEqual(Authorization.parse([written.success]), Result.succeed(value))
}

describe("Authorization, bad input", () => {
  it("every prefix is refused, or lacks only the last optional directive", () => {
    for (const sample of samples) {
      const whole = read(sample)
      for (let n = 0; n < sample.length; n++) {
        const parsed = Authorization.parse([sample.slice(0, n)])
        if (Result.isFailure(parsed) || parsed.success === undefined) continue
        for (const [name, value] of Object.entries(parsed.success)) {
          if (value === undefined || value === Reflect.get(whole, name)) continue
          // a bare token that was cut is another token; nothing in quotes can be cut
          assert.include(["userhash", "algorithm", "qop"], name, sample.slice(0, n))
        }
      }
    }
  })
  it("every single-bit flip is refused, or means something else, or is case", () => {
    for (const sample of samples) {
      const whole = JSON.stringify(read(sample))
      for (let i = 0; i < sample.length; i++) {
        for (let bit = 0; bit < 8; bit++) {
          const flipped = `${sample.slice(0, i)}${String.fromCharCode(sample.charCodeAt(i) ^ (1 << bit))}${sample.slice(i + 1)}`
          holds(flipped)
          const parsed = Authorization.parse([flipped])
          if (Result.isFailure(parsed) || JSON.stringify(parsed.success) !== whole) continue
          const same = flipped.toLowerCase() === sample.toLowerCase()
          const inSpace = " \t,".includes(sample[i]!) || " \t,".includes(flipped[i]!)
          // userhash=false under another name is an unknown directive, which changes nothing
          const inName = sample.includes("userhash") && i >= sample.indexOf("userhash")
          assert.isTrue(same || inSpace || inName, flipped)
        }
      }
    }
  })
  it("any text is refused or read back as written", () => {
    const part = fc.oneof(
      fc.constantFrom(...samples.flatMap((sample) => sample.split(/(?<=[,= "])/))),
      fc.string({ unit: "binary-ascii", maxLength: 6 }),
      fc.constantFrom('"', "\\", ",", "=", " ", "\t", "\r\n ", "\0", "Digest ", "username*=", "é", "\u0100")
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        holds(parts.join(""))
        holds(`Digest ${parts.join("")}`)
      }),
      { numRuns: fuzzRuns() }
    )
  })
  it("mutated samples are refused or read back as written", () => {
    const next = generator(20261120)
    for (let run = 0; run < fuzzRuns(5000); run++) {
      let text = samples[Math.floor(next() * samples.length)]!
      for (let edits = 1 + Math.floor(next() * 4); edits > 0; edits--) {
        const at = Math.floor(next() * text.length)
        const [kind, other] = [next(), Math.floor(next() * text.length)]
        text =
          kind < 0.3
            ? text.slice(0, at) + text.slice(at + 1 + Math.floor(next() * 8))
            : kind < 0.6
              ? text.slice(0, at) + String.fromCharCode(Math.floor(next() * 260)) + text.slice(at + 1)
              : text.slice(0, at) + text.slice(other, other + 30) + text.slice(at)
      }
      holds(text)
    }
  })
  it("time is linear: 16 times the length takes less than 64 times as long", () => {
    const wide = { maxLength: 1 << 22, maxParameters: 32, maxChallenges: 16 }
    const cost = (make: (n: number) => string, n: number) => {
      const text = make(n)
      let best = Number.POSITIVE_INFINITY
      for (let i = 0; i < 5; i++) {
        const start = performance.now()
        Authorization.parse([text], wide)
        Challenge.parse([text], wide)
        AuthenticationInfo.parse([text], wide)
        best = Math.min(best, performance.now() - start)
      }
      return best
    }
    for (const make of [
      (n: number) => `Digest username="${'\\"'.repeat(n)}"`,
      (n: number) => `Digest ${",".repeat(n)}`,
      (n: number) => `Digest ${" ".repeat(n)}`,
      (n: number) => `Digest ${"a".repeat(n)}`,
      (n: number) => `Digest x="${"b".repeat(n)}`,
      (n: number) => `Foo ${"=".repeat(n)}x`,
      (n: number) => `Foo ${"a".repeat(n)}=`
    ]) {
      cost(make, 10_000)
      assert.isBelow(cost(make, 160_000), 64 * Math.max(cost(make, 10_000), 0.05))
    }
  })
})

describe("Authorization, written", () => {
  it("quotes what RFC 7616 has quoted and nothing else", () => {
    const text = Result.getOrThrow(rewrite(read(resync), false))
    assert.strictEqual(
      text,
      'Digest username="user1_private@home1.net", realm="bsf.home1.net", nonce="I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=", uri="/", response="11cc39708613d4a30b2230b55471abfe", cnonce="6629fae49393a05397450978507c4ef1", auts="uoU/PBI8z0TpNZbjVcY=", algorithm=AKAv1-MD5, qop=auth-int, nc=00000001'
    )
  })
  it("writes any user name in a form that is read back", () => {
    const name = fc.string({ unit: "grapheme" }).filter((text) => !/\p{Surrogate}/u.test(text))
    fc.assert(
      fc.property(name, name, fc.boolean(), (username, realm, extended) => {
        const written = rewrite({ ...read(mufasa), username, realm }, extended)
        if (Result.isFailure(written)) {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what no quoted-string carries
          return assert.match(username + realm, /[\0-\x08\x0a-\x1f\x7f]/)
        }
        assert.match(written.success, /^[\t\x20-\x7e\x80-\xff]*$/)
        assert.deepInclude(read(written.success), { username, realm })
      }),
      { numRuns: fuzzRuns() }
    )
  })
  it("lets no value break the field", () => {
    const base = read(mufasa)
    for (const change of [
      { username: "a\r\nX: y" },
      { realm: "a\nb" },
      { nonce: 'n"\r\n' },
      { uri: "/\u0000" },
      { uri: "/ä" },
      { opaque: "\u007f" },
      { nc: "1, x" },
      { algorithm: 'MD5"' }
    ]) {
      assert.isTrue(Result.isFailure(rewrite({ ...base, ...change }, false)), JSON.stringify(change))
    }
  })
})

describe("Challenge", () => {
  const rfc7616 =
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
  const md5 = rfc7616.replace("SHA-256", "MD5")
  const parse = (...fields: Array<string>) => Result.getOrThrow(Challenge.parse(fields))

  it("reads the challenges of RFC 7616 3.9.1, strongest first, in one field or many", () => {
    for (const fields of [
      [md5, rfc7616],
      [`${md5}, ${rfc7616}`],
      [`Basic realm="x", ${md5}`, `Negotiate, ${rfc7616}`]
    ]) {
      const found = Challenge.strongestFirst(parse(...fields))
      assert.deepStrictEqual(
        found.map(({ algorithm }) => algorithm),
        ["SHA-256", "MD5"]
      )
      assert.deepStrictEqual(found[0], {
        realm: "http-auth@example.org",
        nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        algorithm: "SHA-256",
        qop: ["auth", "auth-int"],
        qopGiven: true,
        domain: [],
        opaque: "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
        stale: false,
        utf8: false,
        userhash: false
      })
    }
  })
  it("tells schemes apart, with tokens of 68 characters and without anything", () => {
    const schemes = (...fields: Array<string>) => parse(...fields).map(({ scheme }) => scheme)
    assert.deepStrictEqual(schemes("Negotiate YII=, Basic realm=x, NTLM"), ["negotiate", "basic", "ntlm"])
    assert.deepStrictEqual(schemes(`Newauth realm="apps", type=1, title="Login to \\"apps\\"", ${md5}`), [
      "newauth",
      "digest"
    ])
    assert.deepStrictEqual(schemes(""), [])
    assert.deepStrictEqual(schemes(", ,"), [])
  })
  it("reads what servers of the field send: unquoted qop, quoted stale and algorithm", () => {
    const [challenge] = parse(
      'Digest realm="r", nonce="n", qop=auth, stale="TRUE", algorithm="md5", domain="/a http://h/b", charset=utf-8, userhash="true"'
    )
    assert.deepInclude(challenge?.digest, {
      qop: ["auth"],
      stale: true,
      algorithm: "MD5",
      domain: ["/a", "http://h/b"],
      utf8: true,
      userhash: true
    })
  })
  it("passes over algorithms and qops that nobody knows", () => {
    assert.deepStrictEqual(
      Challenge.strongestFirst(parse('Digest realm="r", nonce="n", algorithm=SHA3-256, qop="auth"')),
      []
    )
    assert.deepStrictEqual(Challenge.strongestFirst(parse('Digest realm="r", nonce="n", qop="auth-conf"')), [])
    assert.lengthOf(Challenge.strongestFirst(parse('Digest realm="r", nonce="n"')), 1)
  })
  it("refuses what is none", () => {
    for (const text of [
      'Digest realm="r"',
      'Digest nonce="n"',
      "Digest",
      "Digest abc=",
      'Digest realm="r", nonce="n", nonce="m"',
      'Digest realm="r", realm="s", nonce="n"',
      'Digest realm="r" nonce="n"',
      'Digest realm="r", nonce="n',
      'Digest realm="r", nonce="n", charset=latin1',
      'Digest realm="r", nonce="\u00e9"',
      'Digest realm=, nonce="n"',
      "Negotiate Basic realm=x",
      'Digest "realm"="r", nonce="n"',
      "=",
      "\u0000",
      `Digest realm="r", nonce="n"${Array.from({ length: 31 }, (_, i) => `, x${i}=1`).join("")}`,
      Array.from({ length: 17 }, () => "Negotiate").join(", ")
    ]) {
      assert.isTrue(Result.isFailure(Challenge.parse([text])), text)
    }
    assert.isTrue(Result.isFailure(Challenge.parse(["a".repeat(5000), "b".repeat(5000)])))
  })
  it("writes what it reads", () => {
    const ascii = fc.string({ unit: fc.constantFrom(..." !#$%&'()*+/0:;<=>?@AZ[\\]^_`az{|}~\"") })
    const uri = fc.constantFrom("/", "/a/b", "http://h.example/x?y", 'https://h/"')
    fc.assert(
      fc.property(
        fc.record({
          realm: fc.string({ unit: "grapheme" }).filter((text) => /^[^\p{Cc}\p{Cs}]*$/u.test(text)),
          nonce: ascii,
          algorithm: fc.constantFrom("MD5", "SHA-256", "SHA-512-256-sess", "AKAv1-MD5"),
          qop: fc.subarray<Challenge.Qop>(["auth", "auth-int"]),
          domain: fc.array(uri, { maxLength: 3 }),
          opaque: ascii,
          stale: fc.boolean(),
          utf8: fc.boolean(),
          userhash: fc.boolean()
        }),
        (challenge) => {
          const text = Result.getOrThrow(Challenge.encode(challenge))
          const [read] = parse(text)
          assert.deepStrictEqual(read?.digest, { ...challenge, qopGiven: challenge.qop.length > 0 })
        }
      ),
      { numRuns: fuzzRuns() }
    )
  })
  it("lets no value break the field", () => {
    const challenge = { realm: "r", nonce: "n", algorithm: "MD5" } as const
    for (const change of [
      { realm: "a\r\nSet-Cookie: x" },
      { nonce: "\n" },
      { opaque: "\u0000" },
      { domain: ["/a b"] },
      { domain: [""] },
      { domain: ["/ä"] }
    ]) {
      assert.isTrue(Result.isFailure(Challenge.encode({ ...challenge, ...change })), JSON.stringify(change))
    }
    assert.isTrue(Result.isFailure(Challenge.encodeOther("Ba sic", "r")))
    assert.deepStrictEqual(Challenge.encodeOther("Basic", 'a"b'), Result.succeed('Basic realm="a\\"b"'))
  })
  it("every prefix, every flip and any text is refused or read", () => {
    for (let n = 0; n <= md5.length; n++) Challenge.parse([md5.slice(0, n)])
    for (let i = 0; i < md5.length; i++) {
      for (let bit = 0; bit < 8; bit++) {
        Challenge.parse([`${md5.slice(0, i)}${String.fromCharCode(md5.charCodeAt(i) ^ (1 << bit))}${md5.slice(i + 1)}`])
      }
    }
    const part = fc.oneof(
      fc.constantFrom(...`${md5}, Basic realm=x, Negotiate abc==`.split(/(?<=[,= "])/)),
      fc.string({ maxLength: 4 }),
      fc.constantFrom('"', "\\", ",", "=", " ", "\t", "\u0000", "Digest ", "\u0100")
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const parsed = Challenge.parse([parts.join("")])
        if (Result.isSuccess(parsed)) assert.isAtMost(Challenge.strongestFirst(parsed.success).length, 16)
        AuthenticationInfo.parse([parts.join("")])
      }),
      { numRuns: fuzzRuns() }
    )
  })
})

describe("Authentication-Info", () => {
  it("reads what BSFs send, extra directives and bare tokens included", () => {
    const info = Result.getOrThrow(
      AuthenticationInfo.parse([
        'qop=auth-int, rspauth="7e6ec0d687f26e52b87e844a584fa504", cnonce="6629fae49393a05397450978507c4ef1", nc=00000001, opaque="x", nonce="y"'
      ])
    )
    assert.deepStrictEqual(info, {
      nextnonce: undefined,
      rspauth: "7e6ec0d687f26e52b87e844a584fa504",
      qop: "auth-int",
      cnonce: "6629fae49393a05397450978507c4ef1",
      nc: "00000001"
    })
  })
  it("writes what it reads", () => {
    const value = { nextnonce: "n+/=", rspauth: "ab", qop: "auth", cnonce: 'c"\\', nc: "0000000a" } as const
    const text = Result.getOrThrow(AuthenticationInfo.encode(value))
    assert.strictEqual(text, 'nextnonce="n+/=", rspauth="ab", qop=auth, cnonce="c\\"\\\\", nc=0000000a')
    assert.deepStrictEqual(AuthenticationInfo.parse([text]), Result.succeed({ ...value }))
    assert.isTrue(Result.isFailure(AuthenticationInfo.encode({ cnonce: "\r\n" })))
    assert.isTrue(Result.isFailure(AuthenticationInfo.encode({ nc: "1 2" })))
  })
  it("refuses duplicates, also over two fields, and broken text", () => {
    for (const fields of [
      ['rspauth="a", rspauth="b"'],
      ['rspauth="a"', 'rspauth="b"'],
      ['rspauth="a'],
      ["x"],
      ["nc=1 2"],
      ['cnonce="\u00e9"'],
      ["a".repeat(9000)],
      [Array.from({ length: 33 }, (_, i) => `x${i}=1`).join()]
    ]) {
      assert.isTrue(Result.isFailure(AuthenticationInfo.parse(fields)), fields.join("|").slice(0, 40))
    }
    assert.isTrue(Result.isSuccess(AuthenticationInfo.parse([])))
  })
})

describe("Extended values", () => {
  it("of RFC 5987 and RFC 7616", () => {
    assert.strictEqual(ExtValue.encode("Jäsøn Doe"), "UTF-8''J%C3%A4s%C3%B8n%20Doe")
    assert.strictEqual(ExtValue.decode("UTF-8'en'%c2%a3%20and%20%e2%82%ac%20rates"), "£ and € rates")
  })
  it("refuse another charset, broken escapes and octets that are not UTF-8", () => {
    for (const text of [
      "iso-8859-1'en'%A3",
      "UTF-8'x",
      "UTF-8",
      "''x",
      "UTF-8''%",
      "UTF-8''%C",
      "UTF-8''%zz",
      "UTF-8''%C3",
      "UTF-8''a b",
      "UTF-8''a'b",
      "UTF-8''\u00e9",
      "UTF-8''\""
    ]) {
      assert.isUndefined(ExtValue.decode(text), text)
    }
  })
  it("give back any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const encoded = ExtValue.encode(text)
        assert.strictEqual(ExtValue.decode(encoded), text.replaceAll(/\p{Surrogate}/gu, "\ufffd"))
      }),
      { numRuns: fuzzRuns() }
    )
  })
})
