/**
 * The sessions that one node has at hand, bounded in number and time: those of clients that have authenticated apart from those of
 * strangers, who displace none of them. What must last of a session lies in `DmSessions`; here is what goes on from message to message.
 *
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as AnswerPackage from "./AnswerPackage.ts"
import { bounded } from "./Bounded.ts"
import { Proof } from "./DmProof.ts"
import * as Machine from "./DmServerAuth.ts"
import type { DmSessions, FoundSession } from "./DmSessions.ts"
import { msgIdOf } from "./MessageFacts.ts"
import type { SyncMl } from "./SyncMl.ts"

export interface LiveSession<Reply> {
  state: Machine.State
  /** The account that authenticated it: no other one goes on in it. */
  owner: string | undefined
  reply: Reply | undefined
  /** MsgID of the last message sent. */
  msgId: number
  /** What of the server's package found no room in the messages so far. */
  pending: AnswerPackage.Pending
  /** Commands went out, and the client did not refuse them. */
  asked: boolean
  touched: number
  readonly lock: Semaphore.Semaphore
}

/** Where a message came from: a key of its connection or address, SessionID and device; and the token of its address. */
export interface Origin {
  readonly key: string
  readonly token: string | undefined
}

const stateOf = ({ mode, msgId, token, type }: FoundSession): Machine.State =>
  Machine.State.Proved({
    mode,
    token,
    connectionId: "",
    own: Proof.Silent({ nonce: new Uint8Array(0) }),
    last: { msgId, fingerprint: new Uint8Array(0) },
    ...(type === undefined ? {} : { type })
  })

/** Whether a message at that place goes on in the session. What ended before anybody was let in begins again. */
export const takes = <Reply>({ owner, state }: LiveSession<Reply>, placed: Machine.Placed): boolean =>
  Machine.belongs(state, placed) || (owner === undefined && state._tag === "Ended")

/** No session yet: at most `most` of either kind, each forgotten after `idleMillis` without a message. */
export const make = <Reply>(
  sessions: DmSessions["Service"],
  { idleMillis, most }: { readonly most: number; readonly idleMillis: number }
) => {
  const proved = bounded<LiveSession<Reply>>(most)
  const strangers = bounded<LiveSession<Reply>>(most)
  const byToken = (token: string): string => `token ${token}`

  /** A session of which nothing is known: the server counts its messages as the client counts its own. */
  const stranger = (origin: Origin, touched: number, message: SyncMl): LiveSession<Reply> => {
    const session: LiveSession<Reply> = {
      state: Machine.start,
      owner: undefined,
      reply: undefined,
      msgId: (msgIdOf(message) ?? 1) - 1,
      pending: AnswerPackage.nothing,
      asked: false,
      touched,
      lock: Semaphore.makeUnsafe(1)
    }
    strangers.set(origin.key, session)
    return session
  }

  /** A session that this node does not remember: of another node, or of the time before a restart. */
  const restored = Effect.fnUntraced(function* (token: string, touched: number) {
    const found = yield* sessions.find(token)
    if (found === undefined) return undefined
    const session: LiveSession<Reply> = {
      state: stateOf(found),
      owner: found.account,
      reply: undefined,
      // the server answers every message with one
      msgId: found.msgId,
      pending: AnswerPackage.nothing,
      asked: true,
      touched,
      lock: Semaphore.makeUnsafe(1)
    }
    proved.set(byToken(token), session)
    return session
  })

  return {
    stranger,
    /** The session that the message belongs to, else one of its own. */
    find: Effect.fnUntraced(function* (origin: Origin, message: SyncMl, placed: Machine.Placed) {
      const now = yield* Clock.currentTimeMillis
      const { key, token } = origin
      const fits = (session: LiveSession<Reply> | undefined): session is LiveSession<Reply> =>
        session !== undefined && now - session.touched < idleMillis && takes(session, placed)
      const kept = token === undefined ? undefined : proved.get(byToken(token))
      const named =
        token === undefined || kept?.state._tag === "Ended"
          ? undefined
          : fits(kept)
            ? kept
            : yield* restored(token, now)
      const found = [named, proved.get(key), strangers.get(key)].find(fits)
      if (found === undefined) return stranger(origin, now, message)
      found.touched = now
      return found
    }),
    /** The session is that of an authenticated client from now on, found by `token` and by where it came from. */
    prove: (session: LiveSession<Reply>, origin: Origin, token: string): void => {
      proved.set(byToken(token), session)
      proved.set(origin.key, session)
      strangers.delete(origin.key)
    },
    forgetStranger: (origin: Origin): void => strangers.delete(origin.key)
  }
}
