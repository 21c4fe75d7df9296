import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Redacted, References, Stream } from "effect"
import { Bytes } from "../src/bytes/index.ts"
import { HttpExchange, HttpHandler } from "../src/http/index.ts"
import {
  type Authenticator,
  CredentialStore,
  type Identity,
  InterfaceGuard,
  KeyVault,
  keyPurpose,
  Level,
  MasterKeys,
  ReplayWindow,
  Sad,
  SecurityEvents,
  type SecurityPolicy,
  Spd,
  Store,
  saId,
  Unavailable
} from "../src/index.ts"
import { NodeHttpClient, NodeHttpServer, NodePrimitives } from "../src/node/index.ts"
import * as StoreMemory from "../src/StoreMemory.ts"

const purpose = keyPurpose("test/password")
const root: Identity.Authenticated = {
  _tag: "Authenticated",
  subject: "root",
  kind: "administrator",
  method: "test",
  at: 0
}
const where: SecurityPolicy.InterfaceName = { enabler: "test", role: "server", interface: "t-1" }
const policy: SecurityPolicy.SecurityPolicy = {
  interfaces: [
    {
      ...where,
      clientAuthentication: [{ mode: "password", over: Level.none }],
      serverAuthentication: [{ mode: "none", over: Level.none }],
      connection: Level.none,
      push: Level.none,
      lifetimes: {},
      limits: {}
    }
  ],
  networks: {}
}

/** Every form in which a secret is looked for: text, hexadecimal of either case, base64 at each offset, and all of them reversed. */
const formsOf = (secret: Uint8Array): ReadonlyArray<string> => {
  const forms = [
    Buffer.from(secret).toString("latin1"),
    Bytes.toHex(secret),
    Bytes.toHex(secret.toReversed()),
    ...[0, 1, 2].map((skip) =>
      Bytes.toBase64(secret.subarray(skip, skip + 3 * Math.floor((secret.length - skip) / 3)))
    ),
    Array.from(secret).join(","),
    Array.from(secret).join(", ")
  ]
  return [...forms, ...forms.map((form) => [...form].reverse().join("")), ...forms.map((form) => form.toUpperCase())]
}

interface Presented {
  readonly mode: string
  readonly user: string
  readonly password: Redacted.Redacted<string>
}

/** Accounts of the story, their passwords and new passwords, and everything that may not be seen. */
const count = Number(process.env["CANARIES"] ?? 60)
const printable = (octets: Uint8Array) => Bytes.toBase64(octets).replaceAll(/[^A-Za-z0-9]/g, "x")
const people = Array.from({ length: count }, (_, i) => ({
  id: `user-${i}`,
  password: printable(NodePrimitives.random(24)),
  next: printable(NodePrimitives.random(24)),
  key: NodePrimitives.random(24)
}))
const master = NodePrimitives.random(32)
const secrets = [
  master,
  ...people.flatMap(({ password, next, key }) => [Bytes.utf8(password), Bytes.utf8(next), key.slice()])
]

const faulty = { broken: false }
const store = Layer.effect(
  Store.Store,
  Effect.map(Store.Store, (inner) => ({
    ...inner,
    transact: (operations: ReadonlyArray<Store.Operation>, now: number) =>
      Effect.suspend(() =>
        faulty.broken
          ? Effect.fail(new Unavailable({ what: "test", retryable: true, cause: { operations } }))
          : inner.transact(operations, now)
      )
  }))
).pipe(Layer.provide(StoreMemory.layer))
const ground = Layer.mergeAll(store, SecurityEvents.layer(100_000), NodePrimitives.layer)
const masters = MasterKeys.layerOf({ id: "m", key: Redacted.make(master) }).pipe(Layer.provideMerge(ground))
const vaulted = KeyVault.layer({ cacheSize: 8 }).pipe(Layer.provideMerge(masters))
const layer = Layer.mergeAll(CredentialStore.layer, Sad.layer(), Spd.layer(policy), NodeHttpClient.layer()).pipe(
  Layer.provideMerge(vaulted)
)

/** The mechanism of the story: a password in a field, compared with the one in the vault. */
const authenticator = Effect.gen(function* () {
  const accounts = yield* CredentialStore.CredentialStore
  const vault = yield* KeyVault.KeyVault
  const made: Authenticator.Authenticator<HttpExchange.HttpRequest, Presented, string, never> = {
    mode: "password",
    challenge: () => Effect.succeed("say who you are"),
    judge: (_, { user, password }) =>
      Effect.gen(function* () {
        const ref = (yield* accounts.find("test", user))?.secrets["password"]
        const given = Bytes.utf8(Redacted.value(password))
        const holds =
          ref !== undefined &&
          (yield* vault
            .use(ref, purpose, (key) => key.lend((octets) => Bytes.equal(octets, given)))
            .pipe(
              Effect.catchTags({
                KeyNotFound: () => Effect.succeed(false),
                KeyUnreadable: () => Effect.succeed(false),
                WrongPurpose: () => Effect.succeed(false)
              })
            ))
        yield* Effect.logTrace("judged", password, ref)
        return holds
          ? ({ _tag: "Accepted", identity: { ...root, kind: "user", subject: user } } as const)
          : ({ _tag: "Rejected", reason: "credentials", detail: user, clause: "test", challenge: "again" } as const)
      }).pipe(Effect.withSpan("judge", { attributes: { user } }))
  }
  return made
})

describe("[R21] canaries", () => {
  it.live(
    "no secret is seen in what is printed, told, failed or stored, in any form",
    () => {
      const seen: Array<string> = []
      const see = (value: unknown) => {
        seen.push(inspect(value, { depth: 12, showHidden: true, getters: true, maxArrayLength: null }), String(value))
        seen.push(JSON.stringify(value) ?? "")
        if (value instanceof Error) seen.push(value.stack ?? "", value.message)
      }
      const logger = Logger.make((options) => see({ ...options, fiber: undefined, cause: Cause.pretty(options.cause) }))
      const consoled = ["log", "info", "warn", "error", "debug", "trace"] as const
      const before = consoled.map((name) => console[name])
      for (const name of consoled) console[name] = (...all: ReadonlyArray<unknown>) => all.forEach(see)
      const attempt = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.tap(Effect.exit(effect), (exit) =>
          Effect.andThen(
            Effect.sync(() => {
              see(exit)
              if (Exit.isFailure(exit)) {
                seen.push(Cause.pretty(exit.cause))
                see(Cause.squash(exit.cause))
              }
            }),
            Effect.logTrace("attempted", exit)
          )
        )

      const story = Effect.gen(function* () {
        const vault = yield* KeyVault.KeyVault
        const accounts = yield* CredentialStore.CredentialStore
        const sad = yield* Sad.Sad
        const events = yield* SecurityEvents.SecurityEvents
        const client = yield* HttpHandler.HttpClient
        yield* Effect.forkChild(
          Stream.runForEach(events.stream, (event) => Effect.sync(() => see(event))),
          { startImmediately: true }
        )
        const guard = yield* InterfaceGuard.make(where, [yield* authenticator])
        const handler: HttpHandler.HttpHandler = (request) =>
          Effect.gen(function* () {
            const [user, password] = (HttpExchange.fieldOf(request.fields, "x-login") ?? "").split(":")
            if (user === "defect") return yield* Effect.die(new Error("a defect"))
            const presented =
              user === undefined || password === undefined
                ? []
                : [{ mode: "password", user, password: Redacted.make(password) }]
            const admission = yield* guard.admit(request.connection, request, presented)
            see(admission)
            return admission._tag === "Admitted"
              ? HttpExchange.response(200, [], "welcome")
              : HttpExchange.refusal(401, "Unauthorized")
          }).pipe(
            Effect.catchTags({
              NoPolicy: () => Effect.succeed(HttpExchange.refusal(404, "Not Found")),
              Unavailable: () => Effect.succeed(HttpExchange.refusal(503, "Service Unavailable"))
            })
          )
        const { port } = yield* NodeHttpServer.listen(handler, { host: "127.0.0.1", port: 0, onDefect: see })
        const login = (user: string, password: string, at = port) =>
          attempt(
            client.call({
              method: "POST",
              url: `http://127.0.0.1:${at}/`,
              fields: [["X-Login", `${user}:${password}`]],
              body: new Uint8Array(0)
            })
          )
        const statuses = new Map<number, number>()
        const tell = (exit: Exit.Exit<HttpExchange.HttpAnswer, unknown>) => {
          const status = Exit.isSuccess(exit) ? exit.value.status : 0
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
        }
        for (const { id, password, next, key } of people) {
          const secret = (text: string) => ({ purpose, octets: Bytes.utf8(text) })
          yield* attempt(accounts.add({ enabler: "test", id, secrets: { password: secret(password) } }))
          yield* attempt(accounts.add({ enabler: "test", id, secrets: { password: secret(password) } }))
          tell(yield* login(id, password))
          tell(yield* login(id, next))
          tell(yield* login("nobody", password))
          yield* attempt(
            accounts.replaceSecret("test", id, "password", secret(next), { principal: { _tag: "Anonymous" } })
          )
          yield* attempt(accounts.replaceSecret("test", id, "password", secret(next), { principal: root }))
          tell(yield* login(id, next))
          tell(yield* login(id, password))
          const prepared = yield* vault.prepare(purpose, key)
          see(prepared)
          const sa = {
            id: saId(`sa-${id}`),
            mechanism: "test",
            peer: root,
            scope: { enabler: "test", interface: "t-1", direction: "both" as const },
            keys: { k: prepared.ref },
            replay: ReplayWindow.strict,
            createdAt: 0,
            provenance: { by: "test", clause: "none" },
            attributes: {}
          }
          yield* attempt(sad.add(sa, { with: [prepared.operation] }))
          yield* attempt(sad.add(sa, { with: [prepared.operation] }))
          yield* attempt(sad.get(sa.id))
          yield* attempt(sad.accept(sa.id, 1))
          yield* attempt(sad.accept(sa.id, 1))
          yield* attempt(vault.use(prepared.ref, keyPurpose("test/other"), () => undefined))
          yield* attempt(
            vault.use(prepared.ref, purpose, (held) => {
              see(held)
              see({ held })
              throw new Error("a defect while a key is in use")
            })
          )
          yield* attempt(sad.revoke(sa.id, "compromised", { with: [vault.removal(prepared.ref.id)] }))
          yield* attempt(vault.use(prepared.ref, purpose, () => undefined))
        }
        tell(yield* login("defect", people[0]!.password))
        tell(yield* login("unreachable", people[0]!.password, 1))
        faulty.broken = true
        yield* attempt(
          accounts.add({ enabler: "test", id: "late", secrets: { password: { purpose, octets: master.slice() } } })
        )
        yield* attempt(vault.put(purpose, master.slice()))
        faulty.broken = false
        const records = yield* (yield* Store.Store).records(KeyVault.collection, { now: 0, limit: 1000 })
        for (const { key, value } of records) seen.push(key, Buffer.from(value).toString("latin1"))
        for (const service of [vault, accounts, sad, yield* MasterKeys.MasterKeys, yield* Spd.Spd]) see(service)
        yield* Effect.sleep("50 millis")
        assert.deepStrictEqual(
          [...statuses].toSorted(([a], [b]) => a - b),
          [
            [0, 1],
            [200, 2 * count],
            [401, 3 * count],
            [500, 1]
          ]
        )
      })
      return story.pipe(
        Effect.scoped,
        Effect.provide(Layer.merge(layer, Logger.layer([logger]))),
        Effect.provideService(References.MinimumLogLevel, "Trace"),
        Effect.ensuring(
          Effect.sync(() => {
            for (const [i, name] of consoled.entries()) console[name] = before[i]!
          })
        ),
        Effect.andThen(
          Effect.sync(() => {
            const all = seen.join("\n")
            assert.isAbove(seen.length, 100 * count, "the story was told")
            assert.include(all, "<redacted", "the log was at trace level and showed the place of a secret")
            for (const secret of secrets) {
              for (const form of formsOf(secret)) {
                // the secret itself is not printed here either
                assert.isFalse(all.includes(form), `a form of ${form.length} characters was seen`)
              }
            }
            const leaky = `${all} ${Bytes.toHex(secrets[5]!)}`
            assert.isTrue(
              formsOf(secrets[5]!).some((form) => leaky.includes(form)),
              "the search finds what is there"
            )
          })
        )
      )
    },
    60_000
  )
})
