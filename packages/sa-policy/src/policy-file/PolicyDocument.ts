/**
 * The written form of a security policy, in YAML or JSON, and its translation. Every fault names its path, line and column, and
 * the reason.
 *
 * @layer codec
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Document, isAlias, LineCounter, parseDocument, visit } from "yaml"
import * as Level from "../Level.ts"
import { type AcceptedMode, faults, type InterfacePolicy, type SecurityPolicy } from "../SecurityPolicy.ts"

const ModeName = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$/))
const PartName = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/))
const LevelName = Schema.Literals(Level.names)
const Mode = Schema.Union([ModeName, Schema.Struct({ mode: ModeName, over: LevelName })])
const Modes = Schema.Array(Mode)
const Lifetime = Schema.Union([Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)), Schema.String])
const Limit = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** One entry as it is written. */
const InterfaceDocument = Schema.Struct({
  enabler: PartName,
  role: Schema.Literals(["client", "server"]),
  interface: PartName,
  clientAuthentication: Modes,
  serverAuthentication: Schema.optionalKey(Modes),
  connection: LevelName,
  push: Schema.optionalKey(LevelName),
  lifetimes: Schema.optionalKey(Schema.Record(PartName, Lifetime)),
  limits: Schema.optionalKey(Schema.Record(PartName, Limit))
})

/**
 * A policy file. `serverAuthentication` is `[none]` and `push` is `none` unless said otherwise; everything else must be said. A mode is
 * written as its name, or as `{ mode, over }` with the least connection on which it counts; lifetimes are milliseconds or texts such
 * as `10 minutes`.
 */
export const PolicyDocument = Schema.Struct({
  version: Schema.Literal(1),
  networks: Schema.optionalKey(Schema.Record(PartName, Schema.Array(Schema.String))),
  interfaces: Schema.Array(InterfaceDocument)
})

type InterfaceDocument = typeof InterfaceDocument.Type

/** One fault of a policy file. `line` and `column` count from 1. */
export interface PolicyFileFault {
  readonly path: string
  readonly line: number
  readonly column: number
  readonly why: string
}

/** What a policy file may have at most; `lifetime` is milliseconds, a hundred years. */
export const limits = { characters: 256 * 1024, lifetime: 36_500 * 86_400_000 } as const

type Path = ReadonlyArray<PropertyKey>

const written = (path: Path): string =>
  path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    ""
  )

const modes = (given: typeof Modes.Type): ReadonlyArray<AcceptedMode> =>
  given.map((entry) =>
    typeof entry === "string"
      ? { mode: entry, over: Level.none }
      : { mode: entry.mode, over: Level.fromName(entry.over) }
  )

const lifetimes = (
  given: Readonly<Record<string, number | string>>,
  fail: (name: string) => void
): Readonly<Record<string, number>> => {
  const out: Record<string, number> = {}
  for (const [name, value] of Object.entries(given)) {
    const duration = typeof value === "number" ? Option.some(Duration.millis(value)) : parseDuration(value)
    const millis = Option.isSome(duration) ? Duration.toMillis(duration.value) : Number.NaN
    if (Number.isInteger(millis) && millis >= 0 && millis <= limits.lifetime) out[name] = millis
    else fail(name)
  }
  return out
}

const parseDuration = (text: string): Option.Option<Duration.Duration> => Duration.fromInput(text as Duration.Input)

const entryOf = (given: InterfaceDocument, failLifetime: (name: string) => void): InterfacePolicy => ({
  enabler: given.enabler,
  role: given.role,
  interface: given.interface,
  clientAuthentication: modes(given.clientAuthentication),
  serverAuthentication: modes(given.serverAuthentication ?? ["none"]),
  connection: Level.fromName(given.connection),
  push: Level.fromName(given.push ?? "none"),
  lifetimes: lifetimes(given.lifetimes ?? {}, failLifetime),
  limits: given.limits ?? {}
})

const validate = Schema.toStandardSchemaV1(PolicyDocument, {
  parseOptions: { errors: "all", onExcessProperty: "error" }
})["~standard"].validate

/** The document of `text`, or `undefined` where it is nested deeper than the reader can follow. */
const read = (text: string, lineCounter: LineCounter): Document.Parsed | undefined => {
  try {
    return parseDocument(text, { lineCounter, uniqueKeys: true, strict: true, logLevel: "error" })
  } catch {
    return undefined
  }
}

/** Where the first tag, anchor or alias stands: with them a text says something else than it seems to. */
const specialNode = (document: Document.Parsed): number | undefined => {
  let place: number | undefined
  visit(document, {
    Node: (_, node) => {
      if (node.tag === undefined && !isAlias(node) && node.anchor === undefined) return
      place = node.range?.[0] ?? 0
      return visit.BREAK
    }
  })
  return place
}

/**
 * The policy that `text` writes, or all faults that could be found. JSON is YAML, so both come here.
 *
 * **Gotchas** A key that stands twice, an alias, a tag or an unknown key is a fault: what looks like a setting must be one.
 */
export const parse = (text: string): Result.Result<SecurityPolicy, ReadonlyArray<PolicyFileFault>> => {
  const lines = new LineCounter()
  const at = (offset: number, path: Path, why: string): PolicyFileFault => {
    const { line, col } = lines.linePos(offset)
    return { path: written(path), line: Math.max(1, line), column: Math.max(1, col), why }
  }
  if (text.length > limits.characters) {
    return Result.fail([at(0, [], `longer than ${limits.characters} characters`)])
  }
  if (/^%/m.test(text)) return Result.fail([at(text.search(/^%/m), [], "directives are not allowed")])
  const document = read(text, lines)
  if (document === undefined) return Result.fail([at(0, [], "nested too deep")])
  const syntax = [...document.errors, ...document.warnings]
  if (syntax.length > 0) {
    return Result.fail(syntax.map((error) => at(error.pos[0], [], error.message.split("\n")[0] ?? error.code)))
  }
  // the nearest place that exists in the text, for a key that is missing or a path into an absent part
  const locate = (path: Path): number => {
    for (let length = path.length; length >= 0; length--) {
      const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
      if (typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)) {
        const [start] = node.range
        if (typeof start === "number") return start
      }
    }
    return 0
  }
  const special = specialNode(document)
  if (special !== undefined) return Result.fail([at(special, [], "tags, anchors and aliases are not allowed")])
  const value: unknown = document.toJS({ maxAliasCount: 0 })
  const outcome = validate(value)
  if (outcome instanceof Promise) return Result.fail([at(0, [], "the schema is asynchronous")])
  if (outcome.issues !== undefined) {
    return Result.fail(
      outcome.issues.map((issue) => {
        const path = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
        return at(locate(path), path, issue.message)
      })
    )
  }
  const found: Array<PolicyFileFault> = []
  const policy: SecurityPolicy = {
    interfaces: outcome.value.interfaces.map((entry, index) =>
      entryOf(entry, (name) => {
        const path = ["interfaces", index, "lifetimes", name]
        found.push(
          at(
            locate(path),
            path,
            "not a duration: write whole milliseconds up to a hundred years or a text such as 10 minutes"
          )
        )
      })
    ),
    networks: outcome.value.networks ?? {}
  }
  for (const { index, field, why } of faults(policy)) {
    const path = ["interfaces", index, field]
    found.push(at(locate(path), path, why))
  }
  return found.length > 0 ? Result.fail(found) : Result.succeed(policy)
}
