import { assert, it } from "@effect/vitest"
import { describePeer, run } from "@oma/peers"
import { InterfaceGuard, Level, Spd } from "@oma/sa-policy"
import { HttpExchange } from "@oma/sa-policy/http"
import { NodeHttpServer } from "@oma/sa-policy/node"
import { Subscribers } from "@oma/sec-cf-core/aka"
import { DigestNonces, NodeDigestHash } from "@oma/sec-cf-core/digest"
import { Bsf, Fqdn, NafAuth, NafHttp, ZnLocal } from "@oma/sec-cf-core/gba"
import { Effect, Layer, Result } from "effect"
import { bsfLayer, bsfName, impi, K, OPC, provision } from "./world.ts"

const naf = "naf1.home1.net"
const fqdn = Result.getOrThrow(Fqdn.parse(naf))
const policy: Parameters<typeof Spd.layer>[0] = {
  interfaces: [
    {
      enabler: "demo",
      role: "server",
      interface: "ua",
      clientAuthentication: [{ mode: "gba", over: Level.none }],
      serverAuthentication: [{ mode: "none", over: Level.none }],
      connection: Level.none,
      push: Level.none,
      lifetimes: {},
      limits: {}
    }
  ],
  networks: {}
}
const world = ZnLocal.layer({ name: naf, answersFor: (name) => name === fqdn }).pipe(
  Layer.provideMerge(
    Layer.mergeAll(Layer.orDie(DigestNonces.layer()), Layer.orDie(Spd.layer(policy))).pipe(
      Layer.provideMerge(bsfLayer())
    )
  )
)

const program = (name: string, args: ReadonlyArray<string>, input?: Uint8Array) =>
  Effect.promise(() => run(name, args, input === undefined ? {} : { input })).pipe(Effect.map(({ stdout }) => stdout))

/** Lower-case hexadecimal of the digest that openssl computes. */
const openssl = (args: ReadonlyArray<string>, input: Uint8Array) =>
  Effect.map(program("openssl", ["dgst", ...args], input), (text) => text.trim().split(" ").at(-1)!)
const md5 = (...parts: ReadonlyArray<string | Uint8Array>) =>
  openssl(["-md5"], Buffer.concat(parts.map((part) => Buffer.from(part))))

const part = (text: string | Uint8Array) => {
  const octets = Buffer.from(text)
  return Buffer.concat([octets, Buffer.from([octets.length >> 8, octets.length & 255])])
}

/**
 * A handset of programs that others wrote: curl speaks HTTP, osmo-auc-gen is the card, openssl computes digests and keys; what stands
 * here is the text of the standards and nothing of the packages' sources.
 */
describePeer("a handset of curl, osmo-auc-gen and openssl", ["curl", "osmo-auc-gen", "openssl"], () => {
  it.live("[SEC_CF-AUTH-002] bootstraps, proves the server, and uses an application server", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const subscribers = yield* Subscribers.Subscribers
      const ub = yield* NodeHttpServer.listen(bsf.handle, { host: "127.0.0.1", port: 0 })
      const curl = (port: number, ...args: ReadonlyArray<string>) =>
        program("curl", ["-sS", "-i", "-A", "handset/1 3gpp-gba-tmpi", ...args, `http://127.0.0.1:${port}/`])

      const first = yield* curl(
        ub.port,
        "-H",
        `Authorization: Digest username="${impi}", realm="${bsfName}", nonce="", uri="/", response=""`
      )
      assert.include(first, "HTTP/1.1 401")
      const nonce = /nonce="([^"]*)"/.exec(first)![1]!
      const opaque = /opaque="([^"]*)"/.exec(first)![1]!
      const octets = Buffer.from(nonce, "base64")
      const rand = octets.subarray(0, 16)

      const sqn = String(yield* subscribers.sqn(impi))
      const card = yield* program("osmo-auc-gen", [
        ...["-3", "-a", "milenage", "-k", K, "-o", OPC, "-f", "0000", "-s", sqn, "-r", rand.toString("hex")]
      ])
      const said = Object.fromEntries(
        Array.from(card.matchAll(/^([\w .]+):\s*(\S+)/gm), ([, key, value]) => [key, value!])
      )
      assert.strictEqual(octets.subarray(16).toString("hex"), said["AUTN"])
      const res = Buffer.from(said["RES"]!, "hex")

      const a1 = yield* md5(impi, ":", bsfName, ":", res)
      const a2 = yield* md5("GET:/:", yield* md5(""))
      const response = yield* md5(`${a1}:${nonce}:00000001:0a4f113b:auth-int:${a2}`)
      const second = yield* curl(
        ub.port,
        "-H",
        `Authorization: Digest username="${impi}", realm="${bsfName}", nonce="${nonce}", uri="/", qop=auth-int, nc=00000001, cnonce="0a4f113b", response="${response}", opaque="${opaque}", algorithm=AKAv1-MD5`
      )
      assert.include(second, "HTTP/1.1 200")
      const body = second.slice(second.indexOf("\r\n\r\n") + 4)
      const proof = yield* md5(`${a1}:${nonce}:00000001:0a4f113b:auth-int:${yield* md5(":/:", yield* md5(body))}`)
      assert.include(second, `rspauth="${proof}"`)
      const btid = /<btid>(.*)<\/btid>/.exec(body)![1]!
      assert.strictEqual(btid, `${rand.toString("base64")}@${bsfName}`)

      const s = Buffer.concat([
        Uint8Array.of(1),
        part("gba-me"),
        part(rand),
        part(impi),
        part(Buffer.concat([Buffer.from(naf), Uint8Array.of(1, 0, 0, 0, 2)]))
      ])
      const ksNaf = yield* openssl(["-sha256", "-mac", "HMAC", "-macopt", `hexkey:${said["CK"]}${said["IK"]}`], s)
      const password = Buffer.from(ksNaf, "hex").toString("base64")

      const authenticator = yield* NafAuth.make({
        enabler: "demo",
        interface: "ua",
        fqdn,
        hashes: NodeDigestHash.hashes,
        qop: ["auth"]
      })
      const guard = yield* InterfaceGuard.make({ enabler: "demo", role: "server", interface: "ua" }, [authenticator])
      const resource = NafHttp.protect(guard, "gba", (_, identity) =>
        Effect.succeed(HttpExchange.response(200, [], identity._tag === "Authenticated" ? identity.subject : ""))
      )
      const ua = yield* NodeHttpServer.listen(resource, { host: "127.0.0.1", port: 0 })
      const served = yield* curl(ua.port, "-A", "handset/1 3gpp-gba", "--digest", "-u", `${btid}:${password}`)
      assert.include(served, "HTTP/1.1 200")
      assert.include(served, impi)
    }).pipe(Effect.scoped, Effect.provide(world))
  )
})
