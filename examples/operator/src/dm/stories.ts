/**
 * What devices do with the DM server, and what must come of it.
 *
 * @layer binding
 */
import {
  Chal,
  Cred,
  CredDigest,
  type DmAuthType,
  type DmClient,
  MessageFacts,
  type SyncMl,
  SyncMlCodec
} from "@oma/dm-auth"
import { type HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodePrimitives } from "@oma/sa-policy/node"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { DemoAccount } from "../Role.ts"
import { type Story, StoryFailed, type Teller } from "../Story.ts"
import * as Device from "./device.ts"

export interface Addresses {
  readonly dm: string
  readonly dmTls: string
  /** The PEM text of the development CA. */
  readonly ca: string
}

const failed = (expected: string) => (error: unknown) =>
  new StoryFailed({ expected, found: error instanceof Error ? `${error.name} ${error.message}` : String(error) })

/** Runs `work` on a device of `account`, provisioned for `url`. */
const onDevice = <A, E>(
  options: Device.DeviceOptions,
  work: Effect.Effect<A, E, Effect.Services<ReturnType<typeof Device.session>> | HttpHandler.HttpClient>
): Effect.Effect<A, StoryFailed> =>
  Effect.andThen(Device.provision(options), work).pipe(
    // a store of its own: layers that were built elsewhere are not shared
    Effect.provide(Device.layer(options), { local: true }),
    Effect.mapError((error) => (error instanceof StoryFailed ? error : failed("a device that runs")(error)))
  )

const codeOf = ({ direction, message }: DmClient.Observation): number | undefined => {
  if (direction === "sent") return undefined
  const status = message.body.commands.find((command) => command._tag === "Status" && command.cmd === "SyncHdr")
  return status?._tag === "Status" ? Number(status.data) : undefined
}

const goodSession = (
  account: DemoAccount,
  type: string,
  representation: "xml" | "wbxml",
  secure: boolean,
  { ca, dm, dmTls }: Addresses
): Story => ({
  title: `DM: ${type} in ${representation === "xml" ? "XML" : "WBXML"} over ${secure ? "TLS" : "plain HTTP"}${
    account.serverSecret === undefined ? "" : ", both sides authenticated"
  }`,
  run: (tell) =>
    onDevice(
      { account: { ...account, modes: [type] }, url: secure ? dmTls : dm, ca },
      Effect.gen(function* () {
        const { observed, outcome } = yield* Device.session(tell, representation)
        if (Result.isFailure(outcome)) return yield* failed("a session")(outcome.failure)
        yield* tell.holds("the device authenticated by that type", outcome.success.type === type, outcome.success.type)
        const codes = observed.flatMap((observation) => codeOf(observation) ?? [])
        const last = type === "syncml:auth-MAC" ? 200 : 212
        yield* tell.holds(`the server answered ${last}`, codes.includes(last), codes.join(", "))
        const asked = observed.some(({ message }) => message.body.commands.some(({ _tag }) => _tag === "Results"))
        yield* tell.holds("the device told about itself (Results of Get)", asked)
        if (account.serverSecret !== undefined) {
          const { identity } = outcome.success
          yield* tell.holds("the server proved itself by its own credentials", identity._tag === "Authenticated")
        }
      })
    )
})

/** A raw message, so that a story can say what no client would. */
const post = Effect.fnUntraced(function* (url: string, mediaType: string, body: Uint8Array) {
  const http = yield* HttpHandler.HttpClient
  return yield* Effect.mapError(
    http.call({ method: "POST", url, fields: [["Content-Type", mediaType]], body }),
    failed("an answer")
  )
})

const wbxml = "application/vnd.syncml.dm+wbxml"

/** A login as a message of its own: package 1 with a digest under `nonce`. */
const login = (account: DemoAccount, url: string, sessionId: string, nonce: Uint8Array): Uint8Array => {
  const digest = CredDigest.digest(NodePrimitives.hash("md5"), account.user, account.secret, nonce)
  const message: SyncMl.SyncMl = {
    hdr: {
      verDtd: "1.2",
      verProto: "DM/1.2",
      sessionId,
      msgId: "1",
      target: { locUri: url },
      source: { locUri: account.device ?? "", locName: account.user },
      cred: Cred.make("syncml:auth-md5", digest)
    },
    body: { commands: [{ _tag: "Alert", cmdId: "1", data: "1201" }], final: true }
  }
  return Result.getOrThrow(SyncMlCodec.encode("wbxml", message))
}

/** The SyncHdr status of an answer in WBXML, and its next nonce. */
const judged = ({ body }: HttpExchange.HttpResponse) => {
  const decoded = SyncMlCodec.decode("wbxml", new Uint8Array(body))
  if (Result.isFailure(decoded)) return { code: undefined, nonce: undefined }
  const status = MessageFacts.headerStatus(decoded.success.message, "1")
  const first = decoded.success.message.body.commands[0]
  const chal = first?._tag === "Status" ? first.chal : undefined
  return { code: status?.code, nonce: chal === undefined ? undefined : Chal.nonce(chal) }
}

const sameOctets = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, i) => octet === b[i])

const say = Effect.fnUntraced(function* (tell: Teller, url: string, what: string, body: Uint8Array) {
  yield* tell.arrow("device", "server", what)
  const answer = yield* post(url, wbxml, body)
  const outcome = judged(answer)
  yield* tell.arrow("server", "device", `HTTP ${answer.status}, Status SyncHdr ${outcome.code ?? "none"}`)
  return { ...outcome, octets: answer.body, status: answer.status }
})

/** The stories of the DM server. */
export const stories = (accounts: ReadonlyArray<DemoAccount>, addresses: Addresses): ReadonlyArray<Story> => {
  const { ca, dm } = addresses
  const named = (user: string): DemoAccount => {
    const found = accounts.find((account) => account.user === user)
    if (found === undefined) throw new Error(`no demonstration account ${user}`)
    return found
  }
  const bruce = named("Bruce2")
  const schemes: ReadonlyArray<readonly [DemoAccount, DmAuthType.DmAuthType, boolean]> = [
    [bruce, "syncml:auth-md5", false],
    [named("vanessa"), "syncml:auth-sha256", false],
    [named("felicity"), "syncml:auth-MAC", false],
    [named("basil"), "syncml:auth-basic", true],
    [named("foxxy"), "syncml:auth-md5", false]
  ]
  const onBruce = <E>(work: Effect.Effect<void, E | StoryFailed, HttpHandler.HttpClient>) =>
    onDevice({ account: bruce, url: dm, ca }, work)
  return [
    ...schemes.flatMap(([account, type, secure]) =>
      (["xml", "wbxml"] as const).map((representation) => goodSession(account, type, representation, secure, addresses))
    ),
    {
      title: "DM: a wrong password is refused, at most two attempts, and no word says what was wrong",
      run: (tell) =>
        onDevice(
          { account: bruce, url: dm, ca, secret: "OhMisbehave" },
          Effect.gen(function* () {
            const { observed, outcome } = yield* Device.session(tell, "xml")
            yield* tell.holds("the session ended without success", Result.isFailure(outcome))
            const codes = observed.flatMap((observation) => codeOf(observation) ?? [])
            const refusals = codes.every((code) => code === 401 || code === 407)
            yield* tell.holds("every answer was 401 or 407", refusals && codes.length > 0, codes.join(", "))
            const shown = observed.filter(
              ({ direction, message }) => direction === "sent" && message.hdr.cred !== undefined
            )
            yield* tell.holds("the device showed its credentials at most twice", shown.length <= 2, `${shown.length}`)
          })
        )
    },
    {
      title: "DM: a replayed message gets the stored answer, its credentials authenticate nothing new",
      run: (tell) =>
        onBruce(
          Effect.gen(function* () {
            const asked = yield* say(tell, dm, "Cred under no nonce", login(bruce, dm, "A1", new Uint8Array(0)))
            const nonce = asked.nonce
            if (nonce === undefined) return yield* failed("a challenge")(asked.code)
            const message = login(bruce, dm, "A2", nonce)
            const accepted = yield* say(tell, dm, "Cred under the nonce of the challenge", message)
            yield* tell.holds("accepted for the session (212)", accepted.code === 212, `${accepted.code}`)
            const again = yield* say(tell, dm, "the same octets again", message)
            yield* tell.holds("the stored answer, octet for octet", sameOctets(accepted.octets, again.octets))
            const replayed = yield* say(tell, dm, "the same Cred in another session", login(bruce, dm, "A3", nonce))
            yield* tell.holds("refused with a new challenge (401)", replayed.code === 401, `${replayed.code}`)
          })
        )
    },
    {
      title: "DM: a device with a stale nonce is challenged once more and gets in",
      run: (tell) =>
        onDevice(
          { account: bruce, url: dm, ca },
          Effect.gen(function* () {
            yield* tell.note("the device has lost the nonce of its last session")
            const { observed, outcome } = yield* Device.session(tell, "wbxml")
            const codes = observed.flatMap((observation) => codeOf(observation) ?? [])
            yield* tell.holds("a challenge first", codes[0] === 401 || codes[0] === 407, codes.join(", "))
            yield* tell.holds("then 212", Result.isSuccess(outcome) && codes.includes(212), codes.join(", "))
            const next = yield* Device.session(tell, "wbxml")
            const later = next.observed.flatMap((observation) => codeOf(observation) ?? [])
            yield* tell.holds("the next session begins with the new nonce and without a challenge", later[0] === 212)
          })
        )
    },
    {
      title: "DM: a truncated WBXML message is refused at every octet, and the server goes on",
      run: (tell) =>
        onBruce(
          Effect.gen(function* () {
            const message = login(bruce, dm, "B1", new Uint8Array(0))
            yield* tell.arrow("device", "server", `every prefix of ${message.length} octets of WBXML`)
            let refused = 0
            for (let length = 0; length < message.length; length++) {
              const answer = yield* post(dm, wbxml, message.subarray(0, length))
              const { code } = judged(answer)
              if (answer.status === 400 || code === 400) refused++
            }
            yield* tell.arrow("server", "device", `${refused} times a bad request`)
            yield* tell.holds("none was taken for a message", refused === message.length, `${refused} refused`)
            const whole = yield* say(tell, dm, "the whole message", message)
            yield* tell.holds("the whole message is answered", whole.code === 401, `${whole.code}`)
          })
        )
    }
  ]
}
