/**
 * Tables of information elements: the one place where a message is written down. The type of the message, its XML and WBXML
 * forms, its Schema and its documentation all follow from the table.
 *
 * @layer codec
 */
import type * as Redacted from "effect/Redacted"

/** Text. `pattern` is matched against the whole of it; give one that cannot backtrack. */
export interface StringType {
  readonly kind: "string"
  /** Characters at most. */
  readonly maxLength?: number
  readonly pattern?: RegExp
}

/** A whole number in decimal digits. */
export interface IntegerType {
  readonly kind: "integer"
  readonly min: number
  readonly max: number
}

/** `true` or `false`. */
export interface BooleanType {
  readonly kind: "boolean"
}

/** One of some words. */
export interface EnumType<V extends string> {
  readonly kind: "enum"
  readonly values: ReadonlyArray<V>
  /** Whether a reader takes the words in any case; a writer always spells them as the table does. */
  readonly ignoreCase: boolean
}

/** A point of time; the value counts milliseconds since 1970-01-01T00:00:00Z. */
export interface DateTimeType {
  readonly kind: "dateTime"
}

/** Octets: base64 in XML, as they are in WBXML. */
export interface Base64Type {
  readonly kind: "base64"
  readonly minOctets: number
  readonly maxOctets: number
}

/** Text or octets that must not be seen: the value is `Redacted`. */
export interface SecretType<T extends StringType | Base64Type> {
  readonly kind: "secret"
  readonly of: T
}

/** A condition over the fields of a structure. */
export interface Rule<A> {
  /** What must hold, as a sentence: it is the clause of the error and stands in the documentation. */
  readonly text: string
  /** Whether it holds. Called with fields that are all of their types. */
  holds(value: A): boolean
}

/** Elements, attributes and content under one element. */
export interface StructureType<F extends Fields> {
  readonly kind: "structure"
  readonly fields: F
  /** Each takes a value of the fields; what it takes is not in this type, so that structures of all fields are structures. */
  readonly rules: ReadonlyArray<Rule<unknown>>
}

export type SimpleType =
  | StringType
  | IntegerType
  | BooleanType
  | EnumType<string>
  | DateTimeType
  | Base64Type
  | SecretType<StringType | Base64Type>

export type Type = SimpleType | StructureType<Fields>

/** How often a field occurs: once; at most once; at most once, by a condition; any number of times; at least once. */
export type Requirement = "M" | "O" | "C" | "0..n" | "1..n"

/** Where a field is written. */
export type Place = "element" | "attribute" | "content"

export interface FieldOptions {
  /** Other names that a reader takes. */
  readonly aliases?: ReadonlyArray<string>
  /** The namespace of the element, and of those inside it; without it that of the element around. */
  readonly namespace?: string
  /** What it says, for the documentation. */
  readonly note?: string
  /** Where it is specified, when it is not where the message is. */
  readonly clause?: string
}

/** One row of a table. */
export interface Field<T extends Type, R extends Requirement> extends FieldOptions {
  /** Exactly as in the specification. */
  readonly name: string
  readonly type: T
  readonly requirement: R
  readonly place: Place
  /** When a conditional field is there. */
  readonly condition?: string
}

/** The rows of a structure by the names that they have in TypeScript, in the order in which they are written. */
export interface Fields {
  readonly [key: string]: Field<Type, Requirement>
}

type Flat<A> = { readonly [K in keyof A]: A[K] }

/** The TypeScript type of a value of the type `T`. */
export type ValueOf<T extends Type> =
  T extends StructureType<infer F>
    ? StructureOf<F>
    : T extends EnumType<infer V>
      ? V
      : T extends SecretType<infer S>
        ? Redacted.Redacted<S extends StringType ? string : Uint8Array>
        : T extends StringType
          ? string
          : T extends BooleanType
            ? boolean
            : T extends Base64Type
              ? Uint8Array
              : number

type Required<F extends Fields> = {
  [K in keyof F]: F[K]["requirement"] extends "M" | "1..n" ? K : never
}[keyof F]

type FieldValue<F extends Field<Type, Requirement>> = F["requirement"] extends "1..n"
  ? readonly [ValueOf<F["type"]>, ...ReadonlyArray<ValueOf<F["type"]>>]
  : F["requirement"] extends "0..n"
    ? ReadonlyArray<ValueOf<F["type"]>>
    : ValueOf<F["type"]>

/**
 * The TypeScript type of a structure with the fields `F`: what is optional, conditional or 0..n may be left out. A reader
 * leaves out an 0..n of which there is none.
 */
export type StructureOf<F extends Fields> = Flat<
  { readonly [K in Required<F>]: FieldValue<F[K]> } & {
    readonly [K in Exclude<keyof F, Required<F>>]?: FieldValue<F[K]>
  }
>

/** One message: a name that is the value of `Message-Type`, and the rows that follow that one. */
export interface Message<N extends string, F extends Fields> {
  readonly name: N
  /** The clause that specifies it. */
  readonly clause: string
  readonly type: StructureType<F>
}

export type AnyMessage = Message<string, Fields>

/** The TypeScript type of a message: `_tag` is its `Message-Type`. */
export type MessageOf<M extends AnyMessage> =
  M extends Message<infer N, infer F> ? Flat<{ readonly _tag: N } & StructureOf<F>> : never

/** Code pages of WBXML: the names of a page have the tokens from 05 on, in their order. At most 59 on a page. */
export interface CodePage {
  readonly namespace: string
  readonly names: ReadonlyArray<string>
}

/** How a protocol goes into WBXML. */
export interface WbxmlVocabulary {
  /** The public identifier; 1 stands for an unknown one. */
  readonly publicId: number
  readonly pages: ReadonlyArray<CodePage>
}

/** A set of messages that share a root element. */
export interface Protocol<M extends AnyMessage> {
  /** Name of the root element. */
  readonly root: string
  /** Namespace of the root element and of all elements that name no other. */
  readonly namespace: string
  readonly messages: ReadonlyArray<M>
  /**
   * Name of the element that a response repeats, such as `Message-ID`. A fault in a document that is well-formed carries its
   * text, where it stands once under the root and has at most 255 characters, so that the receiver can answer.
   */
  readonly correlation?: string
  readonly wbxml?: WbxmlVocabulary
}

/** The TypeScript type of any message of the protocol `P`. */
export type AnyOf<P extends Protocol<AnyMessage>> = MessageOf<P["messages"][number]>

/** Text, at most `maxLength` characters, all of it matched by `pattern`. */
export const string = (options: { readonly maxLength?: number; readonly pattern?: RegExp } = {}): StringType => ({
  kind: "string",
  ...options
})

/** A whole number from `min` (0) to `max` (2^53 - 1). */
export const integer = (options: { readonly min?: number; readonly max?: number } = {}): IntegerType => ({
  kind: "integer",
  min: options.min ?? 0,
  max: options.max ?? Number.MAX_SAFE_INTEGER
})

/** `true` or `false`. */
export const boolean: BooleanType = { kind: "boolean" }

/** One of `values`. */
export const oneOf = <const V extends string>(
  values: ReadonlyArray<V>,
  options: { readonly ignoreCase?: boolean } = {}
): EnumType<V> => ({ kind: "enum", values, ignoreCase: options.ignoreCase ?? false })

/** A point of time with its zone, read to the millisecond and written in UTC; years 0001 to 9999. */
export const dateTime: DateTimeType = { kind: "dateTime" }

/** From `minOctets` (0) to `maxOctets` (no bound but that of the document). */
export const base64 = (options: { readonly minOctets?: number; readonly maxOctets?: number } = {}): Base64Type => ({
  kind: "base64",
  minOctets: options.minOctets ?? 0,
  maxOctets: options.maxOctets ?? Number.MAX_SAFE_INTEGER
})

/** Text or octets that come and go as `Redacted`. */
export const secret = <T extends StringType | Base64Type>(of: T): SecretType<T> => ({ kind: "secret", of })

/** A structure with `fields`, written in their order, over which `rules` hold. */
export const structure = <const F extends Fields>(
  fields: F,
  rules: ReadonlyArray<Rule<StructureOf<F>>> = []
): StructureType<F> => ({ kind: "structure", fields, rules })

const row =
  <R extends Requirement>(requirement: R) =>
  <T extends Type>(name: string, type: T, options: FieldOptions = {}): Field<T, R> => ({
    name,
    type,
    requirement,
    place: "element",
    ...options
  })

/** An element that is there exactly once. */
export const mandatory = row("M")
/** An element that is there at most once. */
export const optional = row("O")
/** An element that is there any number of times. */
export const many = row("0..n")
/** An element that is there at least once. */
export const some = row("1..n")

/** An element that is there when `condition` says so; what a machine can check of it goes into a rule of the structure. */
export const conditional = <T extends Type>(
  name: string,
  condition: string,
  type: T,
  options: FieldOptions = {}
): Field<T, "C"> => ({ name, type, requirement: "C", place: "element", condition, ...options })

/** The row `field` as an attribute instead of an element. Attributes have no namespace. */
export const attribute = <T extends SimpleType, R extends "M" | "O" | "C">(field: Field<T, R>): Field<T, R> => ({
  ...field,
  place: "attribute"
})

/** The text of the element itself, beside its attributes. A structure with content has no elements. */
export const content = <T extends SimpleType>(type: T, options: FieldOptions = {}): Field<T, "M"> => ({
  name: "",
  type,
  requirement: "M",
  place: "content",
  ...options
})

/** The message `name` that `clause` specifies. The row `Message-Type` goes without saying. */
export const message = <const N extends string, const F extends Fields>(
  name: N,
  clause: string,
  fields: F,
  rules: ReadonlyArray<Rule<StructureOf<F>>> = []
): Message<N, F> => ({ name, clause, type: structure(fields, rules) })

/** The protocol of `messages` under a root element. */
export const protocol = <const M extends AnyMessage>(options: Protocol<M>): Protocol<M> => options
