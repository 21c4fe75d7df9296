/**
 * The one table from the reason of a decision to what stands on the wire. It is data, so that a reviewer reads it whole.
 *
 * @layer codec
 */

/** Why a SyncHdr is answered as it is. Operators see the reason; the peer sees the status of the table alone. */
export type AnswerReason =
  /** Credentials hold, and hold for the session. */
  | "accepted for the session"
  /** Credentials hold for this message; Chal gives the nonce of the next one. */
  | "accepted for the message"
  /** Credentials hold for this message; the same ones come again. */
  | "accepted, same credentials again"
  /** No credentials were due: the session is authenticated and bound. */
  | "in session"
  /** The transport proved the peer. */
  | "accepted by transport"
  /** No authentication is asked for. */
  | "not demanded"
  | "missing"
  /** Wrong secret, stale nonce, unknown account: all the same to the peer. */
  | "rejected"
  /** Another message spent the nonce between check and record. */
  | "raced"
  /** Data is no base64, or has a length that no digest has. */
  | "unreadable"
  /** The type is unknown, not accepted, or too weak for the connection. */
  | "type refused"
  /** Another type than the challenge demanded; it was not looked at. */
  | "not the demanded type"
  /** No `x-syncml-hmac` where one was demanded. */
  | "MAC missing"
  /** The account's client and server credentials could be mirrored. */
  | "reflecting account"
  /** Nothing that policy accepts can be done on this connection: no credentials are asked for or judged. */
  | "connection too weak"
  /** A store did not answer; nothing was decided. */
  | "unavailable"

/** What the peer learns. */
export interface WireAnswer {
  /** The Data of the SyncHdr Status. */
  readonly status: 200 | 212 | 401 | 403 | 407 | 503
  /** Whether Chal stands in it: always, where a nonce is due, or never. */
  readonly chal: "always" | "with nonce" | "never"
  /** Whether commands of the message are executed; otherwise each gets the same status. */
  readonly execute: boolean
  /** Whether it counts as a failed attempt, and later answers to this source and account come slower. */
  readonly failure: boolean
  readonly clause: string
}

const refused = (clause: string): WireAnswer => ({ status: 401, chal: "always", execute: false, failure: true, clause })

/** Reason to wire answer, for every reason. */
export const wireAnswers: { readonly [Reason in AnswerReason]: WireAnswer } = {
  "accepted for the session": {
    status: 212,
    chal: "with nonce",
    execute: true,
    failure: false,
    clause: "DM RepPro, Chal: 212, no more credentials in this session; the nonce is for the next one"
  },
  "accepted for the message": {
    status: 200,
    chal: "with nonce",
    execute: true,
    failure: false,
    clause: "DM RepPro, Chal: 200, credentials again in the next message with the nonce of Chal"
  },
  "accepted, same credentials again": {
    status: 200,
    chal: "never",
    execute: true,
    failure: false,
    clause: "DM RepPro, Chal: 200 without Chal, the next request carries the same credentials"
  },
  "in session": {
    status: 200,
    chal: "never",
    execute: true,
    failure: false,
    clause: "DM RepPro, Chal: after 212 no credentials are needed in this session"
  },
  "accepted by transport": {
    status: 200,
    chal: "never",
    execute: true,
    failure: false,
    clause: "DM Security 1.2: each side is authenticated by transport or by credentials"
  },
  "not demanded": {
    status: 200,
    chal: "never",
    execute: true,
    failure: false,
    clause: "policy of this party"
  },
  missing: {
    status: 407,
    chal: "always",
    execute: false,
    failure: false,
    clause: "DM Security 1.2: 407 with Chal where credentials are missing"
  },
  rejected: refused("DM RepPro, Cred: insufficient credentials give 401, with Chal"),
  raced: refused("a nonce is accepted once; 401 with Chal"),
  unreadable: refused("DM RepPro, Cred: Format b64, 16 or 32 octets; 401 with Chal"),
  "type refused": refused("DM RepPro, Chal and Cred: a type that is not accepted gives 401 with Chal"),
  "not the demanded type": refused("DM RepPro, Cred: after a challenge the demanded type and no other"),
  "MAC missing": refused("DM Security 1.2: a missing header where one was demanded equals wrong credentials"),
  "reflecting account": refused("client and server credentials of one account must differ"),
  "connection too weak": {
    status: 403,
    chal: "never",
    execute: false,
    failure: false,
    clause: "below the least connection level no credential is asked for or judged"
  },
  unavailable: {
    status: 503,
    chal: "never",
    execute: false,
    failure: false,
    clause: "503 is no matter of authentication: the same message may come again"
  }
}

/** Status codes that refuse for another reason than credentials: showing other ones does not help. */
export const notAboutCredentials: ReadonlySet<number> = new Set([403, 405, 406, 415, 500, 503, 506, 511, 513])

/** The status of a command that carries a Cred of its own in DM: credentials stand in SyncHdr alone (DM-CRED-002). */
export const credInCommandStatus = 400
