/**
 * GPL associations in the SAD: how they are named, what they hold, and the operations that make one.
 *
 * @layer service
 */
import {
  type Identity,
  type KeyRef,
  KeyVault,
  keyPurpose,
  Primitives,
  ReplayWindow,
  Sad,
  type SaId,
  type SecurityAssociation,
  Store,
  saId
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type GplDirection, type GplSuite, lastSequenceNumber } from "./GplMessage.ts"
import { keyInputs } from "./GplProtection.ts"

export const encPurpose = keyPurpose("gpl/enc")
export const intPurpose = keyPurpose("gpl/int")

/** Which end of the association this party is. */
export type GplParty = "sender" | "receiver"

/** What makes an association. `key` is overwritten. */
export interface GplSaRequest {
  readonly party: GplParty
  readonly direction: GplDirection
  readonly saId: Uint8Array
  /**
   * Ks_NAF of GBA Push, or a provisioned key; 32 octets. It serves one association in each direction and no more: the two directions of a
   * NAF SA share it, as each derives keys of its own.
   */
  readonly key: Uint8Array
  /** What policy allows; suite 0 only where it waives confidentiality in so many words. */
  readonly suites: ReadonlyArray<GplSuite>
  /** The agreed suite. Without one the first verified message settles it, or the sender's first allowed one. */
  readonly suite?: GplSuite
  readonly enabler: string
  readonly interface: string
  readonly peer: Identity.Identity
  readonly provenance: SecurityAssociation["provenance"]
  readonly softExpiry?: number
  readonly hardExpiry?: number
  /** More texts for whoever made it, such as the P-TID. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** An association that is made but not stored: `operations` belong into one transaction. */
export interface PreparedGplSa {
  readonly sa: SecurityAssociation
  readonly operations: ReadonlyArray<Store.Operation>
}

/** The mechanism under which the SAD finds associations of a party and direction. */
export const mechanism = (party: GplParty, direction: GplDirection): string => `gpl/${party}/${direction}`

/** The name of the association of a SAID. */
export const nameOf = (party: GplParty, direction: GplDirection, wireId: Uint8Array): SaId =>
  saId(`${mechanism(party, direction)}/${Bytes.toHex(wireId)}`)

/** The suite that was settled for an association, if one was. */
export const suiteOf = (sa: SecurityAssociation): GplSuite | undefined =>
  sa.suite === "0" ? 0 : sa.suite === "1" ? 1 : sa.suite === "2" ? 2 : undefined

/** The suites that an association may settle on. */
export const allowedSuites = (sa: SecurityAssociation): ReadonlyArray<GplSuite> =>
  (sa.attributes["suites"] ?? "")
    .split(",")
    .flatMap((text): ReadonlyArray<GplSuite> => (text === "0" ? [0] : text === "1" ? [1] : text === "2" ? [2] : []))

/** The collection that remembers which keys were ever installed, by fingerprint, while they could come again. */
const usedKeys = "gpl-used-keys"
const fingerprintLabel = Bytes.utf8("gpl-profile-1 key of one association")
/** How long after the end of an association its key stays refused: a copy of its GPI is dead by then. */
const rememberMillis = 86_400_000

/**
 * Derives and seals the two keys of the direction and makes the association, without storing yet. One key serves one association of a
 * party and direction: one that was installed for them before, under whatever name, makes the transaction fail with `Conflict`, so that
 * no number is used twice under one key.
 */
export const prepare = Effect.fnUntraced(function* (request: GplSaRequest) {
  const vault = yield* KeyVault.KeyVault
  const { importKey, hash } = yield* Primitives.Primitives
  const { party, direction, hardExpiry, softExpiry } = request
  const createdAt = yield* Clock.currentTimeMillis
  const labelled = Bytes.concat(fingerprintLabel, request.key)
  const fingerprint = Bytes.toHex(hash("sha256")(labelled))
  Bytes.wipe(labelled)
  const master = importKey(request.key)
  Bytes.wipe(request.key)
  const { enc, int } = keyInputs(direction)
  const options = hardExpiry === undefined ? {} : { notAfter: hardExpiry }
  const derived = master.hmac("sha256", enc)
  const encKey = yield* vault.prepare(encPurpose, derived.subarray(0, 16), options)
  Bytes.wipe(derived)
  const intKey = yield* vault.prepare(intPurpose, master.hmac("sha256", int), options)
  master.dispose()
  const keys: Readonly<Record<"enc" | "int", KeyRef>> = { enc: encKey.ref, int: intKey.ref }
  const sa: SecurityAssociation = {
    id: nameOf(party, direction, request.saId),
    mechanism: mechanism(party, direction),
    peer: request.peer,
    scope: {
      enabler: request.enabler,
      interface: request.interface,
      direction: party === "sender" ? "outbound" : "inbound"
    },
    wireId: request.saId,
    keys,
    replay: ReplayWindow.strict,
    outbound: { first: 1, last: lastSequenceNumber },
    createdAt,
    provenance: request.provenance,
    attributes: { ...request.attributes, suites: request.suites.join(",") },
    ...(request.suite === undefined ? {} : { suite: String(request.suite) }),
    ...(softExpiry === undefined ? {} : { softExpiry }),
    ...(hardExpiry === undefined ? {} : { hardExpiry })
  }
  const remembered = Store.putRecord(
    usedKeys,
    `${party}/${direction}/${fingerprint}`,
    Bytes.utf8(sa.id),
    "absent",
    hardExpiry === undefined ? undefined : hardExpiry + rememberMillis
  )
  const prepared: PreparedGplSa = {
    sa,
    operations: [encKey.operation, intKey.operation, remembered, Store.put(sa, "absent")]
  }
  return prepared
})

/** Makes and stores an association. Fails with `Conflict` where the SAID or the key is in use, or was. */
export const install = Effect.fnUntraced(function* (request: GplSaRequest) {
  const sad = yield* Sad.Sad
  const { sa, operations } = yield* prepare(request)
  yield* sad.transact(operations)
  return sa
})

/** Ends an association and removes its keys, in one transaction. */
export const end = Effect.fnUntraced(function* (
  sa: SecurityAssociation,
  why: "replaced" | "compromised" | "deactivated"
) {
  const sad = yield* Sad.Sad
  const vault = yield* KeyVault.KeyVault
  yield* sad.revoke(sa.id, why, { with: Object.values(sa.keys).map((ref) => vault.removal(ref.id)) })
})
