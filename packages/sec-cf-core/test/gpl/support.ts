import { readFileSync } from "node:fs"
import {
  CredentialStore,
  KeyVault,
  MasterKeys,
  type Primitives,
  Sad,
  SecurityEvents,
  type Store,
  StoreMemory
} from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Gpl, GplProtection } from "@oma/sec-cf-core/gpl"
import { Layer } from "effect"

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
export const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex")

export interface GplVector {
  readonly name: string
  readonly input: {
    readonly nafKeyHex: string
    readonly direction: "downlink" | "uplink"
    readonly cipherSuite: 0 | 1 | 2
    readonly sequenceNumber: number
    readonly saIdHex: string
    readonly gpiHex: string | null
    readonly mediaType: string | null
    readonly bodyHex: string
  }
  readonly output: { readonly kEncHex: string; readonly kIntHex: string; readonly messageHex: string }
}

export const vectors: ReadonlyArray<GplVector> = JSON.parse(
  readFileSync(new URL("../../vectors/gpl.json", import.meta.url), "utf8")
)

/** Keys straight from the key of an association, without a vault. */
export const keysOf = (key: Uint8Array, direction: "downlink" | "uplink"): GplProtection.GplKeys => {
  const { enc, int } = GplProtection.keyInputs(direction)
  const hmac = NodePrimitives.hmac("sha256")
  const kEnc = NodePrimitives.importKey(hmac(key, enc).slice(0, 16))
  const kInt = NodePrimitives.importKey(hmac(key, int))
  return {
    mac: (data) => kInt.hmac("sha256", data),
    cbcEncrypt: kEnc.aesCbcEncrypt,
    cbcDecrypt: kEnc.aesCbcDecrypt,
    gcmSeal: kEnc.aesGcmSeal,
    gcmOpen: kEnc.aesGcmOpen
  }
}

/** One party with a memory of its own. */
export const party = (): Layer.Layer<
  | Gpl.Gpl
  | Sad.Sad
  | CredentialStore.CredentialStore
  | KeyVault.KeyVault
  | MasterKeys.MasterKeys
  | Store.Store
  | SecurityEvents.SecurityEvents
  | Primitives.Primitives,
  MasterKeys.MasterKeyUnusable
> => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const keys = MasterKeys.layerEphemeral.pipe(Layer.provideMerge(ground))
  const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
  const sad = Layer.mergeAll(Sad.layer(), CredentialStore.layer).pipe(Layer.provideMerge(vault))
  return Gpl.layer.pipe(Layer.provideMerge(sad))
}
