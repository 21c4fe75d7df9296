/**
 * The servers that a device knows: one account each, as the DMAcc management object describes it. Secrets lie in the `KeyVault`; the
 * nonces of both directions are associations and survive a restart.
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
  Sad,
  type StoreError,
  Unacceptable,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes, type Hash } from "@oma/sa-policy/bytes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { type HashName, hashNameFor, hashNameOf, holds, type Judged } from "./CandidateCheck.ts"
import * as CredDigest from "./CredDigest.ts"
import { type AppAuth, dmAuthType } from "./DmAccount.ts"
import type { Made } from "./DmAccounts.ts"
import { type DmAuthType, dmAuthTypes } from "./DmAuthType.ts"
import type { Presentation } from "./DmProof.ts"
import * as MessageMac from "./MessageMac.ts"
import { type NonceName, read, type StoredNonce, write } from "./StoredNonce.ts"

/** The name under which a device keeps its servers in stores. A server of its own in the same store has another. */
export const enabler = "dm-client"

/** The account of one server on the device. */
export interface NewDmServer {
  /** `ServerID`. */
  readonly serverId: string
  /** `AppAddr`: absolute, `https:` or `http:`. */
  readonly address: string
  /** What the device calls itself in `Source/LocURI`, such as `IMEI:493005100592800`. */
  readonly device: string
  /**
   * `AppAuth`: entries of level `CLCRED` for the credentials of the device and `SRVCRED` for those of the server. All entries of a
   * level have one name and one secret; `data` is the first nonce.
   */
  readonly auth: ReadonlyArray<AppAuth>
  /** `AAuthPref`: the type to begin with; what worked last unless given, and the strongest at first. */
  readonly preferred?: DmAuthType
}

/** What a session starts from. */
export interface DmServerAccount {
  readonly serverId: string
  readonly address: string
  readonly device: string
  /** The user name of the device. */
  readonly user: string
  /** The types for which the device has credentials, and for which it can judge those of the server. */
  readonly types: ReadonlyArray<DmAuthType>
  readonly serverTypes: ReadonlyArray<DmAuthType>
  /** The type to begin with, where preference or experience says one. */
  readonly first?: DmAuthType
  /** The nonce that the server gave last; empty where there is none. */
  readonly nonce: Uint8Array
}

/**
 * The accounts of the device.
 *
 * @spec DMAcc 1.2; DM Security 1.2, nonces
 */
export class DmServers extends Context.Service<
  DmServers,
  {
    /**
     * Makes an account. Fails with `Unacceptable` where no type of `auth` is computed here, a name has a colon, entries of one level
     * differ, or the credentials of the two sides could be mirrored; with `Conflict` where the server is known already.
     */
    readonly add: (server: NewDmServer) => Effect.Effect<void, StoreError>
    readonly remove: (serverId: string) => Effect.Effect<void, StoreError>
    /** The enabled account of a server. */
    readonly get: (serverId: string) => Effect.Effect<DmServerAccount | undefined, Unavailable>
    /** The credentials of the device; `undefined` where it has none of that type. */
    readonly own: (serverId: string, shown: Presentation) => Effect.Effect<Made | undefined, Unavailable>
    /** The nonce for the credentials of the server. */
    readonly serverNonce: (serverId: string) => Effect.Effect<StoredNonce, Unavailable>
    /** Whether the server's credentials hold under one of the nonces. */
    readonly judge: (serverId: string, judged: Judged) => Effect.Effect<boolean, Unavailable>
    /** Replaces the nonce for the server's credentials, where its version is still that of `old`: it counts once. */
    readonly spend: (
      serverId: string,
      old: StoredNonce,
      next: Uint8Array
    ) => Effect.Effect<"kept" | "raced", Unavailable>
    /** Keeps a nonce for the credentials of the device. */
    readonly keepNonce: (serverId: string, nonce: Uint8Array) => Effect.Effect<void, Unavailable>
    /** Remembers the type that worked. */
    readonly worked: (serverId: string, type: DmAuthType) => Effect.Effect<void, StoreError>
  }
>()("@oma/dm-auth/DmServers") {}

const purposeOf = (kind: string): KeyPurpose => keyPurpose(`dm-client/${kind}`)
const given = (name: string): NonceName => ({ enabler, direction: "outbound", name })
const issued = (name: string): NonceName => ({ enabler, direction: "inbound", name })

const parse = (text: string | undefined): ReadonlyArray<DmAuthType> => {
  const names = new Set(text?.split(" "))
  return dmAuthTypes.filter((type) => names.has(type))
}

interface Side {
  readonly user: string
  readonly secret: string
  readonly types: ReadonlyArray<DmAuthType>
  readonly nonce: Uint8Array | undefined
}

/** What the entries of one level say together, or why they cannot be used. */
const side = (auth: ReadonlyArray<AppAuth>, level: AppAuth["level"], name: string): Side | string | undefined => {
  const entries = auth.filter((entry) => entry.level === level)
  const types = entries.flatMap((entry) => dmAuthType(entry.type) ?? [])
  const first = entries.find((entry) => dmAuthType(entry.type) !== undefined)
  if (first === undefined)
    return entries.some(({ type }) => type !== "TRANSPORT") ? `no type of ${level} is computed` : undefined
  const user = first.name ?? name
  const secret = first.secret === undefined ? undefined : Redacted.value(first.secret)
  if (secret === undefined) return `${level} has no secret`
  for (const entry of entries) {
    if (dmAuthType(entry.type) === undefined) continue
    if ((entry.name ?? name) !== user || entry.secret === undefined || Redacted.value(entry.secret) !== secret) {
      return `entries of ${level} have one name and one secret`
    }
  }
  if (!CredDigest.isUserName(user)) return "a user name is not empty and has no colon"
  return { user, secret, types, nonce: entries.find((entry) => entry.data !== undefined)?.data }
}

const make = Effect.gen(function* () {
  const credentials = yield* CredentialStore.CredentialStore
  const vault = yield* KeyVault.KeyVault
  const sad = yield* Sad.Sad
  const primitives = yield* Primitives.Primitives
  const hashes: Record<HashName, Hash> = { md5: primitives.hash("md5"), sha256: primitives.hash("sha256") }

  const secretOf = <A>(ref: KeyRef, use: (text: string) => A) =>
    vault
      .use(ref, ref.purpose, (key) => key.lend((octets) => use(Bytes.utf8Decode(octets) ?? "")))
      .pipe(Effect.catchTags({ KeyNotFound: Effect.die, KeyUnreadable: Effect.die, WrongPurpose: Effect.die }))

  const known = (serverId: string) =>
    Effect.map(credentials.get(enabler, serverId), (account) => (account?.enabled ? account : undefined))

  /** `AAuthPref`, else what worked last, where the account still has it; else the order of policy decides. */
  const preference = ({ attributes }: Account, types: ReadonlyArray<DmAuthType>): DmAuthType | undefined =>
    [...parse(attributes["preferred"]), ...parse(attributes["worked"])].find((type) => types.includes(type))

  return {
    add: Effect.fnUntraced(function* (server: NewDmServer) {
      const { address, auth, device, preferred, serverId } = server
      const refuse = (why: string) => Effect.fail(new Unacceptable({ key: `${enabler}/${serverId}`, why }))
      const client = side(auth, "CLCRED", device)
      const own = side(auth, "SRVCRED", serverId)
      if (typeof client === "string") return yield* refuse(client)
      if (typeof own === "string") return yield* refuse(own)
      if (!/^https?:\/\//i.test(address)) return yield* refuse("the address is http: or https:")
      if (client !== undefined && own !== undefined && CredDigest.reflects(hashes.sha256, client, own)) {
        return yield* refuse("client and server credentials differ in name and in secret")
      }
      const secrets: Record<string, { readonly purpose: KeyPurpose; readonly octets: Uint8Array }> = {}
      const keep = (kind: string, text: string) => {
        secrets[kind] = { purpose: purposeOf(kind), octets: Bytes.utf8(text) }
      }
      for (const [kind, part] of [
        ["client", client],
        ["server", own]
      ] as const) {
        if (part === undefined) continue
        for (const name of ["md5", "sha256"] as const) {
          keep(`${kind}-${name}`, CredDigest.storedKey(hashes[name], part.user, part.secret))
        }
      }
      if (client?.types.includes("syncml:auth-basic")) keep("client-secret", client.secret)
      yield* credentials.add({
        enabler,
        id: serverId,
        secrets,
        attributes: {
          address,
          device,
          user: client?.user ?? device,
          serverUser: own?.user ?? serverId,
          types: (client?.types ?? []).join(" "),
          serverTypes: (own?.types ?? []).join(" "),
          ...(preferred === undefined ? {} : { preferred })
        }
      })
      yield* write(sad, given(serverId), client?.nonce ?? new Uint8Array(0), "any")
      yield* write(sad, issued(serverId), own?.nonce ?? new Uint8Array(0), "any")
    }),
    remove: (serverId: string) => credentials.remove(enabler, serverId),
    get: Effect.fnUntraced(function* (serverId: string) {
      const account = yield* known(serverId)
      if (account === undefined) return undefined
      const { address = "", device = "", user = "" } = account.attributes
      const types = parse(account.attributes["types"])
      const { octets: nonce } = yield* read(sad, given(serverId))
      const first = preference(account, types)
      const found: DmServerAccount = {
        serverId,
        address,
        device,
        user,
        types,
        serverTypes: parse(account.attributes["serverTypes"]),
        nonce,
        ...(first === undefined ? {} : { first })
      }
      return found
    }),
    own: Effect.fnUntraced(function* (serverId: string, { nonce, type }: Presentation) {
      const account = yield* known(serverId)
      if (account === undefined || !parse(account.attributes["types"]).includes(type)) return undefined
      const user = account.attributes["user"] ?? ""
      const name = hashNameOf(type)
      const ref = account.secrets[type === "syncml:auth-basic" ? "client-secret" : `client-${name}`]
      if (ref === undefined) return undefined
      const hash = hashes[name]
      if (type === "syncml:auth-MAC") {
        const key = yield* secretOf(ref, (text) => Redacted.make(text))
        return { user, octets: (body: Uint8Array) => MessageMac.nested(hash, Redacted.value(key), nonce, body) }
      }
      const octets = yield* secretOf(ref, (text) =>
        type === "syncml:auth-basic" ? Bytes.utf8(`${user}:${text}`) : CredDigest.digestFromKey(hash, text, nonce)
      )
      return { user, octets: () => octets }
    }),
    serverNonce: (serverId: string) => read(sad, issued(serverId)),
    judge: Effect.fnUntraced(function* (serverId: string, judged: Judged) {
      const account = yield* known(serverId)
      const name = hashNameFor(judged.candidate, "sha256")
      const ref = account?.secrets[`server-${name}`]
      const user = account?.attributes["serverUser"] ?? ""
      return ref === undefined ? false : yield* secretOf(ref, (key) => holds(hashes[name], key, user, judged))
    }),
    spend: (serverId: string, old: StoredNonce, next: Uint8Array) =>
      write(sad, issued(serverId), next, old.version === 0 ? "absent" : old.version),
    keepNonce: (serverId: string, nonce: Uint8Array) => Effect.asVoid(write(sad, given(serverId), nonce, "any")),
    worked: Effect.fnUntraced(function* (serverId: string, type: DmAuthType) {
      const account = yield* known(serverId)
      if (account === undefined || account.attributes["worked"] === type) return
      yield* credentials.update(enabler, serverId, { attributes: { ...account.attributes, worked: type } })
    })
  }
})

/** The accounts on the credential store, the vault and the SAD. */
export const layer = Layer.effect(DmServers, make)
