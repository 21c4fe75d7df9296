/**
 * Shared secrets of RADIUS in the vault, and the hashes that work with them.
 *
 * @layer service
 */
import { type KeyRef, KeyVault, keyPurpose, Primitives, Unavailable } from "@oma/sa-policy"
import * as Effect from "effect/Effect"
import type { RadiusHashes } from "./RadiusAuthenticator.ts"

/** The purposes of the keys of external authentication. */
export const purposes = {
  /** The secret shared with a NAS or a RADIUS server. */
  radius: keyPurpose("external/radius"),
  /** The key shared with a proxy that adds `x-oma-proxy-mac`. */
  proxyMac: keyPurpose("external/proxy-mac"),
  /** The key under which names of subscribers become pseudonyms. */
  pseudonym: keyPurpose("external/pseudonym")
} as const

const unusable = (error: { readonly _tag: string }) =>
  Effect.fail(new Unavailable({ what: "key of external authentication", retryable: false, cause: error._tag }))

/** Runs `work` with the octets of the secret and MD5; both end with the call. */
export const make = Effect.gen(function* () {
  const vault = yield* KeyVault.KeyVault
  const md5 = (yield* Primitives.Primitives).hash("md5")
  return <A>(secret: KeyRef, work: (octets: Uint8Array, hashes: RadiusHashes) => A): Effect.Effect<A, Unavailable> =>
    vault
      .use(secret, purposes.radius, (key) =>
        key.lend((octets) => work(octets, { md5, hmacMd5: (_, data) => key.hmac("md5", data) }))
      )
      .pipe(Effect.catchTag(["KeyNotFound", "WrongPurpose", "KeyUnreadable"], unusable))
})

export type WithRadiusSecret = Effect.Success<typeof make>
