/**
 * Servers and handsets that do not keep to the standards, as changes of honest messages: every check of the other side has one that
 * must set it off.
 *
 * @layer service
 */
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import { DigestAka } from "@oma/sec-cf-core/digest"
import type { Bsf } from "@oma/sec-cf-core/gba"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

/** What a server makes of its honest answer; it may have a memory. */
export type Misbehaviour = (answer: HttpExchange.HttpResponse) => HttpExchange.HttpResponse

/** A handler that answers as `handler` does, and then misbehaves. */
export const server =
  <R>(handler: HttpHandler.HttpHandler<R>, misbehaviour: Misbehaviour): HttpHandler.HttpHandler<R> =>
  (request) =>
    Effect.map(handler(request), misbehaviour)

const field =
  (name: string, change: (value: string) => string): Misbehaviour =>
  (answer) => ({
    ...answer,
    fields: answer.fields.map(([n, value]) => [n, n.toLowerCase() === name ? change(value) : value] as const)
  })

const inNonce = (change: (rand: Uint8Array, autn: Uint8Array) => readonly [Uint8Array, Uint8Array]): Misbehaviour =>
  field("www-authenticate", (value) =>
    value.replace(/nonce="([^"]*)"/, (all, text: string) => {
      const nonce = DigestAka.decodeNonce(text)
      if (Result.isFailure(nonce)) return all
      const [rand, autn] = change(nonce.success.rand, nonce.success.autn)
      return `nonce="${Bytes.toBase64(Bytes.concat(rand, autn, nonce.success.serverData))}"`
    })
  )

const flipped = (octets: Uint8Array, at: number): Uint8Array => {
  const out = new Uint8Array(octets)
  out[at]! ^= 1
  return out
}

/** A challenge whose MAC-A is not that of the home network. @spec TS 33.102 6.3.3 */
export const wrongAutn: Misbehaviour = inNonce((rand, autn) => [rand, flipped(autn, 15)])

/** A challenge whose concealed SQN was changed: MAC-A covers it. */
export const wrongSqn: Misbehaviour = inNonce((rand, autn) => [rand, flipped(autn, 5)])

/** A challenge with another RAND than its AUTN was made with. */
export const wrongRand: Misbehaviour = inNonce((rand, autn) => [flipped(rand, 0), autn])

/** A success whose proof somebody made who does not know the key. @spec RFC 7616 3.5 */
export const wrongRspauth: Misbehaviour = field("authentication-info", (value) =>
  value.replace(/rspauth="(.)/, (_, first: string) => `rspauth="${first === "0" ? "1" : "0"}`)
)

/** A success without any proof. */
export const withoutProof: Misbehaviour = (answer) => ({
  ...answer,
  fields: answer.fields.filter(([name]) => name.toLowerCase() !== "authentication-info")
})

/** A challenge in the name of another server. @spec TS 33.222 5.3; TS 24.109 5.2 */
export const otherName = (fqdn: string): Misbehaviour =>
  field("www-authenticate", (value) =>
    value.replace(/realm="([^"]*)"/, (_, realm: string) => {
      const at = realm.lastIndexOf("@")
      return `realm="${at < 0 ? fqdn : `${realm.slice(0, at)}@${fqdn}`}"`
    })
  )

/** A challenge that repeats itself: the vector of the first one comes again and again. @spec TS 33.102 6.3.2 */
export const replayed = (): Misbehaviour => {
  let first: HttpExchange.HttpResponse | undefined
  return (answer) => {
    if (answer.status !== 401) return answer
    first ??= answer
    return first
  }
}

/** A body that was changed on its way: `qop=auth-int` covers it. */
export const changedBody =
  (change: (text: string) => string): Misbehaviour =>
  (answer) => ({ ...answer, body: Bytes.utf8(change(new TextDecoder().decode(answer.body))) })

/** Sends the client elsewhere in place of an answer. Neither Ub nor Ua follows. */
export const redirect =
  (to: string): Misbehaviour =>
  () =>
    HttpExchange.response(302, [["Location", to]])

/** A bootstrapping server that proves itself and then says that its keys ended a minute ago. */
export const expiredLifetime: Pick<Bsf.BsfOptions, "lifetimeMillis"> = { lifetimeMillis: -60_000 }

/** What a handset makes of its honest request. */
export type HandsetMisbehaviour = (call: HttpHandler.HttpCall) => HttpHandler.HttpCall

const authorization =
  (change: (value: string) => string): HandsetMisbehaviour =>
  (call) => ({
    ...call,
    fields: call.fields.map(([name, value]) => [name, name.toLowerCase() === "authorization" ? change(value) : value])
  })

/** A response that somebody made who does not know the key. */
export const wrongResponse: HandsetMisbehaviour = authorization((value) =>
  value.replace(/response="([0-9a-f])/, (_, first: string) => `response="${first === "0" ? "1" : "0"}`)
)

/** Somebody else's name with one's own key. */
export const otherUser = (username: string): HandsetMisbehaviour =>
  authorization((value) => value.replace(/username="[^"]*"/, () => `username="${username}"`))

/** A count that jumps. */
export const count = (nc: string): HandsetMisbehaviour =>
  authorization((value) => value.replace(/nc=[0-9a-f]{8}/, () => `nc=${nc}`))

/** A request whose content was changed on its way. */
export const otherContent =
  (text: string): HandsetMisbehaviour =>
  (call) => ({ ...call, body: Bytes.utf8(text) })

/** Every parameter of the credentials twice. */
export const twice: HandsetMisbehaviour = authorization((value) => `${value}, ${value.slice("Digest ".length)}`)
