/**
 * One buffer, used again and again by work that ends before anything else begins: a fresh one for each message costs more
 * than the message. It holds zeros between uses.
 *
 * @layer codec
 */

const usual = 4096
const largest = 65_536

let spare: Uint8Array<ArrayBuffer> | undefined

/** A buffer of `least` octets or more, all zero. It is the caller's until {@link giveBack}. */
export const take = (least: number): Uint8Array<ArrayBuffer> => {
  const buffer = spare
  if (buffer === undefined || buffer.length < least) return new Uint8Array(Math.max(least, usual))
  spare = undefined
  return buffer
}

/** Wipes the first `used` octets of `buffer` and keeps it for the next. One that is not given back is only lost. */
export const giveBack = (buffer: Uint8Array<ArrayBuffer>, used: number): void => {
  buffer.fill(0, 0, used)
  if (buffer.length <= largest) spare = buffer
}
