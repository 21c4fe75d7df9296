/**
 * HMAC-SHA-256 for short messages: the states after the two key blocks are kept beside the imported key, so that a message costs its own
 * blocks only, and no call into the runtime. Past `longest` octets the runtime is faster and is asked.
 *
 * @layer service
 */
import { type _HMAC as HmacState, hmac } from "@noble/hashes/hmac.js"
import { type _SHA256 as Sha256State, sha256 } from "@noble/hashes/sha2.js"
import type { Primitives } from "@oma/sa-policy"

type State = HmacState<Sha256State>

/** Octets from which on a call of `node:crypto` is faster; measured. */
export const longest = 384

// the states go when the vault drops the key that they belong to
const states = new WeakMap<Primitives.SecretKey, State>()
const scratch: State = hmac.create(sha256, new Uint8Array(0))

const stateOf = (key: Primitives.SecretKey): State => {
  const kept = states.get(key)
  if (kept !== undefined) return kept
  const made = key.lend((octets) => hmac.create(sha256, octets))
  states.set(key, made)
  return made
}

/** The 32 octets of HMAC-SHA-256 over `data`. */
export const mac = (key: Primitives.SecretKey, data: Uint8Array): Uint8Array =>
  data.length > longest ? key.hmac("sha256", data) : stateOf(key)._cloneInto(scratch).update(data).digest()
