import * as Fs from "node:fs"
import * as Result from "effect/Result"
import { vi } from "vitest"

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
export const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex")
export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))

/** The value of a `Result` that must have succeeded. */
export const get = <A, E>(result: Result.Result<A, E>): A => Result.getOrThrowWith(result, (failure) => failure)

/** Runs of a property: 2,000 in the suite, more under `npm run fuzz`. */
export const fuzzRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)

vi.setConfig({ testTimeout: 30_000 + fuzzRuns * 10 })

interface Vector<I, O> {
  readonly name: string
  readonly source: string
  readonly status: string
  readonly input: I
  readonly output: O
  readonly note: string
}

const all: ReadonlyArray<Vector<never, never>> = JSON.parse(
  Fs.readFileSync(new URL("../vectors/wap-push.json", import.meta.url), "utf8")
)

const vectors = <I, O>(prefix: string): ReadonlyArray<Vector<I, O>> =>
  all.filter(({ name }) => name.startsWith(`${prefix}/`))

interface Wsp {
  readonly tid: number
  readonly pduType: number
  readonly headersLength: number
  readonly headersHex: string
  readonly dataHex: string
}

export const pushVectors = vectors<
  { to: string; contentType: string; applicationId: string | null; contentHex: string },
  Wsp & { sms: ReadonlyArray<{ udhHex: string; userDataHex: string }> }
>("push")
export const smppVectors = vectors<{ pduHex: string }, Record<string, string | number>>("smpp")
export const udpVectors = vectors<{ from: string; to: string; datagramHex: string }, Wsp>("udp")
export const papVectors = vectors<{ httpStatus: number; body: string }, unknown>("pap")

/** The whole WSP PDU of a captured push. */
export const pduOf = (vector: (typeof pushVectors)[number]): Uint8Array =>
  hex(vector.output.sms.map(({ userDataHex }) => userDataHex).join(""))

export const prefixes = (octets: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(octets, (_, length) => octets.subarray(0, length))

/** Every single-bit change of `octets`. */
export const bitFlips = function* (octets: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < octets.length * 8; bit++) {
    const flipped = octets.slice()
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    yield flipped
  }
}
