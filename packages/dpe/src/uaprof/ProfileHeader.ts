/**
 * The HTTP fields that carry static profiles: `x-wap-profile` and `x-wap-profile-diff`.
 *
 * @spec UAProf 2.0, transport over W-HTTP
 * @layer codec
 */
import { Bytes, type Hash } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { MalformedProfile } from "./UaProfError.ts"

/** A reference of `x-wap-profile`, in the order in which profiles are resolved. */
export type Reference =
  | { readonly kind: "uri"; readonly uri: string }
  /** The difference `number` with its MD5, 16 octets. */
  | { readonly kind: "difference"; readonly number: number; readonly md5: Uint8Array }

/** A value of `x-wap-profile-diff`: the difference as it stood in the field. */
export interface Difference {
  readonly number: number
  readonly document: string
}

/** What the fields may have at most. */
export interface HeaderLimits {
  /** Characters of one field; 8,192. */
  readonly length: number
  /** References, and differences; 16. */
  readonly count: number
}

export const defaultLimits: HeaderLimits = { length: 8192, count: 16 }

const clause = "UAProf 2.0, x-wap-profile"
const fail = (why: string) => Result.fail(new MalformedProfile({ why, clause }))

const referenceShape = /[ \t]*"([^"\r\n]{1,2048})"[ \t]*(,|$)/y
const differenceShape = /^([1-9][0-9]{0,3})-([A-Za-z0-9+/]{22}==)$/

const referenceOf = (text: string): Reference | undefined => {
  const found = differenceShape.exec(text)
  if (found === null) {
    if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
    return { kind: "uri", uri: text }
  }
  const md5 = Bytes.fromBase64(found[2]!)
  return Result.isSuccess(md5) ? { kind: "difference", number: Number(found[1]), md5: md5.success } : undefined
}

/** The references of `x-wap-profile`. **Fails** for anything but quoted HTTP URLs and quoted digests with commas between them. */
export const parseProfile = (
  field: string,
  limits: HeaderLimits = defaultLimits
): Result.Result<ReadonlyArray<Reference>, MalformedProfile> => {
  if (field.length > limits.length) return fail(`more than ${limits.length} characters`)
  const references: Array<Reference> = []
  const shape = new RegExp(referenceShape.source, "y")
  for (;;) {
    const found = shape.exec(field)
    if (found === null) return fail("references are quoted, with commas between them")
    const reference = referenceOf(found[1]!)
    if (reference === undefined) return fail("a reference is an HTTP URL or a numbered MD5")
    if (references.length >= limits.count) return fail(`more than ${limits.count} references`)
    references.push(reference)
    if (found[2] === "") return Result.succeed(references)
  }
}

/** The value of `x-wap-profile`. */
export const encodeProfile = (references: ReadonlyArray<Reference>): string =>
  references
    .map((reference) =>
      reference.kind === "uri" ? `"${reference.uri}"` : `"${reference.number}-${Bytes.toBase64(reference.md5)}"`
    )
    .join(", ")

/** One value of `x-wap-profile-diff`, `<number>;<document>`. */
export const parseDifference = (
  field: string,
  limits: HeaderLimits = defaultLimits
): Result.Result<Difference, MalformedProfile> => {
  if (field.length > limits.length) return fail(`more than ${limits.length} characters`)
  const found = /^[ \t]*([1-9][0-9]{0,3})[ \t]*;/.exec(field)
  if (found === null) return fail("a difference begins with its number")
  return Result.succeed({ number: Number(found[1]), document: field.slice(found[0].length).trim() })
}

export const encodeDifference = ({ number, document }: Difference): string => `${number};${document}`

/**
 * The text over which the MD5 of a difference is taken: white space between elements and at both ends does not count, since fields are
 * folded on the way; other runs of it count as one space. The rule is written from memory of the published one.
 */
export const canonical = (document: string): string =>
  document
    .trim()
    .replace(/>[ \t\r\n]+</g, "><")
    .replace(/[ \t\r\n]+/g, " ")

/** The reference to a difference. */
export const referenceTo = (md5: Hash, { number, document }: Difference): Reference => ({
  kind: "difference",
  number,
  md5: md5(Bytes.utf8(canonical(document)))
})

/**
 * The profiles in the order in which they are resolved: URLs to fetch, and differences whose number and MD5 were checked.
 *
 * **Fails** where a reference has no difference, a difference has no reference, a number stands twice, or an MD5 does not hold. The MD5 finds what broke on
 * the way; it proves nothing about who wrote it.
 */
export const arrange = (
  md5: Hash,
  references: ReadonlyArray<Reference>,
  differences: ReadonlyArray<Difference>
): Result.Result<ReadonlyArray<Extract<Reference, { kind: "uri" }> | Difference>, MalformedProfile> => {
  const byNumber = new Map(differences.map((difference) => [difference.number, difference]))
  if (byNumber.size !== differences.length) return fail("two differences with one number")
  const arranged: Array<Extract<Reference, { kind: "uri" }> | Difference> = []
  for (const reference of references) {
    if (reference.kind === "uri") {
      arranged.push(reference)
      continue
    }
    const difference = byNumber.get(reference.number)
    if (difference === undefined) return fail("a reference without its difference")
    byNumber.delete(reference.number)
    if (!Bytes.equal(md5(Bytes.utf8(canonical(difference.document))), reference.md5)) {
      return fail("the MD5 of a difference does not hold")
    }
    arranged.push(difference)
  }
  return byNumber.size === 0 ? Result.succeed(arranged) : fail("a difference without reference")
}
