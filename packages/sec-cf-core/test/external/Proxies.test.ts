import * as fs from "node:fs"
import * as path from "node:path"
import { assert, it } from "@effect/vitest"
import { describePeer, freePort, type Peer, run, startPeer, temporaryFolder } from "@oma/peers"
import { HttpExchange } from "@oma/sa-policy/http"
import { NodeHttpServer } from "@oma/sa-policy/node"
import { Effect, Result } from "effect"
import { type ExternalAuthenticator, IpRanges, SubscriberAddresses } from "../../src/external/index.ts"
import { gate, services } from "./support.ts"

const number = "8613802423312"
const handset = "10.0.0.1"

/** The proxy comes from 127.0.0.2, everybody else from 127.0.0.1. */
const proxyAddress = "127.0.0.2"

/** Starts our server; it answers who it was asked by, or 401, and which identity headers the application would see. */
const application = Effect.gen(function* () {
  const addresses = yield* SubscriberAddresses.SubscriberAddresses
  yield* addresses.apply(
    { name: "ggsn", linkProtected: true, ranges: Result.getOrThrow(IpRanges.parse([`${handset}/32`])) },
    {
      status: "Start",
      nas: ["id:ggsn1"],
      sessionId: "01",
      addresses: [{ address: IpRanges.address(handset)!, prefix: 32 }],
      names: [{ kind: "msisdn", subject: "15551230001" }],
      delay: 0
    }
  )
  const options: Partial<ExternalAuthenticator.ExternalOptions> = {
    proxies: { addresses: [proxyAddress] },
    addresses
  }
  const { admit, external } = yield* gate(options)
  const handler = (request: HttpExchange.HttpRequest) =>
    Effect.map(Effect.orDie(admit(request)), (outcome) => {
      const seen = external.strip(request.fields).map(([name]) => name.toLowerCase())
      const leaked = seen.filter((name) => name.includes("msisdn")).join(" ")
      return outcome._tag === "Admitted"
        ? HttpExchange.response(200, [["Content-Type", "text/plain"]], `${outcome.names.join(", ")}|${leaked}`)
        : HttpExchange.response(401, [["Content-Type", "text/plain"]], `authentication error|${leaked}`)
    })
  return yield* NodeHttpServer.listen(handler, { host: "127.0.0.1", port: 0 })
})

const curl = (port: number, ...args: ReadonlyArray<string>) =>
  Effect.map(
    Effect.promise(() => run("curl", ["-sS", "-w", "|%{http_code}", ...args, `http://127.0.0.1:${port}/dpe/1`])),
    ({ stdout }) => stdout
  )

const header = (value: string) => ["-H", value]
const refused = "authentication error||401"

/** The same exchanges through whatever inserts `x-msisdn` and X-Forwarded-For. */
const exchanges = (
  proxy: (upstream: number) => Effect.Effect<{ readonly port: number; readonly stop: () => Promise<void> }>
) =>
  Effect.gen(function* () {
    const { port: direct } = yield* application
    const { port } = yield* Effect.acquireRelease(proxy(direct), ({ stop }) => Effect.promise(stop))
    assert.strictEqual(yield* curl(port), `msisdn ${number}||200`)
    // the proxy replaces what the client sends under the name, and hands other names on
    assert.strictEqual(yield* curl(port, ...header("x-msisdn: 15551239999")), `msisdn ${number}||200`)
    assert.strictEqual(yield* curl(port, ...header("X-MSISDN: 15551239999")), `msisdn ${number}||200`)
    assert.strictEqual(yield* curl(port, ...header("msisdn: 15551239999")), refused)
    // the client's own address is 127.0.0.1 in the last hop, whatever it writes before it
    assert.strictEqual(yield* curl(port, ...header(`X-Forwarded-For: ${handset}`)), `msisdn ${number}||200`)
    // sent directly the same header is ignored, and removed
    for (const name of ["x-msisdn", "X-MSISDN", "x_msisdn", "msisdn"]) {
      assert.strictEqual(yield* curl(direct, ...header(`${name}: ${number}`)), refused)
    }
    assert.strictEqual(
      yield* curl(direct, ...header(`x-msisdn: ${number}`), ...header(`X-Forwarded-For: ${handset}`)),
      refused
    )
    // from the address of the proxy the forwarded address identifies, the last one alone
    const from = ["--interface", proxyAddress]
    assert.strictEqual(
      yield* curl(direct, ...from, ...header(`X-Forwarded-For: 1.1.1.1, ${handset}`)),
      "msisdn 15551230001||200"
    )
    assert.strictEqual(yield* curl(direct, ...from, ...header(`X-Forwarded-For: ${handset}, 1.1.1.1`)), refused)
    assert.strictEqual(
      yield* curl(direct, ...from, ...header(`X-Forwarded-For: ${handset}`), ...header(`x-msisdn: ${number}`)),
      refused
    )
    assert.strictEqual(
      yield* curl(direct, ...from, ...header(`x-msisdn: ${number}`), ...header(`X-MSISDN: ${number}`)),
      refused
    )
  }).pipe(Effect.scoped, Effect.provide(services()))

const started = (start: () => Promise<{ readonly port: number; readonly peer: Peer }>) =>
  Effect.map(Effect.promise(start), ({ port, peer }) => ({ port, stop: peer.stop }))

describePeer("nginx inserts the identity", ["nginx", "curl"], () => {
  it.live("[DPE-EXT-002, DPE-AUTH-006] trusted through the proxy, ignored when sent directly", () =>
    exchanges((upstream) =>
      started(async () => {
        const port = await freePort()
        const folder = temporaryFolder({ unprivileged: true })
        fs.writeFileSync(
          path.join(folder, "nginx.conf"),
          `daemon off;
error_log stderr;
pid ${folder}/pid;
events {
}
http {
  access_log off;
  underscores_in_headers on;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${upstream};
      proxy_bind ${proxyAddress};
      proxy_set_header x-msisdn "+${number}";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`
        )
        const args = ["-p", folder, "-e", "stderr", "-c", path.join(folder, "nginx.conf")]
        return { port, peer: await startPeer({ program: "nginx", args, cwd: folder, ready: port, unprivileged: true }) }
      })
    )
  )
})

describePeer("Apache inserts the identity", ["apache2", "curl"], () => {
  it.live("[DPE-EXT-002, DPE-AUTH-006] trusted through the proxy, ignored when sent directly", () =>
    exchanges((upstream) =>
      started(async () => {
        const port = await freePort()
        const folder = temporaryFolder({ unprivileged: true })
        const modules = ["mpm_event", "authz_core", "headers", "proxy", "proxy_http"]
        fs.writeFileSync(
          path.join(folder, "httpd.conf"),
          `ServerRoot ${folder}
ServerName wap.example.net
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
Mutex file:${folder} default
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
RequestHeader set x-msisdn "+${number}"
ProxySourceAddress ${proxyAddress}
ProxyPass / http://127.0.0.1:${upstream}/
`
        )
        const args = ["-X", "-f", path.join(folder, "httpd.conf")]
        return {
          port,
          peer: await startPeer({ program: "apache2", args, cwd: folder, ready: port, unprivileged: true })
        }
      })
    )
  )
})
