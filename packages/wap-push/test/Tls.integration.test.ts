import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, beforeAll, it } from "@effect/vitest"
import { describePeer, run, temporaryFolder } from "@oma/peers"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { inProcess, WdpBearer } from "../src/Bearer.ts"
import { PapHttpClient, PapHttpServer } from "../src/http/index.ts"
import { plmnAddress } from "../src/PapAddress.ts"
import * as PapClient from "../src/PapClient.ts"
import { push } from "../src/Push.ts"
import * as PushLedger from "../src/PushLedger.ts"
import * as PushProxy from "../src/PushProxy.ts"
import { international, shortCode } from "../src/ShortMessage.ts"
import * as SmsCentre from "../src/SmsCentre.ts"
import { SmppClient, SmppServer } from "../src/smpp/index.ts"
import { hex } from "./support.ts"

interface Pair {
  readonly key: string
  readonly cert: string
}

describePeer("with certificates of OpenSSL", ["openssl"], () => {
  let server: Pair
  let initiator: Pair
  const certificate = async (folder: string, name: string): Promise<Pair> => {
    const [key, cert] = [Path.join(folder, `${name}.key`), Path.join(folder, `${name}.pem`)]
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"]
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    const made = await run("openssl", [
      "req",
      "-x509",
      ...curve,
      "-keyout",
      key,
      "-out",
      cert,
      "-days",
      "2",
      ...subject
    ])
    assert.strictEqual(made.code, 0, made.output)
    return { key: Fs.readFileSync(key, "utf8"), cert: Fs.readFileSync(cert, "utf8") }
  }
  beforeAll(async () => {
    const folder = temporaryFolder({ name: "tls" })
    server = await certificate(folder, "server")
    initiator = await certificate(folder, "initiator")
  }, 30_000)

  it.live("PAP over TLS: a known server and a known initiator, and neither one unknown", () =>
    Effect.gen(function* () {
      const { bearer } = yield* inProcess()
      const proxy = PushProxy.layer().pipe(Layer.provide([PapHttpClient.layer(), Layer.succeed(WdpBearer, bearer)]))
      yield* Effect.gen(function* () {
        const { url } = yield* PapHttpServer.servePushProxy({
          port: 0,
          tls: { ...server, ca: initiator.cert, requestCert: true, rejectUnauthorized: true }
        })
        assert.match(url, /^https:/)
        const outcome = (tls: PapHttpClient.PapHttpClientOptions["tls"]) =>
          Effect.flatMap(PapClient.PapClient, (client) =>
            client.push({
              pushId: `${Math.random()}`,
              to: plmnAddress("1555", "ppg"),
              push: push("text/plain", hex("00"))
            })
          ).pipe(
            Effect.provide(
              PapClient.layer({ url, maxAttempts: 1 }).pipe(
                Layer.provide([PapHttpClient.layer(tls === undefined ? {} : { tls }), PushLedger.layerMemory()])
              )
            ),
            Effect.match({ onSuccess: () => "taken", onFailure: ({ reason }) => reason._tag })
          )
        assert.strictEqual(yield* outcome({ ca: server.cert, ...initiator }), "taken")
        assert.strictEqual(yield* outcome({ ca: server.cert }), "GatewayUnavailable")
        assert.strictEqual(yield* outcome({ ca: server.cert, ...server }), "GatewayUnavailable")
        assert.strictEqual(yield* outcome({ ...initiator }), "GatewayUnavailable")
      }).pipe(Effect.scoped, Effect.provide(proxy))
    })
  )

  it.live("SMPP over TLS", () =>
    Effect.gen(function* () {
      const account = { systemId: "esme", password: Redacted.make("pw") }
      const { port } = yield* SmppServer.serve({ port: 0, accounts: [account], tls: server })
      const message = {
        from: shortCode("1"),
        to: international("2"),
        protocolId: 0,
        dataCoding: 4,
        hasHeader: false,
        userData: hex("aa")
      }
      const good = yield* SmppClient.make({ host: "127.0.0.1", port, ...account, tls: { ca: server.cert } })
      assert.isString((yield* good.submit({ ...message, receipt: false })).id)
      const bad = yield* SmppClient.make({
        host: "127.0.0.1",
        port,
        ...account,
        timeout: 500,
        tls: { ca: initiator.cert }
      })
      const error = yield* Effect.flip(bad.submit({ ...message, receipt: false }))
      assert.strictEqual(error.reason, "unavailable")
      assert.deepStrictEqual(yield* (yield* SmsCentre.SmsCentre).waiting, 1)
    }).pipe(Effect.scoped, Effect.provide(SmsCentre.layer()))
  )
})
