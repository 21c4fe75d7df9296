/**
 * Where a Digest server finds H(A1) of a user: the port, and its implementation on the accounts of an enabler.
 *
 * @layer service
 */
import {
  type Account,
  CredentialStore,
  type KeyPurpose,
  KeyVault,
  keyPurpose,
  Primitives,
  Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Effect from "effect/Effect"
import type { Authorization } from "./Authorization.ts"
import { type DigestHashes, digestHash, type HashName } from "./DigestAlgorithm.ts"
import * as DigestComputation from "./DigestComputation.ts"

/**
 * What is known about the user that credentials name. An unknown user has one as well, with `known` false and a secret
 * that nobody has, so that both take the same path.
 */
export interface FoundVerifier {
  readonly known: boolean
  /** The one name of the user, whichever form the credentials used; empty for an unknown user. */
  readonly subject: string
  /** The account or association that vouches. */
  readonly credentialRef?: string
  /** Milliseconds since 1970 when the secret ends; the server refuses from then on. */
  readonly notAfter?: number
  /** Lends H(A1) in lower-case hexadecimal. What `work` returns must not hold it. */
  readonly use: <A>(work: (ha1: string) => A) => Effect.Effect<A, Unavailable>
}

/** Finds the verifier for credentials whose realm and algorithm were judged acceptable. */
export type VerifierSource = (
  authorization: Pick<Authorization, "username" | "userhash" | "realm">,
  hash: HashName
) => Effect.Effect<FoundVerifier, Unavailable>

/** The purpose of a stored H(A1). */
export const purposeOf = (hash: HashName): KeyPurpose => keyPurpose(`digest/ha1-${hash.toLowerCase()}`)

/** The kind under which an account keeps H(A1) for a realm and hash; `-sess` algorithms use the same one. */
export const secretKind = (realm: string, hash: HashName): string => `digest-ha1/${hash}/${realm}`

/** The alias under which an account is found by its hashed name. */
export const userhashAlias = (hash: string): string => `userhash/${hash}`

/** The secrets and aliases with which an account can do Digest in `realm`; for `CredentialStore.add`. */
export interface AccountDigest {
  readonly secrets: Readonly<Record<string, { readonly purpose: KeyPurpose; readonly octets: Uint8Array }>>
  readonly aliases: ReadonlyArray<string>
}

/**
 * H(A1) of `username` for each of `names`, ready for an account, so that the password itself is not stored. With
 * aliases for `userhash` unless switched off.
 *
 * **Gotchas** H(A1) is as good as the password within its realm: it lies sealed in the vault like any secret.
 */
export const accountDigest = (
  hashes: DigestHashes,
  names: ReadonlyArray<HashName>,
  user: { readonly username: string; readonly realm: string; readonly password: string | Uint8Array },
  options: { readonly userhash?: boolean } = {}
): AccountDigest => {
  const secrets: Record<string, { readonly purpose: KeyPurpose; readonly octets: Uint8Array }> = {}
  const aliases: Array<string> = []
  for (const name of names) {
    const ha1 = DigestComputation.ha1(hashes[name], user.username, user.realm, user.password)
    secrets[secretKind(user.realm, name)] = { purpose: purposeOf(name), octets: Bytes.fromHex(ha1)! }
    if (options.userhash !== false) {
      aliases.push(userhashAlias(DigestComputation.userhash(hashes[name], user.username, user.realm)))
    }
  }
  return { secrets, aliases }
}

/** The hashes of Digest on the runtime's `Primitives`. On Node `NodeDigestHash.hashes` is faster. */
export const primitiveHashes = Effect.map(
  Primitives.Primitives,
  ({ hash }): DigestHashes => ({
    MD5: digestHash(hash("md5")),
    "SHA-256": digestHash(hash("sha256")),
    "SHA-512-256": digestHash(hash("sha512-256"))
  })
)

/** The enabler under which the account of nobody lies: its secrets stand in for those of unknown users. */
const nobody = { enabler: "sec-cf-digest", id: "nobody" } as const
const nobodyKind = (hash: HashName): string => `digest-ha1/${hash}`
const digestLengths: Readonly<Record<HashName, number>> = { MD5: 16, "SHA-256": 32, "SHA-512-256": 32 }

/**
 * The verifiers of the accounts of `enabler`, by account id, alias, or hashed name. A name that no account has, a
 * disabled account and an account without a secret for the realm are unknown users; each costs the same reads and the
 * same hashes.
 */
export const fromAccounts = Effect.fnUntraced(function* (enabler: string) {
  const credentials = yield* CredentialStore.CredentialStore
  const vault = yield* KeyVault.KeyVault
  const { random } = yield* Primitives.Primitives

  const secrets: Record<string, { readonly purpose: KeyPurpose; readonly octets: Uint8Array }> = {}
  for (const [hash, length] of Object.entries(digestLengths) as Array<[HashName, number]>) {
    secrets[nobodyKind(hash)] = { purpose: purposeOf(hash), octets: random(length) }
  }
  yield* Effect.ignore(credentials.add({ ...nobody, enabled: false, secrets }))

  const refOf = (account: Account | undefined, kind: string) =>
    account?.enabled === true ? account.secrets[kind] : undefined

  const source: VerifierSource = Effect.fnUntraced(function* (authorization, hash) {
    const { realm, userhash, username } = authorization
    const account = yield* credentials.find(enabler, userhash ? userhashAlias(username) : username)
    const ref = refOf(account, secretKind(realm, hash))
    const stand = ref === undefined ? yield* credentials.get(nobody.enabler, nobody.id) : undefined
    const used = ref ?? stand?.secrets[nobodyKind(hash)]
    const known = ref !== undefined && account !== undefined
    const found: FoundVerifier = {
      known,
      subject: known ? account.id : "",
      ...(known ? { credentialRef: `account/${enabler}/${account.id}` } : {}),
      use: (work) =>
        used === undefined
          ? Effect.fail(
              new Unavailable({ what: "digest verifiers", retryable: true, cause: "the account of nobody is gone" })
            )
          : vault
              .use(used, purposeOf(hash), (key) => key.lend((octets) => work(Bytes.toHex(octets))))
              .pipe(Effect.catchTag(["KeyNotFound", "WrongPurpose", "KeyUnreadable"], gone))
    }
    return found
  })
  return source
})

/**
 * A reference without a key behind it: the operator's fault, which must not look like a wrong password to a monitor.
 */
const gone = (cause: { readonly _tag: string }) =>
  Effect.fail(new Unavailable({ what: "digest verifiers", retryable: false, cause: cause._tag }))

/** A source of one fixed user, for a server with a single account and for tests of other parts. */
export const fixed =
  (
    user: { readonly username: string; readonly realm: string },
    ha1Of: (hash: HashName) => string,
    standIn: (hash: HashName) => string
  ): VerifierSource =>
  (authorization, hash) => {
    const known =
      !authorization.userhash && authorization.username === user.username && authorization.realm === user.realm
    return Effect.succeed({
      known,
      subject: known ? user.username : "",
      use: (work) => Effect.sync(() => work(known ? ha1Of(hash) : standIn(hash)))
    })
  }
