import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Bytes } from "../src/bytes/index.ts"
import { MasterKeys } from "../src/index.ts"
import { NodeMasterKeys, NodePrimitives } from "../src/node/index.ts"

const hex = (text: string) => Bytes.fromHex(text)!
const inFolder = <A, E>(work: (file: string) => Effect.Effect<A, E>) => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "keys-"))
  return Effect.ensuring(
    work(Path.join(folder, "sub", "master.keys")),
    Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
  )
}
const open = (layer: ReturnType<typeof NodeMasterKeys.layerFile>) =>
  Effect.map(Layer.build(layer.pipe(Layer.provide(NodePrimitives.layer))), (context) => context)
const sealed = (masters: MasterKeys.MasterKeys["Service"]) =>
  masters.current().key.aesGcmSeal(new Uint8Array(12), new Uint8Array(0), Bytes.utf8("x"))

describe("NodeMasterKeys", () => {
  it.effect("makes a key file on first start, for its owner only, and finds the same key again", () =>
    inFolder((file) =>
      Effect.gen(function* () {
        const first = yield* Effect.provide(MasterKeys.MasterKeys, yield* open(NodeMasterKeys.layerFile(file)))
        assert.strictEqual(Fs.statSync(file).mode & 0o777, 0o600)
        const again = yield* Effect.provide(MasterKeys.MasterKeys, yield* open(NodeMasterKeys.layerFile(file)))
        assert.deepStrictEqual(sealed(again), sealed(first))
        yield* NodeMasterKeys.rotateFile(file)
        yield* again.refresh
        assert.notStrictEqual(again.current().id, first.current().id)
        assert.isDefined(again.byId(first.current().id))
        assert.strictEqual(Fs.statSync(file).mode & 0o777, 0o600)
      }).pipe(Effect.scoped)
    )
  )
  it.effect("refuses a file that others may read, and one that is no key file, by name and line", () =>
    inFolder((file) =>
      Effect.gen(function* () {
        Fs.mkdirSync(Path.dirname(file))
        Fs.writeFileSync(file, `a ${"00".repeat(32)}\n`, { mode: 0o644 })
        assert.include((yield* Effect.flip(open(NodeMasterKeys.layerFile(file)))).why, "0600")
        Fs.chmodSync(file, 0o600)
        yield* open(NodeMasterKeys.layerFile(file))
        Fs.writeFileSync(file, `a ${"00".repeat(32)}\nnonsense\n`)
        assert.include((yield* Effect.flip(open(NodeMasterKeys.layerFile(file)))).why, "line 2")
        const environment = NodeMasterKeys.layerEnvironment("OMA_TEST_NO_SUCH_VARIABLE")
        assert.include((yield* Effect.flip(open(environment))).why, "not set")
      }).pipe(Effect.scoped)
    )
  )
})

describe("NodePrimitives", () => {
  it("passes published vectors: FIPS 197, SP 800-38A, RFC 4231, RFC 2202, and the GCM test cases of McGrew and Viega", () => {
    const key = (text: string) => NodePrimitives.importKey(hex(text))
    assert.strictEqual(
      Bytes.toHex(key("000102030405060708090a0b0c0d0e0f").aesBlocks(hex("00112233445566778899aabbccddeeff"))),
      "69c4e0d86a7b0430d8cdb78070b4c55a"
    )
    const cbc = key("2b7e151628aed2a6abf7158809cf4f3c")
    const iv = hex("000102030405060708090a0b0c0d0e0f")
    const block = hex("6bc1bee22e409f96e93d7e117393172a")
    assert.strictEqual(Bytes.toHex(cbc.aesCbcEncrypt(iv, block)), "7649abac8119b246cee98e9b12e9197d")
    assert.deepStrictEqual(cbc.aesCbcDecrypt(iv, hex("7649abac8119b246cee98e9b12e9197d")), block)
    assert.strictEqual(
      Bytes.toHex(key("0b".repeat(20)).hmac("sha256", Bytes.utf8("Hi There"))),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    assert.strictEqual(
      Bytes.toHex(NodePrimitives.hmac("md5")(hex("0b".repeat(16)), Bytes.utf8("Hi There"))),
      "9294727a3638bb1c13f48ef8158bfc9d"
    )
    const gcm = key("00".repeat(32))
    const sealed = gcm.aesGcmSeal(new Uint8Array(12), new Uint8Array(0), new Uint8Array(16))
    assert.strictEqual(Bytes.toHex(sealed), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
    assert.deepStrictEqual(gcm.aesGcmOpen(new Uint8Array(12), new Uint8Array(0), sealed), new Uint8Array(16))
  })
  it("opens nothing of which a bit, the place or the length was changed", () => {
    const key = NodePrimitives.importKey(NodePrimitives.random(32))
    const iv = NodePrimitives.random(12)
    const aad = Bytes.utf8("place")
    const sealed = key.aesGcmSeal(iv, aad, Bytes.utf8("plaintext"))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = sealed.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      assert.isUndefined(key.aesGcmOpen(iv, aad, changed))
    }
    for (let length = 0; length < sealed.length; length++) {
      assert.isUndefined(key.aesGcmOpen(iv, aad, sealed.subarray(0, length)))
    }
    assert.isUndefined(key.aesGcmOpen(iv, Bytes.utf8("other"), sealed))
  })
  it("shows no key and takes it back when lent or disposed", () => {
    const key = NodePrimitives.importKey(Bytes.utf8("canary canary!!!"))
    let lent: Uint8Array = new Uint8Array(0)
    key.lend((octets) => {
      lent = octets
      assert.strictEqual(Bytes.utf8Decode(octets), "canary canary!!!")
    })
    assert.isTrue(lent.every((octet) => octet === 0))
    assert.notInclude(inspect(key, { showHidden: true, depth: 5 }), "canary")
    assert.notInclude(inspect({ key: Redacted.make(key) }), "canary")
    key.dispose()
    assert.throws(() => key.hmac("sha256", new Uint8Array(0)), /disposed/)
  })
})
