/**
 * The result codes of PAP as typed outcomes: what each means and whether the same request may be sent again.
 *
 * Unknown codes are judged by their class. Among the known codes of class 3 those that name an ability the gateway lacks
 * are not worth repeating; that is our own choice.
 *
 * @spec PAP 2.0, result codes
 * @layer codec
 */

/** First digit of a code: 1 success, 2 the initiator's fault, 3 the gateway's, 4 the service's, 5 the terminal's. */
export type ResultClass = "success" | "initiator" | "gateway" | "service" | "terminal"

/** What a result code says. */
export interface ResultCode {
  readonly code: number
  readonly class: ResultClass
  readonly meaning: string
  /** Whether the same request may succeed later. */
  readonly retry: boolean
  /** Whether the code is in the table. */
  readonly known: boolean
}

/** Every code with a meaning of its own, and whether to try again. */
export const resultCodes: ReadonlyArray<readonly [code: number, meaning: string, retry: boolean]> = [
  [1000, "OK", false],
  [1001, "accepted for processing", false],
  [2000, "bad request", false],
  [2001, "forbidden", false],
  [2002, "address error", false],
  [2003, "address not found", false],
  [2004, "push id not found", false],
  [2005, "capabilities mismatch", false],
  [2006, "required capabilities not supported", false],
  [2007, "duplicate push id", false],
  [2008, "cancellation not possible", false],
  [3000, "internal server error", true],
  [3001, "not implemented", false],
  [3002, "version not supported", false],
  [3003, "not possible", false],
  [3004, "capability matching not supported", false],
  [3005, "multiple addresses not supported", false],
  [3006, "transformation failure", false],
  [3007, "specified delivery method not possible", false],
  [3008, "capabilities not available", true],
  [3009, "required network not available", true],
  [3010, "required bearer not available", true],
  [3011, "replacement not supported", false],
  [4000, "service failure", true],
  [4001, "service unavailable", true]
]

const table = new Map(resultCodes.map(([code, meaning, retry]) => [code, { meaning, retry }]))
const classes: ReadonlyArray<readonly [ResultClass, meaning: string, retry: boolean]> = [
  ["success", "success", false],
  ["initiator", "request refused", false],
  ["gateway", "gateway error", true],
  ["service", "service error", true],
  ["terminal", "terminal aborted", false]
]

/** The meaning of `code`; `undefined` where it is no code at all (1000-5999). */
export const judge = (code: number): ResultCode | undefined => {
  const found = Number.isInteger(code) ? classes[Math.floor(code / 1000) - 1] : undefined
  if (found === undefined) return undefined
  const [name, meaning, retry] = found
  const known = table.get(code)
  return { code, class: name, meaning, retry, ...known, known: known !== undefined }
}

/** Codes by name, for those who answer. */
export const code = {
  ok: 1000,
  accepted: 1001,
  badRequest: 2000,
  forbidden: 2001,
  addressError: 2002,
  addressNotFound: 2003,
  pushIdNotFound: 2004,
  duplicatePushId: 2007,
  cancellationNotPossible: 2008,
  internalError: 3000,
  notImplemented: 3001,
  transformationFailure: 3006,
  deliveryMethodNotPossible: 3007,
  capabilitiesNotAvailable: 3008,
  requiredBearerNotAvailable: 3010,
  serviceFailure: 4000,
  serviceUnavailable: 4001
} as const
