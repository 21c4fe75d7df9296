/**
 * Credentials below the header: SyncML lets a database and a single command be protected on their own, DM does not.
 *
 * @layer machine
 */
import { type AnswerReason, credInCommandStatus, wireAnswers } from "./DmAuthAnswer.ts"
import type { CheckPolicy, ConnectionFacts } from "./DmAuthPolicy.ts"
import type { DmAuthType } from "./DmAuthType.ts"
import { assess, type Candidate, type ShownCred } from "./DmCheck.ts"

/** `DM` allows credentials in SyncHdr alone; `SyncML` also in Alert or Sync (a database) and in a single command. */
export type Scope = "DM" | "SyncML"

/** Which Status carries a challenge: that of SyncHdr, of the Alert or Sync of a database, or of the command. */
export type Layer = "server" | "database" | "command"

/** A command of a message, with what covers it. */
export interface LayeredCommand {
  readonly layer: "database" | "command"
  readonly cred?: ShownCred
  /** The types for which this database or command has a verifier of its own; absent where it asks for nothing. */
  readonly protectedBy?: ReadonlyArray<DmAuthType>
  /** The decision on the layer above it: the header, or the database that the command belongs to. */
  readonly above: AnswerReason
  /** The credentials that were accepted above hold here too: it is the same account. */
  readonly covered: boolean
}

export type LayerDecision =
  | { readonly _tag: "Execute" }
  /** Judge the credentials; a mismatch is refused as `rejected` with Chal in the Status of this layer. */
  | { readonly _tag: "Judge"; readonly candidate: Candidate }
  | {
      readonly _tag: "Refuse"
      readonly status: number
      readonly reason: AnswerReason | "credentials in a command"
      /** The type to demand in the Status of this layer; absent where no challenge belongs there. */
      readonly ask?: DmAuthType
    }

/**
 * What to do with a command. A refused layer above refuses it with the same status. In DM its own Cred is refused and nothing
 * below the header is challenged. In SyncML what asks for credentials is covered by the Cred above where that holds for it,
 * else by its own; without one it is challenged in its own Status.
 *
 * @spec DM-CHAL-005, DM-CRED-001, DM-CRED-002, DM-CRED-005
 */
export const decide = (
  scope: Scope,
  command: LayeredCommand,
  policy: CheckPolicy,
  connection: ConnectionFacts
): LayerDecision => {
  const above = wireAnswers[command.above]
  if (!above.execute) return { _tag: "Refuse", status: above.status, reason: command.above }
  if (scope === "DM") {
    return command.cred === undefined
      ? { _tag: "Execute" }
      : { _tag: "Refuse", status: credInCommandStatus, reason: "credentials in a command" }
  }
  if (command.protectedBy === undefined || (command.cred === undefined && command.covered)) return { _tag: "Execute" }
  const assessment = assess(command.cred === undefined ? {} : { cred: command.cred }, {
    policy: { ...policy, transport: "ignored" },
    connection,
    account: command.protectedBy
  })
  switch (assessment._tag) {
    case "Judge":
      return assessment
    case "Refuse": {
      const { ask, reason } = assessment
      return { _tag: "Refuse", status: wireAnswers[reason].status, reason, ask }
    }
    case "TooWeak":
    case "ByTransport":
      return { _tag: "Refuse", status: wireAnswers["connection too weak"].status, reason: "connection too weak" }
  }
}
