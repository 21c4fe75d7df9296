/**
 * GPL messages of 140 and 1,000 octets: sealed and opened under an association of the SAD, and forged ones refused, against the bare
 * cipher and HMAC calls of node:crypto on the same octets.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual
} from "node:crypto"
import { type Comparison, type Sampler, sink, work } from "@oma/bench"
import { type Identity, KeyVault, MasterKeys, Sad, SecurityEvents, StoreMemory } from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { Gpl, GplMessage, GplProtection, GplSa } from "../src/gpl/index.ts"
import * as ShortHmac from "../src/gpl/ShortHmac.ts"

const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
const keys = Layer.orDie(MasterKeys.layerEphemeral).pipe(Layer.provideMerge(ground))
const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
const party = Gpl.layer.pipe(Layer.provideMerge(Sad.layer().pipe(Layer.provideMerge(vault))))

const key = () => new Uint8Array(32).fill(7)
const saId = new Uint8Array(8).fill(9)
const peer: Identity.Identity = { _tag: "Anonymous" }
const request = (end: GplSa.GplParty): GplSa.GplSaRequest => ({
  party: end,
  direction: "downlink",
  saId,
  key: key(),
  suites: [1],
  suite: 1,
  enabler: "dcd",
  interface: "dcd-2",
  peer,
  provenance: { by: "bench", clause: "none" }
})
const side = (end: GplSa.GplParty) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const context = yield* Layer.build(party)
      const sa = yield* Effect.provide(GplSa.install(request(end)), context)
      return { sa, gpl: yield* Effect.provide(Gpl.Gpl, context) }
    }).pipe(Effect.provideService(Scope.Scope, Scope.makeUnsafe()))
  )
const sender = await side("sender")
const receiver = await side("receiver")

const hmac = NodePrimitives.hmac("sha256")
const inputs = GplProtection.keyInputs("downlink")
const enc: KeyObject = createSecretKey(hmac(key(), inputs.enc).subarray(0, 16))
const int: KeyObject = createSecretKey(hmac(key(), inputs.int))

const headerLength = 7 + saId.length
const ivInput = Buffer.concat([Buffer.from("iv"), Buffer.alloc(4)])

/** The calls that sealing cannot do without: an HMAC for the IV, a cipher, an HMAC for the tag. */
const bareSeal = (header: Uint8Array, plaintext: Uint8Array): Uint8Array => {
  ivInput.set(header.subarray(2, 6), 2)
  const iv = createHmac("sha256", int).update(ivInput).digest().subarray(0, 16)
  const cipher = createCipheriv("aes-128-cbc", enc, iv)
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
  const tag = createHmac("sha256", int).update(header).update(body).digest().subarray(0, 16)
  return Buffer.concat([header, body, tag])
}

/** The calls that opening cannot do without; nothing is looked up, nothing remembered. */
const bareOpen = (message: Uint8Array): Uint8Array | undefined => {
  const tagAt = message.length - 16
  const tag = createHmac("sha256", int).update(message.subarray(0, tagAt)).digest().subarray(0, 16)
  if (!timingSafeEqual(tag, message.subarray(tagAt))) return undefined
  ivInput.set(message.subarray(2, 6), 2)
  const iv = createHmac("sha256", int).update(ivInput).digest().subarray(0, 16)
  const decipher = createDecipheriv("aes-128-cbc", enc, iv)
  return Buffer.concat([decipher.update(message.subarray(headerLength, tagAt)), decipher.final()])
}

const intKey = NodePrimitives.importKey(hmac(key(), inputs.int))
const encKey = NodePrimitives.importKey(hmac(key(), inputs.enc).slice(0, 16))
const codecKeys = { mac: (data: Uint8Array) => ShortHmac.mac(intKey, data), cbcDecrypt: encKey.aesCbcDecrypt }
const codecOpen = (message: Uint8Array): Uint8Array => {
  const frame = Result.getOrThrow(GplMessage.parse(message))
  const verified = Result.getOrThrow(GplProtection.verify(codecKeys, frame))
  return Result.getOrThrow(GplProtection.open(codecKeys, frame, verified))
}

/** Content for which the whole message has `length` octets at most, in whole blocks. */
const contentOf = (length: number) => new Uint8Array(Math.floor((length - headerLength - 16) / 16) * 16 - 2).fill(0x61)
const sealed = (content: Uint8Array) => Effect.runSync(sender.gpl.seal(sender.sa.id, { content }))
const assert = (holds: boolean, what: string) => {
  if (!holds) throw new Error(what)
}
const same = (a: Uint8Array, b: Uint8Array | undefined) => b !== undefined && Buffer.compare(a, b) === 0

/** Opens messages under fresh numbers, which are made outside the time that is measured. */
const opening =
  (content: Uint8Array): Sampler =>
  () => {
    const messages = Array.from({ length: 4000 }, () => sealed(content))
    const start = performance.now()
    for (const message of messages) sink.last = Effect.runSync(receiver.gpl.open(message))
    return Promise.resolve((messages.length * 1000) / (performance.now() - start))
  }

const plaintextOf = (content: Uint8Array) => Result.getOrThrow(GplMessage.encodePayload({ content }))
/** One pair of comparisons for messages of about `length` octets. */
const comparisons = (length: number, atLeast: number): ReadonlyArray<Comparison> => {
  const content = contentOf(length)
  const plaintext = plaintextOf(content)
  const theirs = sealed(content)
  const header = theirs.subarray(0, headerLength)
  const forged = theirs.slice()
  forged[forged.length - 1]! ^= 1
  forged.set([0xff, 0xff, 0xff, 0xf0], 2)
  return [
    {
      goal: "P1",
      name: `open a GPL message of ${theirs.length} octets under its association, against the bare HMAC, HMAC, AES-CBC of node:crypto`,
      atLeast,
      ours: opening(content),
      baseline: work(() => bareOpen(theirs)),
      check: () => {
        const message = sealed(content)
        const { payload } = Effect.runSync(receiver.gpl.open(message))
        assert(same(payload.content, content), "what was sealed is not what is opened")
        assert(same(plaintext, bareOpen(message)), "the bare calls open something else")
      }
    },
    {
      goal: "gpl",
      name: `seal a GPL message of ${theirs.length} octets under its association, against the bare calls`,
      atLeast: 0.9,
      ours: work(() => sealed(content)),
      baseline: work(() => bareSeal(header, plaintext)),
      check: () => {
        const message = sealed(content)
        assert(same(message, bareSeal(message.subarray(0, headerLength), plaintext)), "the bare calls seal otherwise")
      }
    },
    {
      goal: "gpl",
      name: `verify and decrypt ${theirs.length} octets as a codec, no association, against the bare calls`,
      atLeast,
      ours: work(() => codecOpen(theirs)),
      baseline: work(() => bareOpen(theirs)),
      check: () => assert(same(codecOpen(theirs), bareOpen(theirs)), "the codec opens something else")
    },
    {
      goal: "P2",
      name: `refuse a forged GPL message of ${theirs.length} octets and count it, against node:crypto refusing it`,
      atLeast: 2,
      ours: work(() => Effect.runSync(Effect.exit(receiver.gpl.open(forged)))),
      baseline: work(() => bareOpen(forged)),
      check: () => {
        assert(
          Effect.runSync(Effect.flip(receiver.gpl.open(forged)))._tag === "GplRefused",
          "a forged message is opened"
        )
        assert(bareOpen(forged) === undefined, "the bare calls open a forged message")
      }
    }
  ]
}

export default [...comparisons(140, 1.2), ...comparisons(1000, 0.9)]
