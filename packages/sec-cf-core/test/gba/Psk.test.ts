import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { assert, it } from "@effect/vitest"
import { describePeer, run } from "@oma/peers"
import type { Connection } from "@oma/sa-policy"
import { Bsf, type BTid, Fqdn, NafId, NafPsk, Ue, ZnLocal } from "@oma/sec-cf-core/gba"
import { Effect, Layer, Result } from "effect"
import { tlsServer } from "../../src/tls/index.ts"
import { pskTable } from "../../src/tls/PskTable.ts"
import { toHex } from "../aka/support.ts"
import { bsfLayer, client, impi, provision, ueLayer } from "./world.ts"

const fqdn = Result.getOrThrow(Fqdn.parse("naf1.home1.net"))
const naf: Bsf.NafPrincipal = { name: "naf1", answersFor: (name) => name === fqdn }
const GCM = 0x00a8
const world = ZnLocal.layer(naf).pipe(Layer.provideMerge(bsfLayer()))

describePeer("openssl on Ua by PSK-TLS", ["openssl"], () => {
  it.live("[SEC_CF-CONF-001] is let in with Ks_NAF of the suite, and with nothing else", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const psk = yield* NafPsk.make({
        enabler: "demo",
        interface: "ua",
        fqdn,
        suites: [GCM, 0x00ae],
        table: pskTable()
      })
      yield* bsf.watch((btid) => Effect.ignore(psk.load(btid)))
      const seen: Array<Connection.Connection> = []
      const made = tlsServer({ psk: { hint: NafPsk.hint(), lookup: psk.lookup } }, (socket, connection) => {
        seen.push(connection)
        socket.on("error", () => undefined)
        socket.end("hello\n")
      })
      yield* Effect.addFinalizer(() => Effect.promise(made.close))
      made.server.listen(0, "127.0.0.1")
      yield* Effect.promise(() => once(made.server, "listening"))
      const { port } = made.server.address() as AddressInfo

      const bootstrapping = yield* Effect.gen(function* () {
        const ue = yield* Ue.Ue
        const { btid } = yield* ue.ensure
        const key = (ua: NafId.UaProtocol) => ue.withKey({ fqdn, ua }, "me", toHex)
        return {
          btid,
          tls12: yield* key(NafId.overTls(GCM)),
          tls13: yield* key(NafId.protocols.tls13Psk),
          digest: yield* key(NafId.protocols.httpDigest)
        }
      }).pipe(Effect.provide(ueLayer(client(bsf.handle))))
      const { btid } = bootstrapping
      const connect = (
        key: string,
        version: "-tls1_2" | "-tls1_3",
        identity = NafPsk.identityOf("me", btid),
        name: string = fqdn
      ) =>
        Effect.promise(() =>
          run(
            "openssl",
            [
              ...["s_client", "-connect", `127.0.0.1:${port}`, "-servername", name, version],
              ...["-psk", key, "-psk_identity", identity, "-cipher", "PSK-AES128-GCM-SHA256", "-ign_eof", "-quiet"],
              ...(version === "-tls1_3" ? ["-ciphersuites", "TLS_AES_128_GCM_SHA256"] : [])
            ],
            { keepInputOpen: true, timeout: 5000 }
          )
        ).pipe(Effect.map(({ stdout }) => stdout.includes("hello")))

      assert.isTrue(yield* connect(bootstrapping.tls12, "-tls1_2"))
      assert.isTrue(yield* connect(bootstrapping.tls13, "-tls1_3"))
      assert.isTrue(yield* connect(bootstrapping.tls12, "-tls1_2", `3GPP-bootstrapping.${btid}`))
      assert.isFalse(yield* connect(bootstrapping.digest, "-tls1_2"))
      assert.isFalse(yield* connect(bootstrapping.tls12, "-tls1_3"))
      assert.isFalse(yield* connect(bootstrapping.tls12, "-tls1_2", NafPsk.identityOf("me", `x${btid}` as BTid.BTid)))
      assert.isFalse(yield* connect(bootstrapping.tls12, "-tls1_2", btid))
      assert.isFalse(yield* connect(bootstrapping.tls12, "-tls1_2", undefined, "naf2.home1.net"))

      const judge = (connection: Connection.Connection) =>
        psk.authenticator.judge(
          { connection, request: undefined, policy: policy },
          { mode: "psk-tls", identity: connection.peer.pskIdentity ?? "" }
        )
      for (const connection of seen) {
        const verdict = yield* judge(connection)
        assert.strictEqual(verdict._tag === "Accepted" ? verdict.identity.subject : verdict.detail, impi)
      }
      assert.strictEqual((yield* judge({ ...seen[0]!, peer: { address: "" } }))._tag, "Rejected")

      yield* psk.drop(btid)
      assert.isFalse(yield* connect(bootstrapping.tls12, "-tls1_2"))
      assert.strictEqual((yield* judge(seen[0]!))._tag, "Rejected")
    }).pipe(Effect.scoped, Effect.provide(world))
  )
})

const policy = {
  enabler: "demo",
  role: "server",
  interface: "ua",
  clientAuthentication: [],
  serverAuthentication: [],
  connection: 3,
  push: 0,
  lifetimes: {},
  limits: {}
} as const
