/**
 * `Authentication-Info` and `Proxy-Authentication-Info`: what a server says after it accepted, as a value and as a
 * field.
 *
 * @layer codec
 * @spec RFC 7616 3.5; RFC 7615 3, 4
 */
import * as Result from "effect/Result"
import type { Qop } from "./Challenge.ts"
import { DigestMalformed } from "./DigestError.ts"
import { defaultFieldLimits, type FieldLimits, FieldScanner, isToken, quoteAscii } from "./FieldScanner.ts"

/** Every directive may be absent. */
export interface AuthenticationInfo {
  readonly nextnonce: string | undefined
  /** The server's proof that it knows the secret: lower-case hexadecimal. */
  readonly rspauth: string | undefined
  readonly qop: string | undefined
  readonly cnonce: string | undefined
  readonly nc: string | undefined
}

const names = ["nextnonce", "rspauth", "qop", "cnonce", "nc"] as const
type Name = (typeof names)[number]
const isName = (name: string): name is Name => (names as ReadonlyArray<string>).includes(name)

/**
 * The directives of all `fields` of one name. Unknown ones are passed over (servers on Ub add nonce and opaque), quoted
 * and unquoted values are accepted alike, as both are sent.
 *
 * **Fails** with `DigestMalformed` for a duplicate directive, broken quoting, a passed limit.
 */
export const parse = (
  fields: ReadonlyArray<string>,
  limits: FieldLimits = defaultFieldLimits
): Result.Result<AuthenticationInfo, DigestMalformed> => {
  const info: { -readonly [K in Name]: string | undefined } = {
    nextnonce: undefined,
    rspauth: undefined,
    qop: undefined,
    cnonce: undefined,
    nc: undefined
  }
  const seen: Array<string> = []
  let length = 0
  for (const field of fields) {
    length += field.length
    const scanner = new FieldScanner(field)
    if (length > limits.maxLength) scanner.fail("the field is too long", "limit maxLength")
    else {
      scanner.skipCommas()
      while (!scanner.ended) {
        if (seen.length >= limits.maxParameters) scanner.fail("too many parameters", "limit maxParameters")
        else if (scanner.readName()) {
          const { name } = scanner
          if (seen.includes(name)) scanner.fail("a directive stands twice", "RFC 9110 11.2: a name occurs once")
          else if (scanner.readValue()) {
            seen.push(name)
            if (isName(name) && !scanner.plain) scanner.fail(`${name} is not US-ASCII`, "RFC 7616 3.5")
            else if (isName(name)) info[name] = scanner.value
          }
        }
        if (scanner.fault !== undefined || !scanner.readSeparator()) break
      }
    }
    if (scanner.fault !== undefined) return Result.fail(scanner.fault)
  }
  return Result.succeed(info)
}

/** What a server says after it accepted. `rspauth` goes with `cnonce`, `nc` and `qop` of the request. */
export interface AuthenticationInfoParameters {
  readonly nextnonce?: string
  readonly rspauth?: string
  readonly qop?: Qop
  readonly cnonce?: string
  readonly nc?: string
}

/**
 * The value of an `Authentication-Info` field: nextnonce, rspauth and cnonce quoted, qop and nc not.
 *
 * **Fails** with `DigestMalformed` where a value cannot stand in a header field.
 */
export const encode = (info: AuthenticationInfoParameters): Result.Result<string, DigestMalformed> => {
  let out = ""
  for (const name of names) {
    const value = info[name]
    if (value === undefined) continue
    const bare = name === "qop" || name === "nc"
    const text = bare ? (isToken(value) ? value : undefined) : quoteAscii(value)
    if (text === undefined) {
      return Result.fail(new DigestMalformed({ why: `${name} cannot be written`, clause: "RFC 7616 3.5", offset: 0 }))
    }
    out += out === "" ? `${name}=${text}` : `, ${name}=${text}`
  }
  return Result.succeed(out)
}
