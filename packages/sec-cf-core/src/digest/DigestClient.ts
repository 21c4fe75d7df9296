/**
 * The client's side of Digest as pure values: the protection spaces that were learnt, and the exchange of one request
 * as a machine that answers challenges, refuses downgrades, retries a stale nonce once and judges the server's proof.
 *
 * @layer machine
 * @spec RFC 7616 3.3 (domain, stale), 3.5 (nextnonce, rspauth), 3.6, 3.7
 */
import * as Data from "effect/Data"
import * as Challenge from "./Challenge.ts"
import { algorithms, type DigestAlgorithm } from "./DigestAlgorithm.ts"
import * as DigestUri from "./DigestUri.ts"

/** How often a client tries, and how much it remembers. */
export interface ClientLimits {
  /** Requests with credentials in one exchange. */
  readonly maxAttempts: number
  /** Protection spaces that are remembered. */
  readonly maxSpaces: number
}

export const defaultClientLimits: ClientLimits = { maxAttempts: 3, maxSpaces: 64 }

/** What this client is willing to do. */
export interface ClientRules extends ClientLimits {
  /** Accepted algorithms. Those of AKA have to be named. */
  readonly algorithms: ReadonlyArray<DigestAlgorithm>
  /** Answers challenges without qop (RFC 2069). */
  readonly legacy: boolean
  /** In order of preference; the first one that the server offers is used. */
  readonly qop: ReadonlyArray<Challenge.Qop>
  /** Refuses an answer to an authenticated request that does not prove the server. */
  readonly requireProof: boolean
  /** Follows `domain` entries on other origins. */
  readonly abroad: boolean
}

/** Password algorithms strongest first, no legacy, auth before auth-int, three attempts, 64 spaces. */
export const defaultRules: ClientRules = {
  algorithms: ["SHA-512-256-sess", "SHA-512-256", "SHA-256-sess", "SHA-256", "MD5-sess", "MD5"],
  legacy: false,
  qop: ["auth", "auth-int"],
  requireProof: false,
  abroad: false,
  ...defaultClientLimits
}

/** One protection space: the challenge that opened it and how often its nonce was used. */
export interface Space {
  /** Scheme, host and port of the server that challenged, lower case. */
  readonly origin: string
  readonly challenge: Challenge.DigestChallenge & { readonly algorithm: DigestAlgorithm }
  readonly qop: Challenge.Qop | undefined
  /** The nonce in use: that of the challenge, or a later nextnonce. */
  readonly nonce: string
  /** Uses of the nonce so far. */
  readonly count: number
  /** The first cnonce; a `-sess` algorithm keeps it for the life of the nonce. */
  readonly cnonce: string
}

/** Spaces, the most recently learnt one first. */
export type Spaces = ReadonlyArray<Space>

export const noSpaces: Spaces = []

/** What a request is, to the client. */
export interface Target {
  /** Scheme, host and port, lower case, such as `https://naf.example.net`. */
  readonly origin: string
  /** The request target in origin form. */
  readonly target: string
}

/** One use of a nonce: all that an `Authorization` field needs but the user. */
export interface Use {
  readonly origin: string
  readonly challenge: Space["challenge"]
  readonly qop: Challenge.Qop | undefined
  readonly nonce: string
  readonly count: number
  readonly cnonce: string
}

const sameSpace = (
  a: { readonly origin: string; readonly challenge: { readonly realm: string } },
  b: typeof a
): boolean => a.origin === b.origin && a.challenge.realm === b.challenge.realm

const useOf = (space: Space, cnonce: string): readonly [Space, Use] => {
  const count = space.count + 1
  const session = algorithms[space.challenge.algorithm].session
  const kept = session ? space.cnonce : cnonce
  const { challenge, nonce, origin, qop } = space
  return [
    { ...space, count },
    { origin, challenge, qop, nonce, count, cnonce: kept }
  ]
}

/** Counts end where `nc` has no more digits; the nonce is given up then. */
const lastCount = 0xffffffff

/**
 * The use to send with a request before any challenge, out of the space that covers its URI most narrowly; none where
 * no space does. `cnonce` is fresh chance, printable US-ASCII.
 */
export const preempt = (
  rules: ClientRules,
  spaces: Spaces,
  request: Target,
  cnonce: string
): readonly [Spaces, Use | undefined] => {
  let best: Space | undefined
  let longest = -1
  for (const space of spaces) {
    if (space.count >= lastCount || (space.qop === undefined && space.count > 0)) continue
    const { domain } = space.challenge
    const length = DigestUri.inSpace(domain, space.origin, rules.abroad, request.origin, request.target)
    if (length > longest) {
      best = space
      longest = length
    }
  }
  if (best === undefined) return [spaces, undefined]
  const [counted, use] = useOf(best, cnonce)
  return [spaces.map((space) => (space === best ? counted : space)), use]
}

/** Puts the next nonce of a space in place; nothing where the space has moved on to another nonce meanwhile. */
export const renew = (spaces: Spaces, use: Use, nextnonce: string): Spaces =>
  spaces.map((space) =>
    sameSpace(space, use) && space.nonce === use.nonce && nextnonce !== use.nonce
      ? { ...space, nonce: nextnonce, count: 0, cnonce: use.cnonce }
      : space
  )

/** Why a client gave up. */
export type GiveUp =
  /** No challenge of a scheme, algorithm and qop that the rules accept. */
  | "no-acceptable-challenge"
  /** A weaker algorithm than this server challenged with before for the same realm. */
  | "downgrade"
  /** The credentials were refused. */
  | "credentials-refused"
  | "too-many-attempts"
  /** The server's proof is wrong. */
  | "server-proof-wrong"
  /** The rules want a proof and there was none. */
  | "server-proof-missing"

/** Where one exchange stands. */
export type State = Data.TaggedEnum<{
  /** Nothing sent yet. */
  Ready: { readonly request: Target }
  /**
   * Waiting for an answer; `use` went with the request, `answered` says that it answered a challenge of this exchange.
   */
  Waiting: {
    readonly request: Target
    readonly use: Use | undefined
    readonly answered: boolean
    readonly attempts: number
    readonly staleRetried: boolean
  }
  Finished: Record<never, never>
}>
export const State = Data.taggedEnum<State>()

/** What happens to an exchange. `cnonce` is fresh chance for a request that may follow. */
export type Event = Data.TaggedEnum<{
  Start: { readonly cnonce: string }
  /** 401 (or 407) with what its challenge fields said. */
  Challenged: {
    readonly challenges: ReadonlyArray<Challenge.Challenge>
    readonly cnonce: string
    /** The refused request carried `auts`: a new challenge is what it asked for (RFC 3310 3.4). */
    readonly resynchronised: boolean
  }
  /** Any other answer. `proof` is the judgement of its rspauth; a wrong one was compared already. */
  Answered: { readonly proof: "right" | "wrong" | "absent"; readonly nextnonce: string | undefined }
}>
export const Event = Data.taggedEnum<Event>()

/** What to do. */
export type Action = Data.TaggedEnum<{
  Send: { readonly use: Use | undefined }
  /** Hand the answer to the caller; `serverProved` where its rspauth was right. */
  Deliver: { readonly serverProved: boolean }
  GiveUp: { readonly why: GiveUp }
  /** The event does not belong here: a fault of the caller, and nothing changes. */
  OutOfOrder: { readonly state: string; readonly event: string }
}>
export const Action = Data.taggedEnum<Action>()

/** The exchange after an event, the spaces after it, and what to do. */
export interface Step {
  readonly state: State
  readonly spaces: Spaces
  readonly action: Action
}

const chosenQop = (rules: ClientRules, challenge: Challenge.DigestChallenge): Challenge.Qop | undefined =>
  rules.qop.find((qop) => challenge.qop.includes(qop))

/** The strongest challenge that the rules accept. */
const select = (rules: ClientRules, challenges: ReadonlyArray<Challenge.Challenge>) => {
  for (const challenge of Challenge.strongestFirst(challenges)) {
    const { algorithm } = challenge
    if (algorithm === undefined || !rules.algorithms.includes(algorithm)) continue
    const qop = chosenQop(rules, challenge)
    if (qop === undefined && (challenge.qopGiven || !rules.legacy || algorithms[algorithm].session)) continue
    return { challenge: { ...challenge, algorithm }, qop }
  }
  return undefined
}

const weaker = (space: Space, challenge: Space["challenge"], qop: Challenge.Qop | undefined): boolean =>
  algorithms[challenge.algorithm].strength < algorithms[space.challenge.algorithm].strength ||
  (qop === undefined && space.qop !== undefined)

const give = (spaces: Spaces, why: GiveUp): Step => ({
  state: State.Finished(),
  spaces,
  action: Action.GiveUp({ why })
})

const challenged = (
  rules: ClientRules,
  spaces: Spaces,
  state: Extract<State, { _tag: "Waiting" }>,
  { challenges, cnonce, resynchronised }: Extract<Event, { _tag: "Challenged" }>
): Step => {
  const { attempts, request, use } = state
  const selected = select(rules, challenges)
  if (selected === undefined) return give(spaces, "no-acceptable-challenge")
  const { challenge, qop } = selected
  const place = { origin: request.origin, challenge }
  const known = spaces.find((space) => sameSpace(space, place))
  if (known !== undefined && weaker(known, challenge, qop)) return give(spaces, "downgrade")
  const staleRetry = state.answered && (challenge.stale || resynchronised) && !state.staleRetried
  if (state.answered && !staleRetry) {
    return give(
      // a refused nonce is not tried again
      spaces.map((space) => (use !== undefined && space.nonce === use.nonce ? { ...space, count: lastCount } : space)),
      challenge.stale ? "too-many-attempts" : "credentials-refused"
    )
  }
  if (attempts >= rules.maxAttempts) return give(spaces, "too-many-attempts")
  const fresh: Space = { ...place, qop, nonce: challenge.nonce, count: 0, cnonce }
  const [counted, next] = useOf(fresh, cnonce)
  const others = spaces.filter((space) => !sameSpace(space, place)).slice(0, rules.maxSpaces - 1)
  return {
    state: State.Waiting({
      request,
      use: next,
      answered: true,
      attempts: attempts + 1,
      staleRetried: state.staleRetried || staleRetry
    }),
    spaces: [counted, ...others],
    action: Action.Send({ use: next })
  }
}

/**
 * The next step of an exchange. `spaces` are those of the client at this moment: exchanges that run side by side share
 * them, so the caller keeps the ones that come back before anything else happens.
 *
 * **Order** A first request goes with the credentials of a known space or without; a challenge is answered with its
 * strongest acceptable algorithm; after that only `stale=true` (or a resynchronisation) leads to another request, and
 * once. A refused pre-emptive request may meet a server that forgot the nonce, so its challenge is answered.
 */
export const step = (rules: ClientRules, spaces: Spaces, state: State, event: Event): Step => {
  if (state._tag === "Ready" && event._tag === "Start") {
    const [counted, use] = preempt(rules, spaces, state.request, event.cnonce)
    return {
      state: State.Waiting({
        request: state.request,
        use,
        answered: false,
        attempts: use === undefined ? 0 : 1,
        staleRetried: false
      }),
      spaces: counted,
      action: Action.Send({ use })
    }
  }
  if (state._tag === "Waiting" && event._tag === "Challenged") {
    return challenged(rules, spaces, state, event)
  }
  if (state._tag === "Waiting" && event._tag === "Answered") {
    const { use } = state
    if (use === undefined) {
      return { state: State.Finished(), spaces, action: Action.Deliver({ serverProved: false }) }
    }
    if (event.proof === "wrong") return give(spaces, "server-proof-wrong")
    if (event.proof === "absent" && rules.requireProof) return give(spaces, "server-proof-missing")
    return {
      state: State.Finished(),
      spaces: event.nextnonce === undefined ? spaces : renew(spaces, use, event.nextnonce),
      action: Action.Deliver({ serverProved: event.proof === "right" })
    }
  }
  return { state, spaces, action: Action.OutOfOrder({ state: state._tag, event: event._tag }) }
}
