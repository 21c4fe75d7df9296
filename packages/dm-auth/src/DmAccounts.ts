/**
 * The accounts of a DM party: who may authenticate with what. They live in the `CredentialStore`, their verifiers in the
 * `KeyVault`; passwords are kept only where a mechanism cannot do without.
 *
 * @layer service
 */
import {
  type Account,
  CredentialStore,
  type KeyPurpose,
  type KeyRef,
  KeyVault,
  keyPurpose,
  Primitives,
  type StoreError,
  Unacceptable,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes, type Hash } from "@oma/sa-policy/bytes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { type HashName, hashNameFor, hashNameOf, holds, holdsFlat, type Judged } from "./CandidateCheck.ts"
import * as CredDigest from "./CredDigest.ts"
import type { DmAuthType } from "./DmAuthType.ts"
import type { Candidate } from "./DmCheck.ts"
import type { Presentation } from "./DmProof.ts"
import * as MessageMac from "./MessageMac.ts"

/** The name of the enabler in stores and events. */
export const enabler = "dm"

/** A name and a password. */
export interface Secret {
  readonly user: string
  readonly secret: Redacted.Redacted<string>
}

/** An account to be made: the device, who it logs in as, and what the server shows to it. */
export interface NewDmAccount {
  /** `Source/LocURI` of the device, such as `IMEI:493005100592800`; the user name finds the account too. */
  readonly device: string
  /** Other names that find it. */
  readonly aliases?: ReadonlyArray<string>
  readonly client: Secret
  /** The server's own credentials for this device. Name and password differ from those of the client. */
  readonly server?: Secret
  /** The types that the account may use, where it is fewer than its verifiers allow. */
  readonly types?: ReadonlyArray<DmAuthType>
  /** The hashes for which verifiers are kept; MD5 and SHA-256 unless given. */
  readonly hashes?: ReadonlyArray<"md5" | "sha256">
  /** Keeps the password itself too, which the digest of SyncML 1.0 cannot do without. */
  readonly syncml10?: boolean
  /** SHA-256 of the client's certificate, lower-case hexadecimal: it stands for credentials where policy says so. */
  readonly certificate?: string
}

/** Credentials ready to be sent: the octets for `Cred`, or the code for `x-syncml-hmac` over `body`. */
export interface Made {
  readonly user: string
  readonly octets: (body: Uint8Array) => Uint8Array
}

/**
 * Accounts and what is computed from their secrets.
 *
 * @spec DM Security 1.2; OMA SEC_CF-SEC-001
 */
export class DmAccounts extends Context.Service<
  DmAccounts,
  {
    /** Makes an account. Fails with `Unacceptable` where client and server credentials could be mirrored, or a name has a colon. */
    readonly add: (account: NewDmAccount) => Effect.Effect<Account, StoreError>
    /** The enabled account that the first of `names` finds. */
    readonly find: (names: ReadonlyArray<string>) => Effect.Effect<Account | undefined, Unavailable>
    /**
     * Whether the candidate holds for the account under one of the nonces. Without an account the same work is done against
     * a verifier that nobody knows, and the answer is no.
     */
    readonly judge: (account: Account | undefined, judged: Judged) => Effect.Effect<boolean, Unavailable>
    /** The server's own credentials for the account: digest or MAC; `undefined` where it has none of that type. */
    readonly own: (account: Account, shown: Presentation) => Effect.Effect<Made | undefined, Unavailable>
  }
>()("@oma/dm-auth/DmAccounts") {}

const purposeOf = (kind: string): KeyPurpose => keyPurpose(`dm/${kind}`)

/** The types that `account` can be asked for. */
export const typesOf = (account: Account): ReadonlyArray<DmAuthType> => {
  const { secrets } = account
  const types: Array<DmAuthType> = []
  if (secrets["verifier-sha256"] !== undefined) types.push("syncml:auth-sha256")
  if (secrets["verifier-md5"] !== undefined) types.push("syncml:auth-md5", "syncml:auth-MAC")
  if (types.length > 0) types.push("syncml:auth-basic")
  const allowed = account.attributes["types"]?.split(" ")
  return allowed === undefined ? types : types.filter((type) => allowed.includes(type))
}

/** Whether the server has credentials of its own for `account`. */
export const hasOwn = (account: Account): boolean =>
  account.secrets["server-md5"] !== undefined || account.secrets["server-sha256"] !== undefined

/** The user name of `account`. */
export const userOf = (account: Account): string => account.attributes["user"] ?? account.id

const make = Effect.gen(function* () {
  const credentials = yield* CredentialStore.CredentialStore
  const vault = yield* KeyVault.KeyVault
  const primitives = yield* Primitives.Primitives
  const hashes: Record<HashName, Hash> = { md5: primitives.hash("md5"), sha256: primitives.hash("sha256") }

  /** A key of the vault that belongs to nobody, for the work done on behalf of unknown accounts. */
  const standIn = (name: HashName) => {
    const purpose = purposeOf(`verifier-${name}`)
    const id = `dm/nobody/${name}`
    const octets = Bytes.utf8(Bytes.toBase64(primitives.random(name === "md5" ? 16 : 32)))
    return Effect.catchTag(vault.put(purpose, octets, { id }), "Conflict", () => vault.newest(id, purpose))
  }
  const nobody: Record<HashName, KeyRef> = { md5: yield* standIn("md5"), sha256: yield* standIn("sha256") }

  const read = <A>(ref: KeyRef, use: (text: string) => A) =>
    vault
      .use(ref, ref.purpose, (key) => key.lend((octets) => use(Bytes.utf8Decode(octets) ?? "")))
      .pipe(
        Effect.catchTags({
          KeyNotFound: () => Effect.succeed(undefined),
          KeyUnreadable: () => Effect.succeed(undefined),
          WrongPurpose: () => Effect.succeed(undefined)
        })
      )

  const kindFor = (account: Account | undefined, candidate: Candidate): HashName =>
    hashNameFor(candidate, account !== undefined && account.secrets["verifier-sha256"] === undefined ? "md5" : "sha256")

  return {
    add: Effect.fnUntraced(function* (given: NewDmAccount) {
      const {
        aliases = [],
        certificate,
        client,
        device,
        hashes: kept = ["md5", "sha256"],
        server,
        syncml10,
        types
      } = given
      const refuse = (why: string) => Effect.fail(new Unacceptable({ key: `dm/${device}`, why }))
      const clear = { user: client.user, secret: Redacted.value(client.secret) }
      const mirror = server === undefined ? undefined : { user: server.user, secret: Redacted.value(server.secret) }
      if (!CredDigest.isUserName(clear.user) || (mirror !== undefined && !CredDigest.isUserName(mirror.user))) {
        return yield* refuse("a user name is not empty and has no colon")
      }
      if (mirror !== undefined && CredDigest.reflects(hashes.sha256, clear, mirror)) {
        return yield* refuse("client and server credentials differ in name and in secret")
      }
      const secrets: Record<string, { readonly purpose: KeyPurpose; readonly octets: Uint8Array }> = {}
      const keep = (kind: string, text: string) => {
        secrets[kind] = { purpose: purposeOf(kind), octets: Bytes.utf8(text) }
      }
      for (const name of kept) {
        keep(`verifier-${name}`, CredDigest.storedKey(hashes[name], clear.user, clear.secret))
        if (mirror !== undefined) keep(`server-${name}`, CredDigest.storedKey(hashes[name], mirror.user, mirror.secret))
      }
      if (syncml10 === true) keep("secret", clear.secret)
      return yield* credentials.add({
        enabler,
        id: device,
        aliases: [...new Set([clear.user, ...aliases])].filter((name) => name !== device),
        secrets,
        attributes: {
          user: clear.user,
          ...(mirror === undefined ? {} : { serverUser: mirror.user }),
          ...(types === undefined ? {} : { types: types.join(" ") }),
          ...(certificate === undefined ? {} : { certificate })
        }
      })
    }),
    find: Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
      for (const name of names) {
        const account = yield* credentials.find(enabler, name)
        if (account?.enabled) return account
      }
      return undefined
    }),
    judge: Effect.fnUntraced(function* (account: Account | undefined, judged: Judged) {
      const { candidate, verProto } = judged
      const name = kindFor(account, candidate)
      const hash = hashes[name]
      if (CredDigest.formulaOf(verProto) === "flat" && CredDigest.isDigestType(candidate.type)) {
        const ref = account?.secrets["secret"] ?? nobody[name]
        const user = account === undefined ? "" : userOf(account)
        const good = yield* read(ref, (secret) => holdsFlat(hash, secret, user, judged))
        return good === true && account?.secrets["secret"] !== undefined
      }
      const own = account?.secrets[`verifier-${name}`]
      const user = account === undefined ? "" : userOf(account)
      const good = yield* read(own ?? nobody[name], (key) => holds(hash, key, user, judged))
      return good === true && own !== undefined
    }),
    own: Effect.fnUntraced(function* (account: Account, { nonce, type }: Presentation) {
      const name = hashNameOf(type)
      const ref = account.secrets[`server-${name}`]
      const user = account.attributes["serverUser"]
      if (ref === undefined || user === undefined || type === "syncml:auth-basic") return undefined
      const hash = hashes[name]
      if (type !== "syncml:auth-MAC") {
        const octets = yield* read(ref, (key) => CredDigest.digestFromKey(hash, key, nonce))
        return octets === undefined ? undefined : { user, octets: () => octets }
      }
      const key = yield* read(ref, (text) => Redacted.make(text))
      if (key === undefined) return undefined
      return { user, octets: (body: Uint8Array) => MessageMac.nested(hash, Redacted.value(key), nonce, body) }
    })
  }
})

/** Accounts on the credential store and the vault. */
export const layer = Layer.effect(DmAccounts, make)
