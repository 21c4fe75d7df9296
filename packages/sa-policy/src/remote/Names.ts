/**
 * Which rows a transaction looks at, so that a store behind a network can fetch them all at once before it judges.
 *
 * @layer machine
 */
import { toHex } from "../bytes/Bytes.ts"
import type { SaId } from "../SecurityAssociation.ts"
import type { Operation } from "../StoreOperation.ts"
import { storeLimits, unacceptable } from "../StoreRules.ts"

/** Octets that name an association of a mechanism. */
export interface WireName {
  readonly mechanism: string
  readonly wireId: Uint8Array
}

/** Where a record stands. */
export interface RecordName {
  readonly collection: string
  readonly key: string
}

/** One text for a {@link WireName}. */
export const wireKey = ({ mechanism, wireId }: WireName): string => `${toHex(wireId)} ${mechanism}`

/** One text for a {@link RecordName}. */
export const recordKey = ({ collection, key }: RecordName): string => `${collection.length} ${collection}${key}`

/** Names without repetition. */
export class Names {
  readonly ids = new Set<SaId>()
  readonly wires = new Map<string, WireName>()
  readonly records = new Map<string, RecordName>()

  /** What `operations` look at; nothing of a transaction that no store takes. */
  addOperations(operations: ReadonlyArray<Operation>): void {
    if (operations.length > storeLimits.operations) return
    for (const operation of operations) {
      if (unacceptable(operation) !== undefined) return
      switch (operation._tag) {
        case "Put": {
          const { id, mechanism, wireId } = operation.sa
          this.ids.add(id)
          if (wireId !== undefined) this.addWire({ mechanism, wireId })
          break
        }
        case "Accept":
        case "Revoke":
          this.ids.add(operation.id)
          break
        default:
          this.addRecord(operation)
      }
    }
  }

  addWire({ mechanism, wireId }: WireName): void {
    this.wires.set(wireKey({ mechanism, wireId }), { mechanism, wireId: wireId.slice() })
  }

  addRecord({ collection, key }: RecordName): void {
    this.records.set(recordKey({ collection, key }), { collection, key })
  }
}
