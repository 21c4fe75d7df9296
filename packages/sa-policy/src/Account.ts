/**
 * An account of an enabler, and its stored form.
 *
 * @layer codec
 */
import { utf8, utf8Decode } from "./bytes/Bytes.ts"
import { type KeyRef, keyPurpose } from "./KeyRef.ts"

/**
 * Whom an enabler knows. `aliases` are other names that find it, such as device ids. `secrets` says which secrets exist, by kind: keys in
 * the vault, of which a verifier (`verifier-md5`) serves a mechanism without holding the password. `attributes` are small texts of the
 * enabler, never a secret.
 */
export interface Account {
  readonly enabler: string
  readonly id: string
  readonly aliases: ReadonlyArray<string>
  readonly enabled: boolean
  readonly secrets: Readonly<Record<string, KeyRef>>
  readonly attributes: Readonly<Record<string, string>>
}

/** What an account allows at most; `attributes` counts the characters of all their names and texts. */
const limits = { id: 255, aliases: 16, secrets: 16, attributes: 16_384 } as const

/** The first rule that `account` breaks, or `undefined`. */
export const fault = (account: Account): string | undefined => {
  for (const name of [account.id, ...account.aliases]) {
    if (name.length < 1 || name.length > limits.id) return `a name must have 1 to ${limits.id} characters`
  }
  if (account.aliases.length > limits.aliases) return `at most ${limits.aliases} aliases`
  if (Object.keys(account.secrets).length > limits.secrets) return `at most ${limits.secrets} secrets`
  let length = 0
  for (const [name, text] of Object.entries(account.attributes)) length += name.length + text.length
  if (length > limits.attributes) return `attributes must have at most ${limits.attributes} characters`
  return undefined
}

/** The octets of its record. */
export const encode = ({ aliases, enabled, secrets, attributes }: Account): Uint8Array =>
  utf8(JSON.stringify({ aliases, enabled, secrets, attributes }))

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const decodeRef = (value: unknown): KeyRef | undefined =>
  isObject(value) &&
  typeof value["id"] === "string" &&
  typeof value["purpose"] === "string" &&
  typeof value["version"] === "number"
    ? { id: value["id"], purpose: keyPurpose(value["purpose"]), version: value["version"] }
    : undefined

/** The account of `enabler` named `id` that `octets` describe, or `undefined` where they are no such record. */
export const decode = (enabler: string, id: string, octets: Uint8Array): Account | undefined => {
  let value: unknown
  try {
    value = JSON.parse(utf8Decode(octets) ?? "")
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { aliases, enabled, secrets, attributes } = value
  if (!Array.isArray(aliases) || !aliases.every((alias) => typeof alias === "string")) return undefined
  if (typeof enabled !== "boolean" || !isObject(secrets) || !isObject(attributes)) return undefined
  const refs: Array<readonly [string, KeyRef]> = []
  for (const [kind, ref] of Object.entries(secrets)) {
    const decoded = decodeRef(ref)
    if (decoded === undefined) return undefined
    refs.push([kind, decoded])
  }
  const texts: Array<readonly [string, string]> = []
  for (const [name, text] of Object.entries(attributes)) {
    if (typeof text !== "string") return undefined
    texts.push([name, text])
  }
  return { enabler, id, aliases, enabled, secrets: Object.fromEntries(refs), attributes: Object.fromEntries(texts) }
}
