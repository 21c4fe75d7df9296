/**
 * A handset that tells what it sends and receives.
 *
 * @layer binding
 */
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import type { DevelopmentCa } from "@oma/sec-cf-core/tls"
import { Handset, type Network, type TestSubscriber } from "@oma/testkit"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StoryFailed, type Teller } from "../Story.ts"

/** Where the servers are. */
export interface Ground {
  readonly ca: DevelopmentCa
  readonly names: { readonly bsf: string; readonly naf: string; readonly nafPsk: string }
  readonly hosts: Readonly<Record<string, string>>
  /** Host and port of Zn. */
  readonly zn: string
  /** SQN_HE of a subscriber. */
  readonly sqn: (impi: string) => Effect.Effect<number | undefined>
}

/** One exchange as it went over the wire. */
export interface Seen {
  readonly call: HttpHandler.HttpCall
  readonly answer: HttpExchange.HttpAnswer
}

export interface Phone extends Handset.Handset {
  /** Everything so far, oldest first. */
  readonly seen: ReadonlyArray<Seen>
}

const cut = (text: string): string => (text.length > 100 ? `${text.slice(0, 97)}...` : text)

const requestLine = ({ fields, method, url }: HttpHandler.HttpCall): string => {
  const { pathname } = new URL(url)
  const authorization = HttpExchange.fieldOf(fields, "authorization")
  if (authorization === undefined) return `${method} ${pathname}`
  const part = (name: string) => new RegExp(`\\b${name}="?([^",]*)`).exec(authorization)?.[1]
  const said = ["username", "qop", "nc", "auts"].flatMap((name) => {
    const value = part(name)
    return value === undefined ? [] : [`${name}=${value}`]
  })
  return cut(`${method} ${pathname}  ${said.join(" ")}`)
}

const answerLine = ({ fields, status }: HttpExchange.HttpResponse): string => {
  const challenge = HttpExchange.fieldsOf(fields, "www-authenticate")[0]
  const proof = HttpExchange.fieldOf(fields, "authentication-info")
  const said = challenge ?? (proof === undefined ? "" : /rspauth="[^"]*"/.exec(proof)?.[0]) ?? ""
  return cut(`${status}  ${said.replace(/^Digest /, "")}`.trimEnd())
}

const failed = (expected: string, error: unknown) => {
  const tag = error instanceof Error ? error.name : String(error)
  const reason =
    typeof error === "object" && error !== null && "reason" in error
      ? `: ${String(error.reason)}`
      : error instanceof Error && error.message !== ""
        ? `: ${error.message}`
        : ""
  return new StoryFailed({ expected, found: `${tag}${reason}` })
}

/** Does `work`, which must succeed for the story to go on. */
export const must = <A, E, R>(expected: string, work: Effect.Effect<A, E, R>): Effect.Effect<A, StoryFailed, R> =>
  Effect.mapError(work, (error) => failed(expected, error))

/** Does `work`, which must fail for the story to go on, and gives the failure. */
export const mustFail = <A, E, R>(expected: string, work: Effect.Effect<A, E, R>): Effect.Effect<E, StoryFailed, R> =>
  Effect.matchEffect(work, {
    onFailure: (error) => Effect.succeed(error),
    onSuccess: () => Effect.fail(new StoryFailed({ expected, found: "a success" }))
  })

/** A handset of `subscriber` whose exchanges go into the story. */
export const switchOn = (
  ground: Ground,
  tell: Teller,
  subscriber: TestSubscriber,
  options: { readonly meddler?: Network.Meddler } = {}
): Effect.Effect<Phone, StoryFailed, Scope.Scope> => {
  const seen: Array<Seen> = []
  const partyOf = ({ url }: HttpHandler.HttpCall) => {
    const name = new URL(url).hostname
    return name === ground.names.bsf ? "BSF" : name === ground.names.naf ? "NAF" : "NAF by PSK-TLS"
  }
  const handset = Handset.make({
    subscriber,
    bsf: ground.names.bsf,
    hosts: ground.hosts,
    authorities: ground.ca.certificate,
    ...options,
    onExchange: (call, answer) => {
      seen.push({ call, answer })
      const party = partyOf(call)
      Effect.runSync(tell.arrow("handset", party, requestLine(call)))
      Effect.runSync(tell.arrow(party, "handset", answerLine(answer)))
    }
  })
  return must(
    "a handset",
    Effect.map(handset, (made) => ({ ...made, seen }))
  )
}
