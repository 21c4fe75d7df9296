/**
 * A nonce as an association: one for each account and direction, replaced as a whole whenever it changes.
 *
 * @layer service
 */
import {
  Identity,
  ReplayWindow,
  type Sad,
  type SaId,
  type SecurityAssociation,
  Store,
  saId,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

/** Whose nonce it is: `enabler` separates the parties of one store, `name` is the account. */
export interface NonceName {
  readonly enabler: string
  /** `inbound`: handed out for the peer's credentials. `outbound`: received for our own. */
  readonly direction: "inbound" | "outbound"
  readonly name: string
}

/** A nonce with how often it was replaced; version 0 and no octets where there is none. */
export interface StoredNonce {
  readonly version: number
  readonly octets: Uint8Array
}

const empty = new Uint8Array(0)

const idOf = ({ direction, enabler, name }: NonceName): SaId =>
  saId(`${enabler}/${direction === "inbound" ? "nonce" : "own"}/${name}`)

const octetsOf = (text: string | undefined): Uint8Array => {
  const decoded = text === undefined ? undefined : Bytes.fromBase64(text)
  return decoded !== undefined && Result.isSuccess(decoded) ? decoded.success : empty
}

/** The nonce of that name. */
export const read = (sad: Sad.Sad["Service"], name: NonceName): Effect.Effect<StoredNonce, Unavailable> =>
  sad.get(idOf(name)).pipe(
    Effect.map(({ sa, version }) => ({ version, octets: octetsOf(sa.attributes["nonce"]) })),
    Effect.catch((error) =>
      error._tag === "Unavailable" ? Effect.fail(error) : Effect.succeed({ version: 0, octets: empty })
    )
  )

/** Replaces it. Gives `raced` where its version is not what `expect` says. */
export const write = Effect.fnUntraced(function* (
  sad: Sad.Sad["Service"],
  name: NonceName,
  nonce: Uint8Array,
  expect: Store.Expectation
) {
  const sa: SecurityAssociation = {
    id: idOf(name),
    mechanism: "syncml-nonce",
    peer: Identity.anonymous,
    scope: { enabler: name.enabler, interface: "dm", direction: name.direction },
    keys: {},
    replay: ReplayWindow.strict,
    createdAt: yield* Clock.currentTimeMillis,
    provenance: { by: "@oma/dm-auth", clause: "DM Security 1.2: NextNonce" },
    attributes: { nonce: Bytes.toBase64(nonce) }
  }
  return yield* sad.transact([Store.put(sa, expect)]).pipe(
    Effect.as("kept" as const),
    Effect.catch((error) => (error._tag === "Unavailable" ? Effect.fail(error) : Effect.succeed("raced" as const)))
  )
})
