/**
 * The first message of a TLS client, as far as a server must know it before OpenSSL does: Node's callback for pre-shared
 * keys tells neither the suite nor, in TLS 1.3, the server's name, and a Ks_NAF depends on both.
 *
 * @spec RFC 5246 7.4.1.2; RFC 8446 4.1.2, 4.2.1; RFC 6066 3 (server_name); RFC 8422 5.1 (supported groups)
 * @layer codec
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"

export interface ClientHello {
  /** `legacy_version`: 0x0303 for TLS 1.2 and 1.3. */
  readonly legacyVersion: number
  /** The offered suites, in the client's order, unknown ones included. */
  readonly suites: ReadonlyArray<number>
  /** `supported_versions`, or `undefined` where the extension is missing. */
  readonly versions: ReadonlyArray<number> | undefined
  /** `supported_groups`, or `undefined` where the extension is missing. */
  readonly groups: ReadonlyArray<number> | undefined
  /** The host name of `server_name`, lower case. */
  readonly serverName: string | undefined
}

/** The octets are no ClientHello. `offset` counts in the handshake message, or in the stream for a bad record. */
export class MalformedHello extends Data.TaggedError("MalformedHello")<{
  readonly reason: string
  readonly clause: string
  readonly offset: number
}> {}

export interface HelloLimits {
  /** Octets of the handshake message; 16,384. */
  readonly maxLength?: number
  /** Records over which it may be spread; 8. */
  readonly maxRecords?: number
}

const record = "RFC 8446 5.1"
const hello = "RFC 8446 4.1.2"

const bad = (reason: string, clause: string, offset: number) =>
  Result.fail(new MalformedHello({ reason, clause, offset }))

/** The handshake message out of its records, `undefined` where more must come. */
const gather = (
  stream: Uint8Array,
  maxLength: number,
  maxRecords: number
): Result.Result<Uint8Array | undefined, MalformedHello> => {
  const parts: Array<Uint8Array> = []
  let have = 0
  let want = -1
  let at = 0
  for (let records = 0; ; records++) {
    if (at >= stream.length) return Result.succeed(undefined)
    if (stream[at] !== 22) return bad("not a handshake record", record, at)
    if (records === maxRecords) return bad("too many records", record, at)
    if (at + 1 < stream.length && stream[at + 1] !== 3) return bad("not a TLS version", record, at + 1)
    if (at + 5 > stream.length) return Result.succeed(undefined)
    const length = (stream[at + 3]! << 8) | stream[at + 4]!
    if (length === 0 || length > 16384) return bad("record length", record, at + 3)
    const part = stream.subarray(at + 5, Math.min(at + 5 + length, stream.length))
    parts.push(part)
    have += part.length
    if (want < 0 && have >= 4) {
      const head = new Uint8Array(4)
      let filled = 0
      for (const piece of parts) for (let i = 0; i < piece.length && filled < 4; i++) head[filled++] = piece[i]!
      if (head[0] !== 1) return bad("not a ClientHello", "RFC 8446 4", at)
      want = 4 + ((head[1]! << 16) | (head[2]! << 8) | head[3]!)
      if (want > maxLength) return bad("longer than the limit", "limit of this server", at)
    }
    if (want >= 0 && have >= want) break
    if (part.length < length) return Result.succeed(undefined)
    at += 5 + length
  }
  if (parts.length === 1) return Result.succeed(parts[0]!.subarray(0, want))
  const out = new Uint8Array(want)
  let filled = 0
  for (const part of parts) {
    const piece = part.subarray(0, Math.min(part.length, want - filled))
    out.set(piece, filled)
    filled += piece.length
  }
  return Result.succeed(out)
}

const shorts = (message: Uint8Array, from: number, to: number): ReadonlyArray<number> => {
  const out: Array<number> = []
  for (let i = from; i + 1 < to; i += 2) out.push((message[i]! << 8) | message[i + 1]!)
  return out
}

const hostName = (message: Uint8Array, from: number, to: number): string | undefined => {
  let text = ""
  for (let i = from; i < to; i++) {
    const code = message[i]!
    // letters, digits, "-", "." and "_": what a host name has in ASCII form; anything else names no host of ours
    const upper = code >= 65 && code <= 90
    if (
      !upper &&
      !(code >= 97 && code <= 122) &&
      !(code >= 48 && code <= 57) &&
      code !== 45 &&
      code !== 46 &&
      code !== 95
    )
      return undefined
    text += String.fromCharCode(upper ? code + 32 : code)
  }
  return text === "" ? undefined : text
}

/**
 * Reads a ClientHello from the first octets of a TCP stream. Succeeds with `undefined` where more octets must come; fails
 * with `MalformedHello` as soon as no continuation could make it right. What follows the message is not looked at.
 *
 * Work and memory are bounded by the limits, not by the stream.
 */
export const decodeClientHello = (
  stream: Uint8Array,
  limits?: HelloLimits
): Result.Result<ClientHello | undefined, MalformedHello> => {
  const gathered = gather(stream, limits?.maxLength ?? 16_384, limits?.maxRecords ?? 8)
  if (Result.isFailure(gathered)) return Result.fail(gathered.failure)
  const m = gathered.success
  if (m === undefined) return Result.succeed(undefined)

  let at = 4
  if (at + 35 > m.length) return bad("cut short", hello, at)
  const legacyVersion = (m[at]! << 8) | m[at + 1]!
  at += 34
  const sessionId = m[at]!
  if (sessionId > 32) return bad("session id longer than 32 octets", hello, at)
  at += 1 + sessionId
  if (at + 2 > m.length) return bad("cut short", hello, at)
  const suitesLength = (m[at]! << 8) | m[at + 1]!
  at += 2
  if (suitesLength < 2 || suitesLength % 2 !== 0 || at + suitesLength > m.length) return bad("cipher suites", hello, at)
  const suites = shorts(m, at, at + suitesLength)
  at += suitesLength
  if (at + 1 > m.length) return bad("cut short", hello, at)
  const compression = m[at]!
  if (compression < 1 || at + 1 + compression > m.length) return bad("compression methods", hello, at)
  at += 1 + compression

  let versions: ReadonlyArray<number> | undefined
  let groups: ReadonlyArray<number> | undefined
  let serverName: string | undefined
  if (at < m.length) {
    if (at + 2 > m.length) return bad("cut short", hello, at)
    const end = at + 2 + ((m[at]! << 8) | m[at + 1]!)
    if (end !== m.length) return bad("extensions length", hello, at)
    at += 2
    const seen = new Set<number>()
    while (at < end) {
      if (at + 4 > end) return bad("extension cut short", hello, at)
      const type = (m[at]! << 8) | m[at + 1]!
      const from = at + 4
      const to = from + ((m[at + 2]! << 8) | m[at + 3]!)
      if (to > end) return bad("extension length", hello, at)
      if (seen.has(type)) return bad("extension twice", "RFC 8446 4.2", at)
      seen.add(type)
      if (type === 43) {
        const length = to > from ? m[from]! : 0
        if (length < 2 || length % 2 !== 0 || from + 1 + length !== to)
          return bad("supported_versions", "RFC 8446 4.2.1", at)
        versions = shorts(m, from + 1, to)
      } else if (type === 10) {
        const length = to - from >= 2 ? (m[from]! << 8) | m[from + 1]! : 0
        if (length < 2 || length % 2 !== 0 || from + 2 + length !== to)
          return bad("supported_groups", "RFC 8422 5.1.1", at)
        groups = shorts(m, from + 2, to)
      } else if (type === 0) {
        // a list with one entry: type 0, name
        const length = to - from >= 5 ? (m[from + 3]! << 8) | m[from + 4]! : 0
        if (
          length < 1 ||
          from + 5 + length !== to ||
          m[from + 2] !== 0 ||
          ((m[from]! << 8) | m[from + 1]!) !== length + 3
        )
          return bad("server_name", "RFC 6066 3", at)
        if (length > 255) return bad("server_name", "RFC 6066 3", at)
        serverName = hostName(m, from + 5, to)
        if (serverName === undefined) return bad("server_name is no host name", "RFC 6066 3", at)
      }
      at = to
    }
  }
  return Result.succeed({ legacyVersion, suites, versions, groups, serverName })
}
