/**
 * The name of a key. Models, events and stores carry names; the octets stay in the `KeyVault`.
 *
 * @layer codec
 */

/**
 * What a key may be used for. A key made for one purpose is refused for every other one.
 *
 * @spec OMA SEC_CF-KEM-001
 */
export type KeyPurpose = string & { readonly KeyPurpose: unique symbol }

/** `text` as a purpose: lower-case words joined by `-` or `/`, such as `dm/verifier-md5`. */
export const keyPurpose = (text: string): KeyPurpose => text as KeyPurpose

/**
 * One version of one key: `id` names the key through all its versions, `version` counts its replacements from 1.
 *
 * **Gotchas** A reference is a capability to ask the vault, not a secret: it may stand in a record, never in an answer to a peer.
 */
export interface KeyRef {
  readonly id: string
  readonly purpose: KeyPurpose
  readonly version: number
}
