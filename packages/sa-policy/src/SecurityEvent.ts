/**
 * What happened, as values: the audit log, metrics, traces and viewers read these and nothing else. No secret is ever in one.
 *
 * @layer codec
 */

/** What every event may tell. Names are subjects, association ids and addresses; texts are for the operator, not for the peer. */
export interface EventContext {
  readonly enabler: string
  readonly interface?: string
  /** The address or connection of the peer, as far as known. */
  readonly peer?: string
  /** Who it is, or claims to be. */
  readonly subject?: string
  /** The association concerned. */
  readonly association?: string
  /** The sentence of the specification or the entry of the policy that decided. */
  readonly clause?: string
  /** What happened, in words for the operator. */
  readonly detail?: string
}

/**
 * The kinds of events. `Admitted`, `Challenged`, `UpgradeDemanded` and `Refused` are the outcomes of a guard; `ServerAccepted`
 * and `ServerRefused` those of its mirror in a client; the others say what became of associations, keys and policies.
 */
export type EventTag =
  | "Admitted"
  | "Challenged"
  | "UpgradeDemanded"
  | "Refused"
  | "ServerAccepted"
  | "ServerRefused"
  | "AssociationMade"
  | "AssociationRevoked"
  | "AssociationExpired"
  | "ReplayRefused"
  | "KeyStored"
  | "KeyReplaced"
  | "KeyRemoved"
  | "KeyRefused"
  | "PolicyLoaded"
  | "PolicyRefused"
  | "WeakConfiguration"
  | "StoreUnavailable"

/** One event; `at` is milliseconds since 1970. */
export interface SecurityEvent extends EventContext {
  readonly _tag: EventTag
  readonly at: number
}
