import { createHash } from "node:crypto"
import { Connection } from "@oma/sa-policy"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { AkaCard, Cards, Subscribers, Usim } from "@oma/sec-cf-core/aka"
import { Bsf, Fqdn, GussSource, Impi, Ue } from "@oma/sec-cf-core/gba"
import { Effect, Layer, Result } from "effect"
import { services } from "../aka/stack.ts"
import { hex, milenage } from "../aka/support.ts"

export const K = "465b5ce8b199b49faa5f0a2ee238a6bc"
export const OPC = "cd63cb71954a9f4e48a5994e37a02baf"
export const impi = Result.getOrThrow(Impi.parse("001010123456789@ims.mnc001.mcc001.3gppnetwork.org"))
export const bsfName = Result.getOrThrow(Fqdn.parse("bsf.ims.mnc001.mcc001.pub.3gppnetwork.org"))
export const f = milenage(K, OPC)

/** A bootstrapping server with its home network. */
export const bsfLayer = (options: Partial<Bsf.BsfOptions> = {}, ground = services()) =>
  Bsf.layer({ fqdn: bsfName, ...options }).pipe(Layer.provideMerge(GussSource.layer.pipe(Layer.provideMerge(ground))))

export const provision = Effect.gen(function* () {
  const subscribers = yield* Subscribers.Subscribers
  yield* subscribers.add({ impi, k: hex(K), opc: hex(OPC) })
})

export const connection = Connection.inProcess("test")

export type Tamper = (
  answer: HttpExchange.HttpResponse,
  call: HttpHandler.HttpCall,
  n: number
) => HttpExchange.HttpResponse

/** A connection with the suite of a negotiation, as a TLS server describes it. */
export const overTls = (code: number): Connection.Connection => ({
  ...connection,
  id: `tls-${code}`,
  protection: { protocol: "tls", level: 3, version: "TLSv1.2", suite: { openssl: "x", iana: "x", code } }
})

/** Calls that end in a handler of this process; `log` gets every exchange. */
export const client = (
  handler: HttpHandler.HttpHandler,
  log: Array<readonly [HttpHandler.HttpCall, HttpExchange.HttpResponse]> = [],
  tamper: Tamper = (answer) => answer,
  over: () => Connection.Connection = () => connection
) =>
  Layer.succeed(HttpHandler.HttpClient, {
    call: <E = never>(
      call: HttpHandler.HttpCall,
      judge?: (connection: Connection.Connection) => Effect.Effect<void, E>
    ) => {
      const connection = over()
      return Effect.andThen(
        judge?.(connection) ?? Effect.void,
        Effect.map(
          handler({
            method: call.method,
            target: HttpExchange.pathOf(call.url),
            fields: call.fields,
            body: call.body,
            connection
          }),
          (answer) => {
            const out = tamper(answer, call, log.length)
            log.push([call, out])
            return { ...out, connection }
          }
        )
      )
    }
  })

const cardLayer = (usim: Usim.Usim = Usim.make(f)) => Layer.effect(AkaCard, Cards.makeMemory(usim))

const sha1 = (data: Uint8Array) => new Uint8Array(createHash("sha1").update(data).digest())

/** A card that takes every challenge as one of GBA_U, and shows CK and IK to the test. */
const gbaUCard = Layer.sync(AkaCard, () => {
  let card = Usim.make(f)
  return {
    authenticate: (rand: Uint8Array, autn: Uint8Array) =>
      Effect.sync(() => {
        const [after, answer] = Usim.authenticateGbaU(card, sha1, rand, autn)
        card = after
        return answer
      })
  }
})

/** A handset; it has a vault and a store of its own. */
export const ueLayer = (
  http: Layer.Layer<HttpHandler.HttpClient>,
  options: { readonly usim?: Usim.Usim; readonly gbaU?: boolean; readonly ue?: Partial<Ue.UeOptions> } = {}
) =>
  Ue.layer({ impi, bsf: bsfName, url: `http://${bsfName}/`, ...options.ue }).pipe(
    Layer.provide([http, options.gbaU === true ? gbaUCard : cardLayer(options.usim)]),
    Layer.provide(services())
  )

export const field = (answer: HttpExchange.HttpResponse, name: string) => HttpExchange.fieldOf(answer.fields, name)

export const body = (answer: HttpExchange.HttpResponse) => new TextDecoder().decode(answer.body)
