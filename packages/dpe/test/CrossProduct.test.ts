import { assert, describe, it } from "@effect/vitest"
import { Decision, Level, Spd } from "@oma/sa-policy"
import { Effect, Result } from "effect"
import { DpeExchange, type DpeInterface, type DpeMessage, type DpePolicy } from "../src/index.ts"
import {
  addUser,
  agentOf,
  endpointsOf,
  entriesOf,
  handlerOf,
  inProcess,
  mechanismsOf,
  type Network,
  serverOf,
  services
} from "./support.ts"

const over = (mode: string) => ({ mode, over: "full" }) as const
type Modes = DpePolicy.InterfaceDemands["clientAuthentication"]

/** Every set of `all` but the empty one, each in the order of `all`. */
const subsets = (all: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: 2 ** all.length - 1 }, (_, i) => all.filter((_mode, bit) => ((i + 1) >> bit) & 1))

const clientModes: ReadonlyArray<Modes> = [
  ...subsets(["none", "digest", "certificate", "external"]),
  [over("digest")],
  ["digest", over("none")],
  [over("external"), "certificate"]
]
const serverModes: ReadonlyArray<Modes> = [
  ...subsets(["external", "digest", "certificate", "none"]),
  ["none", "digest"],
  [over("digest"), "none"],
  [over("none"), "external"]
]
const serverAuthentications: ReadonlyArray<Modes> = [["none"], ["certificate"], ["address", over("certificate")]]
const levels = ["none", "full"] as const

const messages: Readonly<Record<DpeInterface.DpeInterface, DpeMessage.DpeMessage>> = {
  "dpe-1": { _tag: "RegistrationRequest", messageId: "m", deviceId: "d", version: "1.0" },
  "dpe-2": { _tag: "PollRequest", messageId: "m", sessionId: "AAAAAAAAAAAAAAAAAAAAAA" },
  "dpe-3": { _tag: "ProfileQuery", messageId: "m", deviceId: "d", propertyName: ["*"] }
}
/** What an admitted message is answered with: a session, none of that name, and nothing that was consented to. */
const admitted = { "dpe-1": [200], "dpe-2": [410], "dpe-3": [404] } as const

const names = (modes: Modes): ReadonlyArray<string> =>
  modes.map((mode) => (typeof mode === "string" ? mode : mode.mode))

const lifetimes = { anonymousSession: 0 }

/** Every pair of policies of one interface, each run from the first message to its outcome. */
const product = (of: DpeInterface.DpeInterface, authentications: ReadonlyArray<Modes>) => {
  let network: Network = {}
  return Effect.gen(function* () {
    const spd = yield* Spd.Spd
    yield* addUser("alice")
    const subscriberOf = () => Effect.succeed("alice")
    const server = yield* serverOf({
      gates: {
        "dpe-1": { mechanisms: yield* mechanismsOf("dpe-1"), subscriberOf },
        "dpe-2": { mechanisms: yield* mechanismsOf("dpe-2"), subscriberOf },
        "dpe-3": { mechanisms: yield* mechanismsOf("dpe-3"), subscriberOf }
      }
    })
    const client = inProcess(handlerOf(server), () => network)
    const digest = yield* agentOf("alice")
    let agreed = 0
    let refused = 0
    for (const clientAuthentication of clientModes) {
      for (const serverSide of serverModes) {
        for (const demanded of authentications) {
          for (const supplied of authentications) {
            for (const clientLevel of levels) {
              for (const serverLevel of levels) {
                const mine = { clientAuthentication, serverAuthentication: demanded, connection: clientLevel }
                const theirs = {
                  clientAuthentication: serverSide,
                  serverAuthentication: supplied,
                  connection: serverLevel,
                  lifetimes
                }
                const interfaces = [...entriesOf("client", { [of]: mine }), ...entriesOf("server", { [of]: theirs })]
                yield* spd.replace({ interfaces, networks: {} })
                yield* digest.forget
                network = {
                  serverCertificate: names(supplied).includes("certificate"),
                  ...(names(clientAuthentication).includes("certificate") ? { clientCertificate: "alice" } : {}),
                  ...(names(clientAuthentication).includes("external") ? { msisdn: "8613802423312" } : {})
                }
                const exchange = yield* DpeExchange.make(of, {
                  endpoints: endpointsOf(of),
                  digest,
                  addresses: names(supplied).includes("address") ? ["203.0.113.1"] : []
                }).pipe(Effect.provide(client))
                const one = interfaces.find(({ role, interface: i }) => role === "client" && i === of)!
                const other = interfaces.find(({ role, interface: i }) => role === "server" && i === of)!
                const prediction = Decision.agree(one, other)
                const outcome = yield* Effect.result(exchange.send(messages[of]))
                const label = JSON.stringify({ mine, theirs, outcome })
                if (Result.isFailure(prediction)) {
                  refused++
                  assert.isTrue(Result.isFailure(outcome) && outcome.failure._tag === "DpeRefused", label)
                  continue
                }
                agreed++
                if (Result.isFailure(outcome)) return assert.fail(label)
                const { code, mode, security } = outcome.success
                const level = security === "none" ? Level.none : Level.full
                assert.include(admitted[of], code, label)
                assert.isTrue(Level.satisfies(level, prediction.success.connection), label)
                const match = prediction.success.clientAuthentication.find((entry) => entry.mode === mode)
                assert.isTrue(match !== undefined && Level.satisfies(level, match.over), label)
              }
            }
          }
        }
      }
    }
    return { agreed, refused }
  }).pipe(Effect.provide(services(entriesOf("client", {}))))
}

describe("every policy of a client against every policy of a server", () => {
  it.live(
    "[DPE-AUTH-001] [DPE-AUTH-002] [DPE-AUTH-003] [DPE-AUTH-004] [DPE-AUTH-011] [DPE-CONN-001] [DPE-CONN-002] DPE-1 ends as the agreement of both policies says",
    () =>
      Effect.map(product("dpe-1", serverAuthentications), ({ agreed, refused }) => {
        assert.isAbove(agreed, 1000)
        assert.isAbove(refused, 1000)
      }),
    60_000
  )
  for (const each of ["dpe-2", "dpe-3"] as const) {
    it.live(
      `[DPE-CONN-005] ${each} ends as the agreement of both policies says`,
      () => Effect.map(product(each, [["certificate", "none"]]), ({ agreed }) => assert.isAbove(agreed, 300)),
      60_000
    )
  }
})
