/**
 * Associations for tests.
 *
 * @layer codec
 */
import { keyPurpose } from "../KeyRef.ts"
import * as ReplayWindow from "../ReplayWindow.ts"
import { type SecurityAssociation, saId } from "../SecurityAssociation.ts"

/** 2026-01-01 in milliseconds: a moment for tests. */
export const moment = 1_767_225_600_000

/** An association named `id` that never ends, with a window of 64, changed by `change`. */
export const anAssociation = (id: string, change: Partial<SecurityAssociation> = {}): SecurityAssociation => ({
  id: saId(id),
  mechanism: "test",
  peer: { _tag: "Anonymous" },
  scope: { enabler: "test", interface: "one", direction: "both" },
  keys: {},
  replay: ReplayWindow.window(64),
  createdAt: moment,
  provenance: { by: "test", clause: "none" },
  attributes: {},
  ...change
})

/** An association with every field, full of what text columns, JSON and C strings get wrong. */
export const anOddAssociation = (id: string): SecurityAssociation => {
  const odd = "\u0000'\";--%_\\\u0007\u001b[31m\u2028\u202e\ufeff\u00e9e\u0301\u{1f511}\uffff{}[]</>&\r\n\t"
  return {
    id: saId(`${id}${odd}`),
    mechanism: `m${odd}`,
    peer: {
      _tag: "Authenticated",
      subject: odd,
      kind: "b-tid",
      method: odd,
      at: moment,
      aliases: [
        { subject: odd, kind: "msisdn" },
        { subject: "", kind: odd }
      ],
      credentialRef: odd,
      userFactors: ["pin", "biometric"]
    },
    scope: { enabler: odd, interface: odd, direction: "inbound" },
    wireId: Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 255),
    keys: {
      [odd]: { id: odd, purpose: keyPurpose(odd), version: 7 },
      "": { id: "k", purpose: keyPurpose("p"), version: Number.MAX_SAFE_INTEGER }
    },
    suite: odd,
    replay: ReplayWindow.window(4096, Number.MAX_SAFE_INTEGER),
    firstInbound: 2 ** 40,
    outbound: { first: 0, last: Number.MAX_SAFE_INTEGER - 1 },
    createdAt: -1,
    softExpiry: moment + 0x1_0000_0000,
    hardExpiry: 8_640_000_000_000_000,
    provenance: { by: odd, from: saId(odd), clause: odd },
    attributes: { [odd]: odd, "": "", constructor: "toString", number: "9007199254740993" }
  }
}
