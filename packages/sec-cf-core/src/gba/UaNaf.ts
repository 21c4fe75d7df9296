/**
 * The application server's side of HTTP Digest on Ua as a machine. One run of it is one request.
 *
 * @layer machine
 * @spec TS 33.222 5.3; TS 24.109 5.2; TS 29.109 6.2
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { BTid } from "./BTid.ts"
import type { Fqdn } from "./Fqdn.ts"
import type { UaKeyKind } from "./UaRealm.ts"
import * as UaRealm from "./UaRealm.ts"
import { OutOfOrder } from "./UeBootstrap.ts"

/** Why a request was not let in; what the handset learns is the status. */
export type NafRefusal =
  | "no credentials"
  | "realm of another server, or none of bootstrapping"
  | "username is no B-TID"
  | "unknown B-TID"
  | "key expired"
  | "nonce is old"
  | "response is wrong"
  | "not authorised"
  | "bootstrapping server unavailable"
  | "client knows no bootstrapping"

/**
 * What the handset is told: 401 with the bootstrapping realm asks it to bootstrap (anew), the same for an unknown name and a wrong
 * secret; 403 says that a bootstrapping would not help.
 *
 * @spec TS 24.109 5.2; TS 29.109 6.2
 */
export const refusalStatus: Readonly<Record<NafRefusal, 401 | 403 | 503>> = {
  "no credentials": 401,
  "realm of another server, or none of bootstrapping": 401,
  "username is no B-TID": 401,
  "unknown B-TID": 401,
  "key expired": 401,
  "nonce is old": 401,
  "response is wrong": 401,
  "not authorised": 403,
  "client knows no bootstrapping": 403,
  "bootstrapping server unavailable": 503
}

/** What this server is and takes. */
export interface NafProfile {
  readonly fqdn: Fqdn
  /** The kinds of key that it takes, the preferred one first. */
  readonly kinds: ReadonlyArray<UaKeyKind>
}

export type State = Data.TaggedEnum<{
  Idle: object
  AwaitingKey: { readonly btid: BTid; readonly kind: UaKeyKind }
  AwaitingVerdict: { readonly btid: BTid; readonly kind: UaKeyKind }
  Admitted: { readonly btid: BTid }
  Refused: { readonly why: NafRefusal }
}>
export const State = Data.taggedEnum<State>()

export type Event = Data.TaggedEnum<{
  /** A request without credentials. `capable`: its User-Agent names a kind of GBA. */
  Plain: { readonly capable: boolean }
  /** A request with Digest credentials; `btid` is its username where that is one. */
  Presented: { readonly realm: string; readonly btid: BTid | undefined }
  /** The key is here: from the store of this server, or by Zn. */
  KeyFound: object
  KeyMissing: { readonly why: "unknown B-TID" | "key expired" | "not authorised" | "bootstrapping server unavailable" }
  /** What Digest and the user security settings said. */
  Judged: { readonly verdict: "right" | "response is wrong" | "nonce is old" | "not authorised" }
}>
export const Event = Data.taggedEnum<Event>()

export type Action = Data.TaggedEnum<{
  /** 401 with this realm. */
  Challenge: { readonly realm: string; readonly stale: boolean }
  FindKey: { readonly btid: BTid; readonly kind: UaKeyKind }
  Verify: { readonly btid: BTid; readonly kind: UaKeyKind }
  /** Serve the request, with Authentication-Info. */
  Admit: { readonly btid: BTid }
  Refuse: { readonly status: 403 | 503 }
}>
export const Action = Data.taggedEnum<Action>()

export type Step = readonly [State, ReadonlyArray<Action>]

const go = (state: State, ...actions: ReadonlyArray<Action>): Result.Result<Step, OutOfOrder> =>
  Result.succeed([state, actions])

const refuse = (profile: NafProfile, why: NafRefusal) => {
  const status = refusalStatus[why]
  return go(
    State.Refused({ why }),
    status === 401
      ? Action.Challenge({ realm: UaRealm.encode(profile.kinds, profile.fqdn), stale: why === "nonce is old" })
      : Action.Refuse({ status })
  )
}

const presented = (profile: NafProfile, event: Extract<Event, { _tag: "Presented" }>) => {
  const realm = UaRealm.decodeOne(event.realm)
  if (realm === undefined || realm.fqdn !== profile.fqdn || !profile.kinds.includes(realm.kind)) {
    return refuse(profile, "realm of another server, or none of bootstrapping")
  }
  if (event.btid === undefined) return refuse(profile, "username is no B-TID")
  const { btid } = event
  const { kind } = realm
  return go(State.AwaitingKey({ btid, kind }), Action.FindKey({ btid, kind }))
}

/**
 * The next state and the work that it asks for. Fails with `OutOfOrder` for an event that does not belong into the state.
 * Never throws, never waits.
 */
export const step = (profile: NafProfile, state: State, event: Event): Result.Result<Step, OutOfOrder> => {
  switch (state._tag) {
    case "Idle":
    case "Admitted":
    case "Refused":
      if (event._tag === "Plain") {
        return refuse(profile, event.capable ? "no credentials" : "client knows no bootstrapping")
      }
      if (event._tag === "Presented") return presented(profile, event)
      break
    case "AwaitingKey": {
      const { btid, kind } = state
      if (event._tag === "KeyFound") {
        return go(State.AwaitingVerdict({ btid, kind }), Action.Verify({ btid, kind }))
      }
      if (event._tag === "KeyMissing") return refuse(profile, event.why)
      break
    }
    case "AwaitingVerdict":
      if (event._tag !== "Judged") break
      return event.verdict === "right"
        ? go(State.Admitted({ btid: state.btid }), Action.Admit({ btid: state.btid }))
        : refuse(profile, event.verdict)
  }
  return Result.fail(new OutOfOrder({ state: state._tag, event: event._tag }))
}
