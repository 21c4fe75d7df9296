/**
 * The authentication and key agreement functions of one subscriber, whichever algorithm set computes them.
 *
 * @layer codec
 */

/** RES, CK, IK and AK as f2, f3, f4 and f5 give them for one RAND. */
export interface AkaKeys {
  /** f2; 8 octets by MILENAGE, 4 to 32 by TUAK. */
  readonly res: Uint8Array
  /** f3; 16 octets, or 32 by TUAK where so configured. */
  readonly ck: Uint8Array
  /** f4; 16 octets, or 32 by TUAK where so configured. */
  readonly ik: Uint8Array
  /** f5; 6 octets. */
  readonly ak: Uint8Array
}

/** One authentication vector: what an authentication centre makes and a bootstrapping server uses once. */
export interface AkaVector {
  /** 16 octets. */
  readonly rand: Uint8Array
  /** 16 octets: (SQN xor AK) || AMF || MAC-A. */
  readonly autn: Uint8Array
  /** The response expected from the card; as long as `res`. */
  readonly xres: Uint8Array
  readonly ck: Uint8Array
  readonly ik: Uint8Array
}

/** What one vector is made of: a RAND that was never used before and the SQN that it goes with. */
export interface VectorInput {
  /** 16 octets. */
  readonly rand: Uint8Array
  /** 6 octets. */
  readonly sqn: Uint8Array
}

/**
 * f1, f1*, f2, f3, f4, f5 and f5* under the K of one subscriber.
 *
 * **Shapes** `rand` 16, `sqn` 6 and `amf` 2 octets. The functions never throw: {@link AkaVector} makers and the card check
 * the lengths first, and another length gives octets without meaning.
 *
 * @spec TS 33.102 6.3
 */
export interface AkaFunctions {
  /** f1: MAC-A, the network's proof. */
  readonly f1: (rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array) => Uint8Array
  /** f1*: MAC-S, the card's proof in a resynchronisation. */
  readonly f1Star: (rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array) => Uint8Array
  /** f2, f3, f4 and f5 at once. */
  readonly f2345: (rand: Uint8Array) => AkaKeys
  /** f5*: the 6 octets that hide SQN_MS in AUTS. */
  readonly f5Star: (rand: Uint8Array) => Uint8Array
  /** One vector for each input, all with the same AMF, in as few calls of the primitive as the algorithm allows. */
  readonly vectors: (inputs: ReadonlyArray<VectorInput>, amf: Uint8Array) => ReadonlyArray<AkaVector>
}
