/**
 * The handset's side of HTTP Digest on Ua as a machine: when to bootstrap, which realm to answer, when to give up. One run of it
 * is one request of the application.
 *
 * @layer machine
 * @spec TS 33.222 5.3; TS 24.109 5.2
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { BTid } from "./BTid.ts"
import type { UaKeyKind, UaRealm } from "./UaRealm.ts"
import { OutOfOrder } from "./UeBootstrap.ts"

/** Why a request on Ua failed. */
export type UaFailure =
  | "the realm names another server"
  | "no kind of key that this handset has"
  | "refused even with a new bootstrapping"
  | "no bootstrapping"
  | "not authorised"
  | "server not authenticated: rspauth is missing or wrong"
  | "too many challenges"

interface Run {
  /** The kinds of key that this handset has, best first. */
  readonly kinds: ReadonlyArray<UaKeyKind>
  /** Whether it bootstrapped during this request. */
  readonly renewed: boolean
  readonly challenges: number
}

export type State = Data.TaggedEnum<{
  Idle: object
  /** A request is out; `btid` is that of its credentials, if it had any. */
  Sent: { readonly run: Run; readonly btid: BTid | undefined }
  Bootstrapping: { readonly run: Run; readonly realm: UaRealm }
  Done: object
  Failed: { readonly reason: UaFailure }
}>
export const State = Data.taggedEnum<State>()

export type Event = Data.TaggedEnum<{
  /** A request. `btid`: there is a bootstrapping and a nonce of this server, so that credentials go along at once. */
  Start: { readonly kinds: ReadonlyArray<UaKeyKind>; readonly btid?: BTid | undefined }
  /**
   * 401 with realms of bootstrapping. `host`: the name to which the request went, also the one in the server's certificate.
   * `btid`: the bootstrapping that is valid now, if any. `stale`: the key was right, the nonce old.
   */
  Challenged: {
    readonly realms: ReadonlyArray<UaRealm>
    readonly host: string
    readonly btid: BTid | undefined
    readonly stale: boolean
  }
  Bootstrapped: { readonly btid: BTid }
  BootstrapFailed: object
  /** Any other answer. `proof`: what rspauth said, where there was one. */
  Answered: { readonly status: number; readonly proof: "right" | "wrong" | "absent" }
}>
export const Event = Data.taggedEnum<Event>()

export type Action = Data.TaggedEnum<{
  /** The request, with credentials of the last nonce where `btid` is given. */
  Send: { readonly btid: BTid | undefined }
  /** The request with credentials for this realm; username is the B-TID, password base64 of the key. */
  SendAuthorised: { readonly btid: BTid; readonly realm: UaRealm }
  Bootstrap: object
  /** Hand the answer to the application. */
  Deliver: object
  /** Close the connection and drop what came. */
  Close: { readonly reason: UaFailure }
}>
export const Action = Data.taggedEnum<Action>()

/** How often a server may ask, and whether it must prove itself by rspauth. */
export interface UaClientLimits {
  /** Challenges to one request; 4. */
  readonly challenges: number
  /** Whether an answer to credentials without rspauth is dropped. Off inside TLS, where the certificate says who answers. */
  readonly demandProof: boolean
}
export const defaultLimits: UaClientLimits = { challenges: 4, demandProof: false }

export type Step = readonly [State, ReadonlyArray<Action>]

const go = (state: State, ...actions: ReadonlyArray<Action>): Result.Result<Step, OutOfOrder> =>
  Result.succeed([state, actions])
const fail = (reason: UaFailure) => go(State.Failed({ reason }), Action.Close({ reason }))

const challenged = (
  { run, btid: used }: Extract<State, { _tag: "Sent" }>,
  event: Extract<Event, { _tag: "Challenged" }>,
  limits: UaClientLimits
) => {
  if (run.challenges >= limits.challenges) return fail("too many challenges")
  const here = event.realms.filter((realm) => realm.fqdn === event.host.toLowerCase())
  if (here.length === 0) return fail("the realm names another server")
  const kind = run.kinds.find((one) => here.some((realm) => realm.kind === one))
  const realm = here.find((one) => one.kind === kind)
  if (realm === undefined) return fail("no kind of key that this handset has")
  const next = { ...run, challenges: run.challenges + 1 }
  // Another B-TID than the one refused is worth a try; the same one only if the nonce alone was old.
  if (event.btid !== undefined && (event.btid !== used || event.stale)) {
    const { btid } = event
    return go(State.Sent({ run: next, btid }), Action.SendAuthorised({ btid, realm }))
  }
  if (run.renewed) return fail("refused even with a new bootstrapping")
  return go(State.Bootstrapping({ run: { ...next, renewed: true }, realm }), Action.Bootstrap())
}

/**
 * The next state and the work that it asks for. Fails with `OutOfOrder` for an event that does not belong into the state.
 * Never throws, never waits.
 */
export const step = (
  state: State,
  event: Event,
  limits: UaClientLimits = defaultLimits
): Result.Result<Step, OutOfOrder> => {
  const outOfOrder = () => Result.fail(new OutOfOrder({ state: state._tag, event: event._tag }))
  switch (state._tag) {
    case "Idle":
    case "Done":
    case "Failed": {
      if (event._tag !== "Start") return outOfOrder()
      const run: Run = { kinds: event.kinds, renewed: false, challenges: 0 }
      return go(State.Sent({ run, btid: event.btid }), Action.Send({ btid: event.btid }))
    }
    case "Sent":
      if (event._tag === "Challenged") return challenged(state, event, limits)
      if (event._tag !== "Answered") return outOfOrder()
      if (event.proof === "wrong") return fail("server not authenticated: rspauth is missing or wrong")
      if (event.status === 403) return fail("not authorised")
      if (limits.demandProof && state.btid !== undefined && event.proof === "absent" && event.status < 400) {
        return fail("server not authenticated: rspauth is missing or wrong")
      }
      return go(State.Done(), Action.Deliver())
    case "Bootstrapping":
      if (event._tag === "BootstrapFailed") return fail("no bootstrapping")
      if (event._tag !== "Bootstrapped") return outOfOrder()
      return go(
        State.Sent({ run: state.run, btid: event.btid }),
        Action.SendAuthorised({ btid: event.btid, realm: state.realm })
      )
  }
}
