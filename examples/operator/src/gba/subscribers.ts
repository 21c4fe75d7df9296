/**
 * The demonstration subscribers: cards of the published test sets.
 *
 * @layer codec
 */
import { type TestSubscriber, testSubscribers } from "@oma/testkit"
import type { DemoSubscriber } from "../Role.ts"

export const demoSubscribers = testSubscribers

/** A subscriber whose bootstrappings hold for one second; for the story of an expired key. */
export const shortLived: TestSubscriber = {
  ...testSubscribers[2],
  impi: `001010123456701@${testSubscribers[2].impi.split("@")[1]}`,
  impu: `sip:+10015550101@${testSubscribers[2].impi.split("@")[1]}`,
  msisdn: "10015550101"
}

/** A card that this operator never sold. */
export const stranger: TestSubscriber = {
  ...testSubscribers[1],
  impi: `001010999999999@${testSubscribers[1].impi.split("@")[1]}`
}

/** As the ready file and the table of the terminal tell them. */
export const told = ({ algorithm, amf, impi, impu, k, msisdn, opc }: TestSubscriber): DemoSubscriber => ({
  impi,
  impu,
  msisdn,
  ...(algorithm === "tuak" && { algorithm }),
  k,
  opc,
  amf
})
