/**
 * The protection keys of a GPI, made for the time of one call.
 *
 * @layer service
 */
import type { Primitives } from "@oma/sa-policy"
import { Bytes, type Hmac } from "@oma/sa-policy/bytes"
import { type GpiKeys, protectionKeys } from "./GpiCodec.ts"

/** Runs `work` with the keys under `base`, which is overwritten. What `work` returns must not hold the keys. */
export const withKeys = <A>(
  { importKey }: Pick<Primitives.Primitives["Service"], "importKey">,
  base: Uint8Array,
  rand: Uint8Array,
  work: (keys: GpiKeys) => A
): A => {
  const hmac: Hmac = (key, data) => {
    const secret = importKey(key)
    const mac = secret.hmac("sha256", data)
    secret.dispose()
    return mac
  }
  const octets = protectionKeys(hmac, base, rand)
  Bytes.wipe(base)
  const [enc, int] = [importKey(octets.enc), importKey(octets.int)]
  Bytes.wipe(octets.enc)
  Bytes.wipe(octets.int)
  const made = work({ mac: (data) => int.hmac("sha256", data), encryptBlocks: enc.aesBlocks })
  enc.dispose()
  int.dispose()
  return made
}
