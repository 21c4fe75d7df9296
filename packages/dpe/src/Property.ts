/**
 * Properties of a device: typed values with their time, and how reports change what is known.
 *
 * @layer codec
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { ConnectionSecurity } from "./ConnectionSecurity.ts"
import type { DpeInterface } from "./DpeInterface.ts"
import type { PropertyType } from "./PropertyType.ts"
import { type Term, termOf } from "./Vocabulary.ts"

/** A property as a message carries it. Times are milliseconds since 1970. */
export interface Property {
  /** A URI or a prefixed or bare name. */
  readonly name: string
  readonly value: string
  /** `string` unless given. */
  readonly type?: PropertyType
  readonly time?: number
  /** Not to be used from then on. */
  readonly expires?: number
  readonly accuracy?: string
}

/** A property with the interface and the security of the connection at which it came. */
export interface StoredProperty extends Property {
  readonly time: number
  readonly interface: DpeInterface
  readonly security: ConnectionSecurity
}

/** One change: the value that a name has from now on, or that it has none. */
export type PropertyDiff =
  | { readonly operation: "set"; readonly property: Property }
  | { readonly operation: "remove"; readonly name: string }

/** A property that breaks its type or the vocabulary, or one too many. It quotes no value. */
export class PropertyFault extends Data.TaggedError("PropertyFault")<{
  readonly name: string
  readonly clause: string
}> {}

/** What one profile holds at most. */
export interface ProfileLimits {
  /** Properties; 256. */
  readonly properties: number
  /** Characters of all names and values together; 131,072. */
  readonly characters: number
}

export const defaultProfileLimits: ProfileLimits = { properties: 256, characters: 131_072 }

const integerShape = /^[+-]?[0-9]{1,15}$/
const decimalShape = /^[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})$/
const dateTimeShape =
  /^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$/

const shapes: Readonly<Record<PropertyType, { readonly text: string; readonly holds: (value: string) => boolean }>> = {
  string: { text: "text", holds: () => true },
  integer: { text: "a whole number of at most 15 digits", holds: (value) => integerShape.test(value) },
  decimal: { text: "a decimal number of at most 15 digits on each side", holds: (value) => decimalShape.test(value) },
  boolean: { text: "true or false", holds: (value) => value === "true" || value === "false" },
  dateTime: { text: "a date and time with zone", holds: (value) => dateTimeShape.test(value) },
  list: { text: "items on lines of their own", holds: () => true }
}

const termFault = (term: Term, value: string): string | undefined => {
  if (term.type === "integer") {
    const number = Number(value)
    if (term.min !== undefined && number < term.min) return `at least ${term.min}`
    if (term.max !== undefined && number > term.max) return `at most ${term.max}`
  }
  return term.values === undefined || term.values.includes(value) ? undefined : `one of ${term.values.join(", ")}`
}

/** `property`, with the type that the vocabulary gives it where it names none; or why it is none. */
export const check = (property: Property): Result.Result<Property, PropertyFault> => {
  const { name, value } = property
  const fail = (clause: string) => Result.fail(new PropertyFault({ name, clause }))
  if (name.length < 1 || name.length > 255) return fail("a name has 1 to 255 characters")
  const term = termOf(name)
  const type = property.type ?? term?.type ?? "string"
  if (term !== undefined && term.type !== type) return fail(`the vocabulary gives it the type ${term.type}`)
  if (!shapes[type].holds(value)) return fail(shapes[type].text)
  const outside = term === undefined ? undefined : termFault(term, value)
  if (outside !== undefined) return fail(outside)
  return Result.succeed({ ...property, type })
}

/** The number of an integer or decimal, or `undefined`. */
export const numberOf = ({ name, value, type }: Property): number | undefined => {
  const read = type ?? termOf(name)?.type
  return (read === "integer" || read === "decimal") && shapes[read].holds(value) ? Number(value) : undefined
}

/** The items of a list, empty lines left out. */
export const itemsOf = ({ value }: Property): ReadonlyArray<string> => value.split("\n").filter((item) => item !== "")

/** Whether the value may still be used. */
export const isCurrent = ({ expires }: Pick<Property, "expires">, now: number): boolean =>
  expires === undefined || now < expires

/** Where and when a message with properties arrived. */
export interface Arrival {
  readonly interface: DpeInterface
  readonly security: ConnectionSecurity
  readonly now: number
}

/**
 * `known` after `diffs`, in their order, without what has expired by then.
 *
 * A value older than the one that stands is passed over, so that a late message does not bring back the past; a time that lies
 * ahead of the arrival counts as the arrival, so that nothing can shut out what comes later.
 */
export const apply = (
  known: ReadonlyArray<StoredProperty>,
  diffs: ReadonlyArray<PropertyDiff>,
  arrival: Arrival,
  limits: ProfileLimits = defaultProfileLimits
): Result.Result<ReadonlyArray<StoredProperty>, PropertyFault> => {
  const { now } = arrival
  const byName = new Map(known.filter((property) => isCurrent(property, now)).map((p) => [p.name, p]))
  for (const diff of diffs) {
    if (diff.operation === "remove") {
      byName.delete(diff.name)
      continue
    }
    const checked = check(diff.property)
    if (Result.isFailure(checked)) return Result.fail(checked.failure)
    const property = checked.success
    const time = Math.min(property.time ?? now, now)
    const standing = byName.get(property.name)
    if (standing !== undefined && standing.time > time) continue
    if (!isCurrent(property, now)) byName.delete(property.name)
    else byName.set(property.name, { ...property, time, interface: arrival.interface, security: arrival.security })
  }
  const result = [...byName.values()]
  const characters = result.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
  if (result.length > limits.properties) {
    return Result.fail(new PropertyFault({ name: "", clause: `at most ${limits.properties} properties` }))
  }
  if (characters > limits.characters) {
    return Result.fail(new PropertyFault({ name: "", clause: `at most ${limits.characters} characters in all` }))
  }
  return Result.succeed(result)
}

/** The diffs that a full report stands for: all that is known and not reported goes. */
export const replacing = (
  known: ReadonlyArray<Pick<Property, "name">>,
  properties: ReadonlyArray<Property>
): ReadonlyArray<PropertyDiff> => {
  const names = new Set(properties.map(({ name }) => name))
  return [
    ...known.filter(({ name }) => !names.has(name)).map(({ name }) => ({ operation: "remove", name }) as const),
    ...properties.map((property) => ({ operation: "set", property }) as const)
  ]
}

/** What must be told to somebody who knows `before` so that he knows `after`. */
export const difference = (
  before: ReadonlyArray<Property>,
  after: ReadonlyArray<Property>
): ReadonlyArray<PropertyDiff> => {
  const known = new Map(before.map((property) => [property.name, property]))
  const names = new Set(after.map(({ name }) => name))
  const changed = after.filter(({ name, value, type, expires, accuracy }) => {
    const old = known.get(name)
    return (
      old === undefined ||
      old.value !== value ||
      old.type !== type ||
      old.expires !== expires ||
      old.accuracy !== accuracy
    )
  })
  return [
    ...before.filter(({ name }) => !names.has(name)).map(({ name }) => ({ operation: "remove", name }) as const),
    ...changed.map((property) => ({ operation: "set", property }) as const)
  ]
}

/** The properties of `names` that may be used at `now`; `*` is all of them. */
export const select = <P extends Property>(
  known: ReadonlyArray<P>,
  names: ReadonlyArray<string>,
  now: number
): ReadonlyArray<P> => {
  const all = names.includes("*")
  return known.filter((property) => isCurrent(property, now) && (all || names.includes(property.name)))
}
