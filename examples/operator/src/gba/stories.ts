/**
 * What a handset does with the bootstrapping server and the application servers, and what must come of it.
 *
 * @layer binding
 */
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import { Sqn } from "@oma/sec-cf-core/aka"
import { BTid, Fqdn, NafId, Nbsp } from "@oma/sec-cf-core/gba"
import { Handset, Misbehaving, Network } from "@oma/testkit"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Story, StoryFailed, Teller } from "../Story.ts"
import { type Ground, must, mustFail, type Phone, switchOn } from "./phone.ts"
import * as Simservs from "./Simservs.ts"
import { demoSubscribers, shortLived, stranger } from "./subscribers.ts"

const { get } = Handset
const [first, second, third, tuak] = demoSubscribers

const text = ({ body }: HttpExchange.HttpResponse) => new TextDecoder().decode(body)
const statuses = (phone: Phone) => phone.seen.map(({ answer }) => answer.status).join(" ")

/** A story with a scope of its own, in which handsets live. */
const story = (title: string, run: (tell: Teller) => Effect.Effect<void, StoryFailed, Scope.Scope>): Story => ({
  title,
  run: (tell) => Effect.scoped(run(tell))
})

const bootstrap = (ground: Ground) =>
  story(
    "GBA: a handset bootstraps with its card, and keeps the key (Ub, TS 33.220 4.5.2)",
    Effect.fnUntraced(function* (tell) {
      for (const subscriber of [first, tuak]) {
        yield* tell.note(`${subscriber.algorithm === "tuak" ? "TUAK" : "MILENAGE"}, ${subscriber.source}`)
        const phone = yield* switchOn(ground, tell, subscriber)
        const { btid, rand } = yield* must("a bootstrapping", phone.ue.ensure)
        yield* tell.holds("one challenge and one response", statuses(phone) === "401 200", statuses(phone))
        yield* tell.holds(
          `the B-TID ${btid} is base64(RAND)@BSF`,
          btid === `${Bytes.toBase64(rand)}@${ground.names.bsf}`
        )
      }
    })
  )

const digest = (ground: Ground) =>
  story(
    "GBA: the application server by HTTP Digest inside TLS (Ua, TS 33.222 5.3)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, first)
      const url = `https://${ground.names.naf}/`
      const answer = yield* must("an answer", phone.request(get(url)))
      yield* tell.holds(
        `the server knows ${phone.impi}`,
        text(answer).includes(`"subject": "${phone.impi}"`),
        text(answer)
      )
      yield* tell.holds(
        "the server proved itself with rspauth",
        HttpExchange.fieldOf(answer.fields, "authentication-info") !== undefined
      )
      const before = phone.seen.length
      yield* must("a second answer", phone.request(get(`${url}again`)))
      yield* tell.holds("the second request goes without a challenge", phone.seen.length === before + 1)
    })
  )

const documents = (ground: Ground) =>
  story(
    "XCAP: a handset stores its supplementary services (Ut, TS 24.623)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, second)
      const urlOf = (owner: string) =>
        `https://${ground.names.naf}/${Simservs.AUID}/users/${encodeURIComponent(owner)}/simservs.xml`
      const put = (
        document: string,
        fields: HttpExchange.HttpFields = [],
        owner = second.impu
      ): HttpHandler.HttpCall => ({
        method: "PUT",
        url: urlOf(owner),
        fields: [["Content-Type", Simservs.MEDIA_TYPE], ...fields],
        body: Bytes.utf8(document)
      })
      const status = (call: HttpHandler.HttpCall) =>
        must(
          "an answer",
          Effect.map(phone.request(call), (a) => a.status)
        )
      const stored = yield* must("an answer", phone.request(put(Simservs.example(true))))
      yield* tell.holds("the document is stored", stored.status === 200 || stored.status === 201, `${stored.status}`)
      const etag = HttpExchange.fieldOf(stored.fields, "etag") ?? ""
      const read = yield* must("an answer", phone.request(get(urlOf(second.impu))))
      yield* tell.holds("and comes back as it went", text(read) === Simservs.example(true), text(read))
      const changed = yield* status(put(Simservs.example(false), [["If-Match", etag]]))
      yield* tell.holds("the one who read it last may change it", changed === 200, `${changed}`)
      const stale = yield* status(put(Simservs.example(true), [["If-Match", etag]]))
      yield* tell.holds("who read an older one may not", stale === 412, `${stale}`)
      const broken = yield* status(put("<simservs>"))
      yield* tell.holds("XML that is not well-formed is refused", broken === 409, `${broken}`)
      const foreign = put(Simservs.example(true), [], first.impu)
      const failure = yield* mustFail("a refusal", phone.request(foreign))
      const said = failure._tag === "UaFailed" ? failure.reason : failure._tag
      const last = phone.seen.at(-1)?.answer.status
      yield* tell.holds("nobody writes the document of somebody else", last === 403, `${last}, ${said}`)
    })
  )

const pskTls = (ground: Ground) =>
  story(
    "GBA: the application server by PSK-TLS (Ua, TS 33.222 5.4)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, third)
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const answer = yield* must("an answer", phone.requestByPsk(get(`https://${ground.names.nafPsk}/`), version))
        const { suite, version: spoken } = answer.connection.protection
        const known = text(answer).includes(`"subject": "${phone.impi}"`)
        yield* tell.holds(`${version}: the server knows ${phone.impi}`, known && spoken === version, text(answer))
        yield* tell.note(`suite ${suite?.iana}, identity ${answer.connection.peer.pskIdentity}`)
      }
      const bootstrappings = phone.seen.filter(
        ({ call, answer }) => call.url.includes(ground.names.bsf) && answer.status === 200
      )
      yield* tell.holds("one bootstrapping served both", bootstrappings.length === 1)
    })
  )

const resynchronise = (ground: Ground) =>
  story(
    "GBA: SQN out of range, resynchronisation by AUTS (TS 33.102 6.3.5)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, first)
      const sqnHe = (yield* ground.sqn(phone.impi)) ?? 0
      const seq = Sqn.seqOf(Sqn.defaultProfile, sqnHe) + 1000
      yield* phone.goAhead(seq)
      yield* tell.note(`the card has accepted numbers up to SEQ ${seq}, the home network is at ${seq - 1000}`)
      yield* must("a bootstrapping", phone.ue.ensure)
      yield* tell.holds("challenge, AUTS, new challenge, response", statuses(phone) === "401 401 200", statuses(phone))
      const after = Sqn.seqOf(Sqn.defaultProfile, (yield* ground.sqn(phone.impi)) ?? 0)
      yield* tell.holds("the home network goes on from the card's number", after === seq + 1, `SEQ ${after}`)
    })
  )

/** The last request with credentials to the application server, exactly as it went out. */
const lastAuthorised = (phone: Phone): HttpHandler.HttpCall =>
  phone.seen.findLast(({ call }) => HttpExchange.fieldOf(call.fields, "authorization") !== undefined)!.call

/** Sends `call` as it is, past the handset's own logic. */
const sendAgain = (phone: Phone, call: HttpHandler.HttpCall) => must("an answer", phone.network.client.call(call))

const expired = (ground: Ground) =>
  story(
    "GBA: a key that has ended (TS 33.220 4.5.2, TS 24.109 5.2)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, shortLived)
      const url = `https://${ground.names.naf}/`
      const { btid, notAfter } = yield* must("a bootstrapping", phone.ue.ensure)
      yield* must("an answer", phone.request(get(url)))
      const call = lastAuthorised(phone)
      yield* Effect.sleep(Math.max(0, notAfter - (yield* Clock.currentTimeMillis)) + 50)
      yield* tell.note("the lifetime of Ks is over")
      const refused = yield* sendAgain(phone, call)
      const challenge = HttpExchange.fieldsOf(refused.fields, "www-authenticate")[0] ?? ""
      yield* tell.holds(
        "the server asks for a new bootstrapping",
        refused.status === 401 && challenge.includes("3GPP-bootstrapping@"),
        challenge
      )
      const served = yield* must("an answer", phone.request(get(url)))
      yield* tell.holds("the handset makes one and is served", served.status === 200, `${served.status}`)
      yield* tell.holds("under a new B-TID", (yield* phone.ue.current)?.btid !== btid)
    })
  )

const replayed = (ground: Ground) =>
  story(
    "GBA: a nonce count that was used already (RFC 7616 3.4.5)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, first)
      yield* must("an answer", phone.request(get(`https://${ground.names.naf}/`)))
      const again = yield* sendAgain(phone, lastAuthorised(phone))
      yield* tell.holds("the very same request is not served twice", again.status === 401, `${again.status}`)
      const forged = yield* sendAgain(phone, Misbehaving.count("00000009")(lastAuthorised(phone)))
      yield* tell.holds("nor with a count that the response does not cover", forged.status === 401, `${forged.status}`)
    })
  )

const notAuthorised = (ground: Ground) =>
  story(
    "GBA: an application server asks for the key of another one (Zn, TS 29.109 5.2)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, second)
      const { btid } = yield* must("a bootstrapping", phone.ue.ensure)
      const own = "shop.example.org"
      const now = yield* Clock.currentTimeMillis
      const certificate = yield* must(
        "a certificate",
        ground.ca.issue({ label: "zn-client", names: [own], use: "client" }, now)
      )
      const network = yield* Network.make({
        hosts: { [ground.names.bsf]: ground.zn },
        authorities: ground.ca.certificate,
        certificate
      })
      const ask = Effect.fnUntraced(function* (name: string, id: BTid.BTid) {
        const fqdn = yield* must("a name", Effect.fromResult(Fqdn.parse(name)))
        const nafId = { fqdn, ua: NafId.protocols.httpDigest }
        yield* tell.arrow(own, "BSF", `POST ${Nbsp.PATH}  nafFqdn=${name}`)
        const answer = yield* must(
          "an answer",
          network.client.call({
            method: "POST",
            url: `https://${ground.names.bsf}${Nbsp.PATH}`,
            fields: [["Content-Type", "application/json"]],
            body: Bytes.utf8(Nbsp.encodeRequest({ btid: id, nafId }))
          })
        )
        yield* tell.arrow("BSF", own, `${answer.status}`)
        return answer
      })
      const foreign = yield* ask(ground.names.naf, btid)
      yield* tell.holds(
        `the certificate of ${own} gives no key for ${ground.names.naf}`,
        foreign.status === 403,
        text(foreign)
      )
      const mine = yield* ask(own, btid)
      yield* tell.holds("it gives the key for its own name", mine.status === 200, text(mine))
      const unknown = Result.getOrThrow(BTid.parse(`AAAAAAAAAAAAAAAAAAAAAA==@${ground.names.bsf}`))
      const nobody = yield* ask(own, unknown)
      yield* tell.holds("and none for a B-TID that there is not", nobody.status === 404, text(nobody))
    })
  )

const tampered = (ground: Ground) =>
  story(
    "GBA: somebody changes AUTN on its way (TS 33.102 6.3.3)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, first, {
        meddler: { answer: (answer) => Misbehaving.wrongAutn(answer) }
      })
      const failure = yield* mustFail("no bootstrapping", phone.ue.ensure)
      yield* tell.holds(
        "the card finds MAC-A wrong and gives no RES",
        failure.reason.includes("MAC-A is wrong"),
        failure.reason
      )
      yield* tell.holds("the network hears nothing more", statuses(phone) === "401", statuses(phone))
    })
  )

const unknown = (ground: Ground) =>
  story(
    "GBA: an IMPI that the home network does not know (TS 33.220 4.5.2)",
    Effect.fnUntraced(function* (tell) {
      const phone = yield* switchOn(ground, tell, stranger)
      const failure = yield* mustFail("no bootstrapping", phone.ue.ensure)
      yield* tell.holds(
        "the challenge looks as for anybody, but no card can answer it",
        statuses(phone) === "401",
        statuses(phone)
      )
      yield* tell.holds("the handset gives up", failure.reason.includes("MAC-A is wrong"), failure.reason)
    })
  )

/** Every story of GBA, with the servers of `ground`. */
export const stories = (ground: Ground): ReadonlyArray<Story> =>
  [bootstrap, digest, documents, pskTls, resynchronise, expired, replayed, notAuthorised, tampered, unknown].map(
    (make) => make(ground)
  )
