/**
 * Complete bootstraps on Ub (challenge, response, Ks kept) and requests on Ua by Digest with a key from Zn, by the processor time of the
 * server: bootstraps against the two bare requests that they take, requests on Ua against the same server without authentication.
 */
import { createCipheriv } from "node:crypto"
import { type Bench, type Comparison, connect, forkServer, load, type Response, type Server } from "@oma/bench"
import { Bytes } from "@oma/sa-policy/bytes"
import { Milenage, Tuak } from "@oma/sec-cf-core/aka"
import { Authorization, Challenge, DigestAka, DigestComputation, NodeDigestHash } from "@oma/sec-cf-core/digest"
import { Ks } from "@oma/sec-cf-core/gba"
import * as Result from "effect/Result"
import { type TestSubscriber, testSubscribers } from "../src/index.ts"
import { bsf, btid, ksNaf, naf, said } from "./gba.server.ts"

type Connected = ReturnType<typeof connect>

const { MD5 } = NodeDigestHash.hashes
const ok = Result.getOrThrow
const hex = (text: string): Uint8Array => Bytes.fromHex(text) ?? new Uint8Array(0)
const module = new URL("./gba.server.ts", import.meta.url)
const cnonce = "NTdmZTliZDI1NTgxYTg5N2FhZjI5YjFi"

const functionsOf = ({ algorithm, k, opc }: TestSubscriber) => {
  if (algorithm === "tuak") return ok(Tuak.make(hex(k), hex(opc), { iterations: 1 }))
  const cipher = createCipheriv("aes-128-ecb", hex(k), null).setAutoPadding(false)
  return ok(Milenage.make((blocks) => cipher.update(blocks), hex(opc)))
}

const challengeOf = ({ headers, status }: Response): Challenge.DigestChallenge => {
  const challenge = ok(Challenge.parse([headers["www-authenticate"] ?? ""]))[0]?.digest
  if (status !== 401 || challenge === undefined) throw new Error(`${status} in place of a challenge`)
  return challenge
}

/** One bootstrapping: two requests. */
const bootstrap = (subscriber: TestSubscriber) => {
  const functions = functionsOf(subscriber)
  const username = subscriber.impi
  return async (connection: Connected): Promise<number> => {
    const ask = (authorization: string) =>
      connection.request({ path: "/", headers: { authorization, "user-agent": "bench 3gpp-gba-tmpi" } })
    const empty = { username, realm: bsf, nonce: "", uri: "/", response: "" }
    const { nonce, opaque = "" } = challengeOf(await ask(ok(Authorization.encode(empty))))
    const { res } = functions.f2345(ok(DigestAka.decodeNonce(nonce)).rand)
    const quality = { qop: "auth-int", nc: "00000001", cnonce } as const
    const ha1 = DigestComputation.ha1(MD5, username, bsf, res)
    const ha2 = DigestComputation.ha2(MD5, "GET", "/", new Uint8Array(0))
    const response = DigestComputation.response(MD5, ha1, nonce, quality, ha2)
    const accepted = await ask(
      ok(Authorization.encode({ ...empty, nonce, response, algorithm: "AKAv1-MD5", opaque, ...quality }))
    )
    if (accepted.status !== 200 || !accepted.body.includes("<btid>")) throw new Error(`${accepted.status} on Ub`)
    return 1
  }
}

/** Requests on one nonce a connection. */
const authenticated = () => {
  const used = new Map<number, { readonly nonce: string; count: number }>()
  const realm = `3GPP-bootstrapping@${naf}`
  const ha1 = DigestComputation.ha1(MD5, btid, realm, Ks.password(ksNaf))
  const ha2 = DigestComputation.ha2(MD5, "GET", "/", undefined)
  const userAgent = { "user-agent": "bench 3gpp-gba" }
  return async (connection: Connected): Promise<number> => {
    const known = used.get(connection.number)
    const use = known ?? {
      nonce: challengeOf(await connection.request({ path: "/", headers: userAgent })).nonce,
      count: 0
    }
    if (known === undefined) used.set(connection.number, use)
    const quality = { qop: "auth", nc: DigestComputation.ncText(++use.count), cnonce } as const
    const response = DigestComputation.response(MD5, ha1, use.nonce, quality, ha2)
    const authorization = ok(
      Authorization.encode({
        username: btid,
        realm,
        nonce: use.nonce,
        uri: "/",
        response,
        algorithm: "MD5",
        ...quality
      })
    )
    const { body, headers, status } = await connection.request({ path: "/", headers: { ...userAgent, authorization } })
    if (status !== 200 || body.toString() !== said || headers["authentication-info"] === undefined) {
      throw new Error(`${status} on Ua`)
    }
    return 1
  }
}

const plain = (requests: number) => async (connection: Connected) => {
  for (let i = 0; i < requests; i++) {
    const { status } = await connection.request({ path: "/" })
    if (status !== 200) throw new Error(`${status} without authentication`)
  }
  return 1
}

const warm = async (server: Server, exchange: (connection: Connected) => Promise<number>, times: number) => {
  const connection = connect(server.port, 0)
  for (let i = 0; i < times; i++) await exchange(connection)
  connection.close()
}

const compare = async (
  name: string,
  atLeast: number,
  kinds: readonly [ours: string, baseline: string],
  exchange: () => (connection: Connected) => Promise<number>,
  requests: number
): Promise<Comparison> => {
  const [ours, baseline] = await Promise.all(kinds.map((kind) => forkServer(module, { kind })))
  if (ours === undefined || baseline === undefined) throw new Error("no server")
  return {
    goal: "gba",
    name,
    atLeast,
    ours: load(ours, { connections: 1, exchange: exchange(), millis: 600 }),
    baseline: load(baseline, { connections: 1, exchange: plain(requests), millis: 600 }),
    check: async () => {
      await warm(ours, exchange(), 1500)
      await warm(baseline, plain(requests), 1500)
    },
    end: async () => {
      await Promise.all([ours.stop(), baseline.stop()])
    }
  }
}

const bench: Bench = async () => [
  await compare(
    "complete bootstraps on Ub (MILENAGE), against their two requests on bare node:http",
    0.1,
    ["ub", "bare"],
    () => bootstrap(testSubscribers[0]),
    2
  ),
  await compare(
    "requests on Ua by Digest with Ks_NAF, against the same server without authentication",
    0.3,
    ["naf", "open"],
    authenticated,
    1
  )
]
export default bench
