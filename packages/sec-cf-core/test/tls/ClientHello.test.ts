import * as Fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import * as FastCheck from "fast-check"
import { type ClientHello, decodeClientHello, MalformedHello } from "../../src/tls/ClientHello.ts"
import { negotiatePsk } from "../../src/tls/Negotiation.ts"
import * as TlsProfile from "../../src/tls/TlsProfile.ts"

interface Vector {
  readonly name: string
  readonly input: { readonly streamHex: string }
  readonly output: {
    readonly legacyVersion: string
    readonly suites: ReadonlyArray<string>
    readonly versions: ReadonlyArray<string> | null
    readonly groups: ReadonlyArray<string> | null
    readonly serverName: string | null
  }
}
const vectors: ReadonlyArray<Vector> = JSON.parse(
  Fs.readFileSync(new URL("../../vectors/client-hello.json", import.meta.url), "utf8")
)
const octets = (vector: Vector): Uint8Array => Bytes.fromHex(vector.input.streamHex) ?? new Uint8Array(0)
const numbers = (list: ReadonlyArray<string> | null) => list?.map((hex) => Number.parseInt(hex, 16))
const numRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)

const decode = (stream: Uint8Array): ClientHello | undefined => {
  const result = decodeClientHello(stream)
  if (Result.isFailure(result)) assert.fail(result.failure.reason)
  return result.success
}

/** The same handshake message in records of `size` octets. */
const split = (stream: Uint8Array, size: number): Uint8Array => {
  const message = stream.subarray(5)
  const parts: Array<Uint8Array> = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    parts.push(Uint8Array.of(22, 3, 1, part.length >> 8, part.length & 255), part)
  }
  return Bytes.concat(...parts)
}

/** A ClientHello with these extensions, in one record. */
const build = (extensions: Uint8Array, suites = Uint8Array.of(0, 0xa8), legacyVersion = 0x0303): Uint8Array => {
  const short = (n: number) => Uint8Array.of(n >> 8, n & 255)
  const body = Bytes.concat(
    short(legacyVersion),
    new Uint8Array(32),
    Uint8Array.of(0),
    short(suites.length),
    suites,
    Uint8Array.of(1, 0),
    short(extensions.length),
    extensions
  )
  return Bytes.concat(Uint8Array.of(22, 3, 1), short(body.length + 4), Uint8Array.of(1, 0), short(body.length), body)
}
const reasonOf = (stream: Uint8Array): string => {
  const result = decodeClientHello(stream)
  return Result.isFailure(result) ? result.failure.reason : "accepted"
}

describe("ClientHello", () => {
  for (const vector of vectors) {
    it(`decodes ${vector.name}`, () => {
      assert.deepStrictEqual(decode(octets(vector)), {
        legacyVersion: Number.parseInt(vector.output.legacyVersion, 16),
        suites: numbers(vector.output.suites) ?? [],
        versions: numbers(vector.output.versions),
        groups: numbers(vector.output.groups),
        serverName: vector.output.serverName ?? undefined
      })
    })
    it(`waits at every prefix of ${vector.name}, and reads nothing behind its end`, () => {
      const whole = octets(vector)
      for (let end = 0; end < whole.length; end++) assert.isUndefined(decode(whole.subarray(0, end)))
      assert.deepStrictEqual(decode(Bytes.concat(whole, Uint8Array.of(0, 1, 2, 255))), decode(whole))
    })
    it(`answers every flipped bit of ${vector.name}`, () => {
      const whole = octets(vector)
      for (let bit = 0; bit < whole.length * 8; bit++) {
        const changed = Uint8Array.from(whole)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        const result = decodeClientHello(changed)
        if (Result.isFailure(result)) assert.instanceOf(result.failure, MalformedHello)
      }
    })
    it(`reads ${vector.name} from several records`, () => {
      const whole = octets(vector)
      for (const size of [64, 65, 100, 511]) {
        const parts = split(whole, size)
        if (Math.ceil((whole.length - 5) / size) > 8) assert.strictEqual(reasonOf(parts), "too many records")
        else {
          assert.deepStrictEqual(decode(parts), decode(whole))
          for (let end = 0; end < parts.length; end++) assert.isUndefined(decode(parts.subarray(0, end)))
        }
      }
    })
  }

  it("refuses with the clause what is no ClientHello", () => {
    const get = new TextEncoder().encode("GET / HTTP/1.1\r\n")
    assert.strictEqual(reasonOf(get), "not a handshake record")
    assert.strictEqual(reasonOf(Uint8Array.of(22, 2)), "not a TLS version")
    assert.strictEqual(reasonOf(Uint8Array.of(22, 3, 1, 0, 0)), "record length")
    assert.strictEqual(reasonOf(Uint8Array.of(22, 3, 1, 0x40, 1)), "record length")
    assert.strictEqual(reasonOf(Uint8Array.of(22, 3, 1, 0, 4, 2, 0, 0, 0)), "not a ClientHello")
    assert.strictEqual(reasonOf(Uint8Array.of(22, 3, 1, 0x40, 0, 1, 0, 0x40, 0)), "longer than the limit")
    assert.strictEqual(reasonOf(build(Uint8Array.of(0, 23, 0, 0, 0, 23, 0, 0))), "extension twice")
    assert.strictEqual(reasonOf(build(Uint8Array.of(0, 43, 0, 2, 1, 3))), "supported_versions")
    assert.strictEqual(reasonOf(build(Uint8Array.of(0, 10, 0, 3, 0, 1, 0))), "supported_groups")
    assert.strictEqual(reasonOf(build(Uint8Array.of(0, 0, 0, 2, 0, 0))), "server_name")
    assert.strictEqual(reasonOf(build(Uint8Array.of(0, 0, 0, 6, 0, 4, 0, 0, 1, 0))), "server_name is no host name")
    assert.strictEqual(reasonOf(build(new Uint8Array(0), new Uint8Array(0))), "cipher suites")
    assert.strictEqual(reasonOf(build(Uint8Array.of(9, 9, 0, 1))), "extension length")
    assert.strictEqual(decode(build(Uint8Array.of(0, 0, 0, 6, 0, 4, 0, 0, 1, 65)))?.serverName, "a")
  })

  it("never throws and is quick, whatever comes", () => {
    const valid = vectors.map(octets)
    const mutated = FastCheck.tuple(
      FastCheck.constantFrom(...valid),
      FastCheck.array(FastCheck.tuple(FastCheck.nat(600), FastCheck.nat(255)), { maxLength: 8 })
    ).map(([stream, changes]) => {
      const out = Uint8Array.from(stream)
      for (const [at, value] of changes) if (at < out.length) out[at] = value
      return out
    })
    FastCheck.assert(
      FastCheck.property(FastCheck.oneof(FastCheck.uint8Array({ maxLength: 600 }), mutated), (stream) => {
        const result = decodeClientHello(stream)
        if (Result.isFailure(result)) assert.instanceOf(result.failure, MalformedHello)
      }),
      { numRuns }
    )
  }, 300_000)
})

describe("negotiatePsk", () => {
  const hello = (over: Partial<ClientHello>): ClientHello => ({
    legacyVersion: 0x0303,
    suites: [0x00a8, 0xccac],
    versions: undefined,
    groups: [29],
    serverName: undefined,
    ...over
  })
  it("follows the server's order, within what the client can do", () => {
    const profile = TlsProfile.psk({ oldPeers: true })
    assert.strictEqual(negotiatePsk(profile, hello({}))?.suite?.code, 0xccac)
    assert.strictEqual(negotiatePsk(profile, hello({ groups: [256] }))?.suite?.code, 0x00a8)
    assert.strictEqual(negotiatePsk(profile, hello({ groups: undefined }))?.suite?.code, 0xccac)
    assert.strictEqual(negotiatePsk(profile, hello({ suites: [0x008c] }))?.suite?.code, 0x008c)
    assert.isUndefined(negotiatePsk(profile, hello({ suites: [0xc02f] })))
  })
  it("chooses the version, and no suite for TLS 1.3", () => {
    const both = hello({ versions: [0x0304, 0x0303], suites: [0x1301, 0x00a8] })
    assert.deepStrictEqual(negotiatePsk(TlsProfile.psk(), both), { version: "TLSv1.3" })
    assert.strictEqual(negotiatePsk(TlsProfile.psk({ maxVersion: "TLSv1.2" }), both)?.suite?.code, 0x00a8)
    assert.isUndefined(negotiatePsk(TlsProfile.psk(), hello({ versions: [0x0304], suites: [0x1302] })))
    assert.isUndefined(negotiatePsk(TlsProfile.psk(), hello({ legacyVersion: 0x0302 })))
    assert.isUndefined(negotiatePsk(TlsProfile.psk(), hello({ versions: [0x0a0a, 0x0302] })))
  })
  it("gives TLS 1.1 nothing that needs TLS 1.2", () => {
    const old = TlsProfile.legacy({ acceptBrokenProtection: true })
    const asked = hello({ legacyVersion: 0x0302, suites: [0x00a8, 0x008c] })
    assert.deepStrictEqual(
      [negotiatePsk(old, asked)?.version, negotiatePsk(old, asked)?.suite?.code],
      ["TLSv1.1", 0x008c]
    )
  })
})
