/**
 * Who a peer is, and how sure that is.
 *
 * @layer codec
 */

/** What kind of name `subject` is. Kinds that an enabler of your own needs are added as text. */
export type IdentityKind =
  | "user"
  | "device"
  | "server"
  | "impi"
  | "impu"
  | "b-tid"
  | "msisdn"
  | "certificate"
  | "psk"
  | "clientid"
  | "address"
  | (string & {})

/** A peer that nobody authenticated: allowed only where the policy of the interface accepts mode `none`. */
export interface Anonymous {
  readonly _tag: "Anonymous"
}

/**
 * A peer whose name was proved.
 *
 * @spec OMA SEC_CF-AUTH-001: the credentials that were presented are handed to the resource
 */
export interface Authenticated {
  readonly _tag: "Authenticated"
  readonly subject: string
  readonly kind: IdentityKind
  /** The mode of authentication that proved it, such as `digest` or `syncml:auth-md5`. */
  readonly method: string
  /** Milliseconds since 1970 when it was proved. */
  readonly at: number
  /** Other proved names of the same peer, such as the MSISDN behind a B-TID. */
  readonly aliases?: ReadonlyArray<{ readonly subject: string; readonly kind: IdentityKind }>
  /** Where the credential came from: the account or the association that vouches, never the secret. */
  readonly credentialRef?: string
  /** The person in front of the device was authenticated too, by these factors. */
  readonly userFactors?: ReadonlyArray<"pin" | "password" | "biometric">
}

export type Identity = Anonymous | Authenticated

export const anonymous: Anonymous = { _tag: "Anonymous" }
