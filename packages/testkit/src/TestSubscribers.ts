/**
 * Subscribers of the published test sets: their keys are known to everybody, so they are for tests and for nothing else.
 *
 * @layer codec
 * @spec TS 35.208 4.3 to 4.8 (MILENAGE); TS 35.233 6.6 (TUAK)
 */

/** A subscriber as a card and a home network share it; keys in hexadecimal. */
export interface TestSubscriber {
  readonly impi: string
  readonly impu: string
  readonly msisdn: string
  readonly algorithm: "milenage" | "tuak"
  readonly k: string
  /** OPc of MILENAGE (16 octets), TOPc of TUAK (32). */
  readonly opc: string
  /** 4 digits. The separation bit is clear, as GBA has it; the AMF of the test set is another one. */
  readonly amf: string
  /** The test set that the keys are of. */
  readonly source: string
}

const domain = "ims.mnc001.mcc001.3gppnetwork.org"

const subscriber = (
  last: number,
  algorithm: TestSubscriber["algorithm"],
  k: string,
  opc: string,
  source: string
): TestSubscriber => ({
  impi: `00101012345678${last}@${domain}`,
  impu: `sip:+1001555010${last}@${domain}`,
  msisdn: `1001555010${last}`,
  algorithm,
  k,
  opc,
  amf: "0000",
  source
})

/** Three cards of MILENAGE and one of TUAK. The IMSIs are of the test network 001-01, or 001-001. */
export const testSubscribers: readonly [TestSubscriber, TestSubscriber, TestSubscriber, TestSubscriber] = [
  subscriber(
    9,
    "milenage",
    "465b5ce8b199b49faa5f0a2ee238a6bc",
    "cd63cb71954a9f4e48a5994e37a02baf",
    "TS 35.208 test set 1"
  ),
  subscriber(
    8,
    "milenage",
    "fec86ba6eb707ed08905757b1bb44b8f",
    "1006020f0a478bf6b699f15c062e42b3",
    "TS 35.208 test set 3"
  ),
  subscriber(
    7,
    "milenage",
    "9e5944aea94b81165c82fbf9f32db751",
    "a64a507ae1a2a98bb88eb4210135dc87",
    "TS 35.208 test set 4"
  ),
  subscriber(
    6,
    "tuak",
    "b8da837a50652d6ac7c97da14f6acc61",
    "2bc16eb657a68e1f446f08f57c0efb1d493527a2e652ce281eb6ca0e4487760a",
    "TS 35.233 test set 4"
  )
]

/** The name of the bootstrapping server of this network. @spec TS 23.003 16.2 */
export const testBsf = "bsf.mnc001.mcc001.pub.3gppnetwork.org"
