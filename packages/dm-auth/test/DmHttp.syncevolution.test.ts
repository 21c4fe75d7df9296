/**
 * The SyncEvolution client against the server: a SyncML stack that others wrote.
 *
 * The package of Debian 12 hands libcurl two empty callbacks and falls over its first message. The methods behind them are in its library;
 * a preloaded file of ten lines names them again. No octet that it sends or reads comes from us.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, it } from "@effect/vitest"
import { describePeer, run, temporaryFolder } from "@oma/peers"
import { NodeHttpServer } from "@oma/sa-policy/node"
import { Context, Effect, Layer, Redacted } from "effect"
import { DmHttp } from "../src/http/index.ts"
import { DmAccounts, type DmAuthType, DmServer, MessageFacts, MessageSummary, SyncMlCodec } from "../src/index.ts"
import { got } from "./codec.ts"
import { lastingStore, serverOn } from "./serverStack.ts"

const shim = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
size_t readData(void *, void *, size_t) __asm__("_ZN7SyncEvo18CurlTransportAgent8readDataEPvm");
size_t writeData(void *, void *, size_t) __asm__("_ZN7SyncEvo18CurlTransportAgent9writeDataEPvm");
static size_t onRead(void *data, size_t size, size_t count, void *self) { return readData(self, data, size * count); }
static size_t onWrite(void *data, size_t size, size_t count, void *self) { return writeData(self, data, size * count); }
int curl_easy_setopt(void *handle, int option, void *value) {
  int (*next)(void *, int, void *) = (int (*)(void *, int, void *))dlsym(RTLD_NEXT, "curl_easy_setopt");
  if (option == 20012 && value == NULL) value = (void *)onRead;
  if (option == 20011 && value == NULL) value = (void *)onWrite;
  return next(handle, option, value);
}
`

const device = "syncevolution-1510d67b-12c9-4084-9662-1b0335ff5c4a"

/** A client of its own, with a home of its own. */
const client = async (url: string, options: Readonly<Record<string, string>>) => {
  const home = temporaryFolder()
  const at = (name: string) => Path.join(home, name)
  Fs.mkdirSync(at("contacts"))
  Fs.writeFileSync(at("callbacks.c"), shim)
  const compiled = await run("cc", [
    ..."-shared -fPIC -Wl,--unresolved-symbols=ignore-all -o".split(" "),
    at("callbacks.so"),
    at("callbacks.c")
  ])
  assert.strictEqual(compiled.code, 0, compiled.output)
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: at("config"),
    XDG_DATA_HOME: at("data"),
    XDG_CACHE_HOME: at("cache"),
    LD_PRELOAD: at("callbacks.so")
  }
  const common = ["--daemon=no", "--keyring=no"]
  const settings: Readonly<Record<string, string>> = {
    syncURL: url,
    username: "Bruce2",
    password: "OhBehave",
    deviceId: device,
    preventSlowSync: "0",
    dumpData: "0",
    printChanges: "0",
    clientAuthType: "md5",
    RetryDuration: "0",
    RetryInterval: "0",
    backend: "file",
    databaseFormat: "text/vcard",
    database: `file://${at("contacts")}`,
    sync: "two-way",
    uri: "card",
    ...options
  }
  const configured = await run(
    "syncevolution",
    [
      ...common,
      "--configure",
      "--template",
      "none",
      ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      "peer@tests",
      "addressbook"
    ],
    { env }
  )
  assert.strictEqual(configured.code, 0, configured.output)
  return () => run("syncevolution", [...common, "--run", "peer@tests", "addressbook"], { env, timeout: 20_000 })
}

interface Exchange {
  readonly shown: string
  readonly code: number
}

/** A server that knows the client, and what went over the wire. */
const served = <A, E, R>(
  types: ReadonlyArray<DmAuthType.DmAuthType>,
  work: (url: string, exchanges: Array<Exchange>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(serverOn(yield* lastingStore))
    yield* Context.get(context, DmAccounts.DmAccounts).add({
      device,
      client: { user: "Bruce2", secret: Redacted.make("OhBehave") },
      types
    })
    const exchanges: Array<Exchange> = []
    let url = ""
    const { port } = yield* NodeHttpServer.listen(
      (request) =>
        Effect.gen(function* () {
          const response = yield* DmHttp.handler({ url })(request)
          const media = SyncMlCodec.mediaType(request.fields.find(([name]) => /^content-type$/i.test(name))?.[1] ?? "")
          if (media !== undefined && response.status === 200) {
            const asked = got(SyncMlCodec.decode(media, request.body)).message
            const answer = got(SyncMlCodec.decode(media, response.body)).message
            const shown = MessageSummary.describe(asked).find((part) => part.startsWith("Cred")) ?? "nothing"
            exchanges.push({ shown, code: MessageFacts.headerStatus(answer, asked.hdr.msgId)?.code ?? 0 })
          }
          return response
        }).pipe(Effect.provideService(DmServer.DmServer, Context.get(context, DmServer.DmServer))),
      { host: "127.0.0.1", port: 0 }
    )
    url = `http://127.0.0.1:${port}/sync`
    return yield* work(url, exchanges)
  }).pipe(Effect.scoped)

const md5 = "Cred syncml:auth-md5"

describePeer("SyncEvolution", ["syncevolution", "cc"], () => {
  for (const enableWBXML of ["0", "1"]) {
    const name = enableWBXML === "1" ? "WBXML" : "XML"
    it.live(
      `${name}: MD5 with no nonce yet, the next session with the nonce of 212, and a challenge where it has been lost`,
      () =>
        served(["syncml:auth-md5"], (url, exchanges) =>
          Effect.promise(async () => {
            const start = await client(url, { enableWBXML })
            // there is no database to synchronise: the client says so once it is in
            for (const _ of [1, 2]) assert.include((await start()).output, "object not found (remote, status 404)")
            assert.deepStrictEqual(exchanges.splice(0), [
              { shown: md5, code: 212 },
              { shown: md5, code: 212 }
            ])
            // its anchors count seconds: within the same one it would send the very octets of the first session, and get the answer to them
            await new Promise((resolve) => setTimeout(resolve, 1100))
            const forgetful = await client(url, { enableWBXML })
            assert.include((await forgetful()).output, "object not found (remote, status 404)")
            assert.deepStrictEqual(exchanges, [
              { shown: md5, code: 401 },
              { shown: md5, code: 212 }
            ])
          })
        ),
      60_000
    )
  }

  it.live(
    "basic in the clear is refused with a challenge for MD5, and the client follows it",
    () =>
      served(["syncml:auth-md5"], (url, exchanges) =>
        Effect.promise(async () => {
          const start = await client(url, { clientAuthType: "basic" })
          await start()
          assert.deepStrictEqual(exchanges, [
            { shown: "Cred syncml:auth-basic", code: 401 },
            { shown: md5, code: 212 }
          ])
        })
      ),
    60_000
  )

  it.live(
    "a wrong password: 401 until the client gives up",
    () =>
      served(["syncml:auth-md5"], (url, exchanges) =>
        Effect.promise(async () => {
          const start = await client(url, { password: "wrong" })
          assert.include((await start()).output, "authorization failed (remote, status 401)")
          assert.isAtLeast(exchanges.length, 2)
          for (const exchange of exchanges) assert.deepStrictEqual(exchange, { shown: md5, code: 401 })
        })
      ),
    60_000
  )

  it.live(
    "a challenge for SHA-256, which it does not know, ends its session",
    () =>
      served(["syncml:auth-sha256"], (url, exchanges) =>
        Effect.promise(async () => {
          const start = await client(url, {})
          await start()
          assert.deepStrictEqual(
            exchanges.map(({ code }) => code),
            [401]
          )
        })
      ),
    60_000
  )
})
