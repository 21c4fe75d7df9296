/**
 * Why a bootstrapping server got no vector: for its machine, and for the operator in the words of the specification.
 *
 * @layer service
 */
import type { VectorError } from "../aka/AuthenticationVectorSource.ts"
import type { VectorFault } from "./BsfBootstrap.ts"

/** What the machine is told. */
export const faultOf = (error: VectorError): VectorFault => {
  switch (error._tag) {
    case "UnknownSubscriber":
      return "unknown"
    case "AutsRejected":
    case "MalformedAka":
      return "auts rejected"
    case "SqnExhausted":
    case "Unavailable":
      return "unavailable"
  }
}

/** What the operator is told. */
export const told: Readonly<Record<VectorFault, { readonly detail: string; readonly clause: string }>> = {
  unknown: {
    detail: "no vector: the home network does not know the subscriber",
    clause: "TS 29.109 6.2: 5401 IDENTITY_UNKNOWN"
  },
  "auts rejected": { detail: "no vector: MAC-S of the AUTS is wrong", clause: "TS 33.102 6.3.5" },
  unavailable: { detail: "no vector: the home network does not answer", clause: "TS 33.220 4.5.2" }
}
