/**
 * The names of the credential types of SyncML and DM.
 *
 * @layer codec
 */

/** A credential type that this package computes, spelled as it is sent. */
export type DmAuthType = "syncml:auth-basic" | "syncml:auth-md5" | "syncml:auth-sha256" | "syncml:auth-MAC"

/**
 * The `Type` of a `Cred` or `Chal` as received: one of {@link DmAuthType}, however it was spelled, or the text of another
 * type (`syncml:auth-X509`, a vendor's own), which this package recognises as foreign and does not answer.
 */
export type AuthType = DmAuthType | (string & {})

/** Every type that this package computes, from the weakest to the strongest of those that stand in `Cred`, then the MAC. */
export const dmAuthTypes: ReadonlyArray<DmAuthType> = [
  "syncml:auth-basic",
  "syncml:auth-md5",
  "syncml:auth-sha256",
  "syncml:auth-MAC"
]

/** The type of a `Cred` or `Chal` whose Meta names none. */
export const defaultAuthType: DmAuthType = "syncml:auth-basic"

const spellings = new Map<string, DmAuthType>(dmAuthTypes.map((type) => [type.toLowerCase(), type]))

/**
 * The type that `text` names: one of ours in its own spelling whatever the letter case (`syncml:auth-MD5` and
 * `syncml:auth-SHA256` occur), otherwise the text without surrounding white space. Absent text is
 * {@link defaultAuthType}.
 *
 * @spec DM RepPro, Chal and Cred: default type; letter case from deployed clients
 */
export const normalise = (text: string | undefined): AuthType => {
  if (text === undefined) return defaultAuthType
  const trimmed = text.trim()
  return spellings.get(trimmed.toLowerCase()) ?? trimmed
}

/** Whether `type` is one that this package computes. */
export const isDmAuthType = (type: string): type is DmAuthType => dmAuthTypes.some((known) => known === type)
