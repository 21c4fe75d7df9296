/**
 * The Schema of a message, out of its table: for administration, for documents of an API and for generating tests. The codecs
 * do not need it, and only this sub-path loads `effect/Schema`.
 *
 * Both sides of each Schema are the TypeScript type of the message; `Schema.toCodecJson` makes a JSON form of it.
 *
 * @layer codec
 */
import * as Schema from "effect/Schema"
import type {
  AnyMessage,
  AnyOf,
  Field,
  Fields,
  MessageOf,
  Protocol,
  Requirement,
  SimpleType,
  StructureOf,
  StructureType,
  Type
} from "../Table.ts"
import { isXmlText } from "../Text.ts"

type Unknown = Schema.Codec<unknown>

const xmlText = Schema.makeFilter((text: string) => isXmlText(text) || "characters of XML 1.0", {
  expected: "characters of XML 1.0"
})
const year1 = -62_135_596_800_000
const endOfYear9999 = 253_402_300_799_999

const ofSimple = (type: SimpleType): Unknown => {
  switch (type.kind) {
    case "secret":
      return Schema.Redacted(ofSimple(type.of))
    case "boolean":
      return Schema.Boolean
    case "enum":
      return Schema.Literals(type.values)
    case "integer":
      return Schema.Int.check(Schema.isBetween({ minimum: type.min, maximum: type.max }))
    case "dateTime":
      return Schema.Int.check(Schema.isBetween({ minimum: year1, maximum: endOfYear9999 }))
    case "base64": {
      const { minOctets, maxOctets } = type
      const sized = Schema.makeFilter(
        (octets: Uint8Array) => octets.length >= minOctets && octets.length <= maxOctets,
        { expected: `from ${minOctets} to ${maxOctets} octets` }
      )
      return Schema.Uint8Array.check(sized)
    }
    case "string": {
      let text: Schema.Codec<string> = Schema.String.check(xmlText)
      const { maxLength, pattern } = type
      if (maxLength !== undefined) text = text.pipe(Schema.check(Schema.isMaxLength(maxLength)))
      if (pattern === undefined) return text
      const whole = new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gmy]/g, ""))
      return text.pipe(Schema.check(Schema.isPattern(whole)))
    }
  }
}

const ofType = (type: Type): Unknown => (type.kind === "structure" ? fieldsOf(type, undefined) : ofSimple(type))

const ofField = ({ type, requirement }: Field<Type, Requirement>): Unknown | Schema.optionalKey<Unknown> => {
  const one = ofType(type)
  if (requirement === "M") return one
  if (requirement === "1..n") return Schema.NonEmptyArray(one)
  return Schema.optionalKey(requirement === "0..n" ? Schema.Array(one) : one)
}

const fieldsOf = (type: StructureType<Fields>, tag: string | undefined): Unknown => {
  const fields: Record<string, Unknown | Schema.optionalKey<Unknown>> = {}
  if (tag !== undefined) fields["_tag"] = Schema.Literal(tag)
  for (const [key, field] of Object.entries(type.fields)) fields[key] = ofField(field)
  const checks = type.rules.map((rule) => Schema.makeFilter((value: object) => rule.holds(value) || rule.text))
  const struct = Schema.Struct(fields)
  const [first, ...rest] = checks
  return first === undefined ? struct : struct.check(first, ...rest)
}

/** The Schema of a structure. */
export const ofStructure = <F extends Fields>(type: StructureType<F>): Schema.Codec<StructureOf<F>> =>
  fieldsOf(type, undefined) as Schema.Codec<StructureOf<F>>

/** The Schema of `message`. */
export const ofMessage = <M extends AnyMessage>(message: M): Schema.Codec<MessageOf<M>> =>
  fieldsOf(message.type, message.name) as Schema.Codec<MessageOf<M>>

/** The Schema of any message of `protocol`. */
export const ofProtocol = <P extends Protocol<AnyMessage>>(protocol: P): Schema.Codec<AnyOf<P>> =>
  Schema.Union(protocol.messages.map((message) => fieldsOf(message.type, message.name))) as Schema.Codec<AnyOf<P>>
