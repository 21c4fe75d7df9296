/**
 * Sessions as associations in the SAD, with the profile of the device beside them: what a registration writes is written in one
 * transaction.
 *
 * @layer service
 */
import {
  Primitives,
  ReplayWindow,
  Sad,
  SaNotFound,
  type SecurityAssociation,
  Store,
  type StoreError,
  saId,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as ConnectionSecurity from "./ConnectionSecurity.ts"
import { type DpeInterface, enabler } from "./DpeInterface.ts"
import * as ProfileRecord from "./ProfileRecord.ts"
import * as SessionId from "./SessionId.ts"
import * as SessionMachine from "./SessionMachine.ts"

const mechanism = "dpe-session"
const profiles = "dpe/profile"
const current = "dpe/current"

/** A device as the server knows it: of a subscriber, or of one session where nobody was authenticated. */
export type Owner = string

/** A session that a message belongs to. */
export interface OpenSession {
  readonly owner: Owner
  /** The octets of its name on DPE-2, in hexadecimal: its key in every collection. */
  readonly name: string
  /** The Session-ID of DPE-2. */
  readonly dpe2: string
  readonly session: SessionMachine.Session
  readonly sa: SecurityAssociation
}

export interface NewSession {
  readonly subscriber: string | undefined
  readonly identity: SecurityAssociation["peer"]
  readonly asked: ConnectionSecurity.ConnectionSecurity
  readonly issuedOver: ConnectionSecurity.ConnectionSecurity
  readonly lifetimeMillis: number
  readonly replacedMillis: number
  readonly profile: (known: ProfileRecord.ProfileRecord | undefined, now: number) => ProfileRecord.ProfileRecord
}

/** The operations, on the store of the context. */
export const make = Effect.gen(function* () {
  const sad = yield* Sad.Sad
  const store = yield* Store.Store
  const { random, hash } = yield* Primitives.Primitives
  const sha256 = hash("sha256")

  const idOf = (name: string) => saId(`${mechanism}/${name}`)

  const sessionOf = (sa: SecurityAssociation): SessionMachine.Session => {
    const { attributes } = sa
    return {
      registrant: attributes["registrant"],
      reporter: attributes["reporter"],
      asked: ConnectionSecurity.parse(attributes["asked"] ?? "") ?? "tls",
      issuedOver: ConnectionSecurity.parse(attributes["issuedOver"] ?? "") ?? "tls",
      endsAt: sa.hardExpiry ?? sa.createdAt
    }
  }

  const ownerOf = (subscriber: string | undefined, deviceId: string, name: string): Owner => {
    const text = subscriber === undefined ? `session\n${name}` : `subscriber\n${subscriber}\n${deviceId}`
    return Bytes.toHex(sha256(Bytes.utf8(text)))
  }

  const profileOf = Effect.fnUntraced(function* (owner: Owner) {
    const record = yield* store.record(profiles, owner, yield* Clock.currentTimeMillis)
    const profile = record === undefined ? undefined : ProfileRecord.decode(record.value)
    return record === undefined || profile === undefined
      ? undefined
      : { profile, version: record.version, notAfter: record.notAfter }
  })

  /** Retries what lost a race, a few times. */
  const again = <A>(attempt: Effect.Effect<A, StoreError>) =>
    Effect.retry(attempt, { times: 8, while: (error) => error._tag === "Conflict" })

  const open = Effect.fnUntraced(function* (given: NewSession, deviceId: string) {
    const now = yield* Clock.currentTimeMillis
    const sessionId = SessionId.encode(random(SessionId.octets))
    const octets = SessionId.dpe2Octets(sha256, sessionId)
    const name = Bytes.toHex(octets)
    const owner = ownerOf(given.subscriber, deviceId, name)
    const standing = yield* store.record(current, owner, now)
    const replaced = standing === undefined ? undefined : Bytes.utf8Decode(standing.value)
    const old = replaced === undefined ? undefined : yield* stored(replaced)
    const known = yield* profileOf(owner)
    const endsAt = now + given.lifetimeMillis
    const sa: SecurityAssociation = {
      id: idOf(name),
      mechanism,
      peer: given.identity,
      scope: { enabler, interface: "dpe-1", direction: "both" },
      wireId: octets,
      keys: {},
      replay: ReplayWindow.noReplay,
      createdAt: now,
      hardExpiry: endsAt,
      provenance: { by: mechanism, clause: "dpe 3: RegistrationResponse issues the Session-ID" },
      attributes: {
        owner,
        asked: given.asked,
        issuedOver: given.issuedOver,
        ...(given.subscriber === undefined ? {} : { registrant: given.subscriber }),
        ...(old === undefined ? {} : { replaces: old.sa.id })
      }
    }
    const until = now + given.replacedMillis
    const shorter = old?.sa.hardExpiry === undefined ? until : Math.min(old.sa.hardExpiry, until)
    yield* sad.add(sa, {
      with: [
        Store.putRecord(current, owner, Bytes.utf8(name), standing?.version ?? "absent", endsAt),
        Store.putRecord(
          profiles,
          owner,
          ProfileRecord.encode(given.profile(known?.profile, now)),
          known?.version ?? "absent",
          endsAt
        ),
        ...(old === undefined ? [] : [Store.put({ ...old.sa, hardExpiry: shorter }, old.version)])
      ]
    })
    return { sessionId, owner, name, endsAt }
  })

  const stored = (name: string) =>
    sad
      .get(idOf(name))
      .pipe(Effect.catchTag(["SaNotFound", "SaExpired", "SaRevoked", "SaOutOfScope"], () => Effect.succeed(undefined)))

  const currentOf = Effect.fnUntraced(function* (owner: Owner) {
    const record = yield* store.record(current, owner, yield* Clock.currentTimeMillis)
    return record === undefined ? undefined : Bytes.utf8Decode(record.value)
  })

  /** The first message under a new session ends the old one. */
  const settle = (sa: SecurityAssociation, version: number) => {
    const { replaces, ...attributes } = sa.attributes
    return replaces === undefined
      ? Effect.void
      : sad.transact([Store.put({ ...sa, attributes }, version), Store.revoke(saId(replaces), "replaced")])
  }

  const arrive = Effect.fnUntraced(function* (
    of: DpeInterface,
    sessionId: string,
    who: SessionMachine.Who,
    security: ConnectionSecurity.ConnectionSecurity
  ) {
    const octets = SessionId.storedName(sha256, of, sessionId)
    const name = octets === undefined ? undefined : Bytes.toHex(octets)
    const live = name === undefined ? undefined : yield* stored(name)
    const state: SessionMachine.State =
      live === undefined ? SessionMachine.absent : { _tag: "Live", session: sessionOf(live.sa) }
    const now = yield* Clock.currentTimeMillis
    const step = SessionMachine.step(state, { _tag: "Arrived", interface: of, who, security }, now)
    if (step.verdict._tag !== "Proceed") return step.verdict
    if (live === undefined || name === undefined || octets === undefined || step.state._tag !== "Live") {
      return { _tag: "Gone" } as const
    }
    const { session } = step.state
    const bound = session.reporter !== undefined && live.sa.attributes["reporter"] !== session.reporter
    const sa = bound ? { ...live.sa, attributes: { ...live.sa.attributes, reporter: session.reporter } } : live.sa
    if (bound) yield* sad.transact([Store.put(sa, live.version)])
    yield* settle(sa, bound ? live.version + 1 : live.version)
    const opened: OpenSession = {
      owner: sa.attributes["owner"] ?? "",
      name,
      dpe2: SessionId.encode(octets),
      session,
      sa
    }
    return { _tag: "Open", opened } as const
  })

  return {
    /** Opens a session for a device; the profile is that of the same subscriber's device before, changed by `profile`. */
    open: (given: NewSession, deviceId: string) => again(open(given, deviceId)),
    /** Judges a message that names `sessionId` on `of`; one that raced with another of its session is judged again. */
    arrive: (
      of: DpeInterface,
      sessionId: string,
      who: SessionMachine.Who,
      security: ConnectionSecurity.ConnectionSecurity
    ) => again(arrive(of, sessionId, who, security)),
    /** Ends a session; the profile goes with it unless the device has a newer one. */
    close: Effect.fnUntraced(function* ({ name, owner }: Pick<OpenSession, "name" | "owner">) {
      const isCurrent = (yield* currentOf(owner)) === name
      yield* sad.revoke(idOf(name), "deactivated", {
        with: isCurrent ? [Store.deleteRecord(current, owner), Store.deleteRecord(profiles, owner)] : []
      })
    }),
    /** Changes the profile of a device; `change` may be called again where another message was faster. */
    changeProfile: <E>(
      owner: Owner,
      change: (known: ProfileRecord.ProfileRecord, now: number) => Effect.Effect<ProfileRecord.ProfileRecord, E>
    ) =>
      Effect.gen(function* () {
        const known = yield* profileOf(owner)
        if (known === undefined) return yield* new SaNotFound({ id: `${profiles}/${owner}` })
        const next = yield* change(known.profile, yield* Clock.currentTimeMillis)
        yield* sad.transact([
          Store.putRecord(profiles, owner, ProfileRecord.encode(next), known.version, known.notAfter)
        ])
        return next
      }).pipe(Effect.retry({ times: 8, while: (error) => isConflict(error) })),
    profile: (owner: Owner): Effect.Effect<ProfileRecord.ProfileRecord | undefined, Unavailable> =>
      Effect.map(profileOf(owner), (found) => found?.profile),
    /** The device of a subscriber, whether it is registered or not. */
    ownerOf: (subscriber: string, deviceId: string): Owner => ownerOf(subscriber, deviceId, ""),
    /** The name of the session that a device has now. */
    currentOf
  }
})

const isConflict = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "Conflict"
