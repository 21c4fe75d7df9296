/**
 * Rows of the stores that keep tables, as values and back.
 *
 * @layer codec
 */
import * as Result from "effect/Result"
import { fault, noReplay, type ReplayMode } from "./ReplayWindow.ts"
import type { Revocation, RevocationReason, SaId, SecurityAssociation } from "./SecurityAssociation.ts"

/** What a column holds. */
export type Column = string | number | Uint8Array | null

/** What the columns mean is not what a store wrote: `why` names the column. */
export interface RowFault {
  readonly _tag: "RowFault"
  readonly why: string
}

const rowFault = (why: string): Result.Result<never, RowFault> => Result.fail({ _tag: "RowFault", why })

/** Replay bits as octets, the least significant octet of each word first. */
export const encodeBits = (seen: Uint32Array): Uint8Array => {
  const out = new Uint8Array(seen.length * 4)
  for (let i = 0; i < seen.length; i++) {
    const word = seen[i]!
    out[4 * i] = word
    out[4 * i + 1] = word >>> 8
    out[4 * i + 2] = word >>> 16
    out[4 * i + 3] = word >>> 24
  }
  return out
}

/** The words of {@link encodeBits}. */
export const decodeBits = (octets: Uint8Array): Uint32Array => {
  const out = new Uint32Array(octets.length >> 2)
  for (let i = 0; i < out.length; i++) {
    const at = 4 * i
    out[i] = octets[at]! | (octets[at + 1]! << 8) | (octets[at + 2]! << 16) | (octets[at + 3]! << 24)
  }
  return out
}

/** The columns `mode` and `jump` of a way to treat numbers. */
export const encodeMode = (mode: ReplayMode): readonly [mode: number, jump: number | null] =>
  mode._tag === "none" ? [0, null] : [mode._tag === "strict" ? 1 : mode.size, mode.maxJump ?? null]

/** The mode of {@link encodeMode}. */
export const decodeMode = (mode: number, jump: number | null): Result.Result<ReplayMode, RowFault> => {
  const maxJump = jump === null ? {} : { maxJump: jump }
  const decoded: ReplayMode =
    mode === 0 ? noReplay : mode === 1 ? { _tag: "strict", ...maxJump } : { _tag: "window", size: mode, ...maxJump }
  return fault(decoded) === undefined ? Result.succeed(decoded) : rowFault("mode is none")
}

/** The part of an association that never counts, as JSON; name, mechanism, octets and end have columns of their own. */
export const encodeBody = (sa: SecurityAssociation): string => {
  const { id: _id, mechanism: _mechanism, wireId: _wireId, hardExpiry: _hardExpiry, ...body } = sa
  return JSON.stringify(body)
}

/** The association of a row. */
export const decodeBody = (
  id: string,
  mechanism: string,
  wire: Uint8Array | null,
  ends: number | null,
  body: string
): Result.Result<SecurityAssociation, RowFault> => {
  let rest: unknown
  try {
    rest = JSON.parse(body)
  } catch {
    return rowFault("body is no JSON")
  }
  if (!isBody(rest)) return rowFault("body is no association")
  return Result.succeed({
    id: id as SaId,
    mechanism,
    ...rest,
    ...(wire === null ? {} : { wireId: wire }),
    ...(ends === null ? {} : { hardExpiry: ends })
  })
}

type Body = Omit<SecurityAssociation, "id" | "mechanism" | "wireId" | "hardExpiry">

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null

const isBody = (value: unknown): value is Body =>
  isObject(value) &&
  isObject(value["peer"]) &&
  isObject(value["scope"]) &&
  isObject(value["keys"]) &&
  isObject(value["replay"]) &&
  isObject(value["provenance"]) &&
  isObject(value["attributes"]) &&
  typeof value["createdAt"] === "number"

const reasons: ReadonlySet<string> = new Set<RevocationReason>([
  "replaced",
  "compromised",
  "deactivated",
  "administrative",
  "store-recovered"
])

/** The revocation of a row. */
export const decodeRevocation = (
  id: string,
  mechanism: string,
  why: string,
  at: number
): Result.Result<Revocation, RowFault> =>
  reasons.has(why)
    ? Result.succeed({ id: id as SaId, mechanism, why: why as RevocationReason, at })
    : rowFault("why is no reason")

/**
 * The least text that lies after every text which begins with `prefix`, in the order of UTF-8 octets; `undefined` when all
 * texts after `prefix` begin with it.
 */
export const afterPrefix = (prefix: string): string | undefined => {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
  }
  return undefined
}
