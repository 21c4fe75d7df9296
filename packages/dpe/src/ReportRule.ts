/**
 * Rules by which a client reports properties, as a pure machine: time and values come in, reports go out.
 *
 * @layer machine
 */
import { isCurrent, numberOf, type Property } from "./Property.ts"

/**
 * When a rule reports: with every change of a value; when a number passes `threshold`, in either direction; every `period` seconds.
 * The meaning of the three words is a choice of this project.
 */
export interface Trigger {
  readonly kind: "onChange" | "threshold" | "period"
  /** Of a `threshold`; without it the rule never reports. */
  readonly threshold?: number
  /** Of a `period`, in seconds; without it the rule never reports. */
  readonly period?: number
}

export interface ReportRule {
  readonly ruleId: string
  /** `*` is every property. */
  readonly propertyName: readonly [string, ...ReadonlyArray<string>]
  readonly trigger: Trigger
  /** Milliseconds since 1970; the rule ends then. */
  readonly expiry?: number
}

/** A rule in force, with what it needs to remember. */
interface Watching {
  readonly rule: ReportRule
  /** The value of each name when it was last seen. */
  readonly seen: ReadonlyMap<string, string>
  /** When a rule of a period reports next. */
  readonly due?: number
}

export interface State {
  readonly rules: ReadonlyArray<Watching>
  readonly known: ReadonlyArray<Property>
}

export type Event =
  /** Puts rules in force; one with the id of another takes its place. */
  | { readonly _tag: "Subscribed"; readonly rules: ReadonlyArray<ReportRule> }
  | { readonly _tag: "Cancelled"; readonly ruleId: string }
  /** All properties as they are now. */
  | { readonly _tag: "Measured"; readonly properties: ReadonlyArray<Property> }
  | { readonly _tag: "Passed" }

export interface Report {
  readonly ruleId: string
  readonly properties: readonly [Property, ...ReadonlyArray<Property>]
}

export interface Step {
  readonly state: State
  readonly reports: ReadonlyArray<Report>
  /** Rules that were not taken because there are too many. */
  readonly refused: ReadonlyArray<string>
}

/** How many rules a client keeps; 32. */
export const defaultMaximumRules = 32

export const empty: State = { rules: [], known: [] }

const concerns = (rule: ReportRule, name: string): boolean =>
  rule.propertyName.includes("*") || rule.propertyName.includes(name)

const valuesOf = (rule: ReportRule, known: ReadonlyArray<Property>): ReadonlyMap<string, string> =>
  new Map(known.filter(({ name }) => concerns(rule, name)).map(({ name, value }) => [name, value]))

/** The side of the threshold, or `undefined` for what is no number. */
const above = (property: Property, threshold: number): boolean | undefined => {
  const number = numberOf(property)
  return number === undefined ? undefined : number >= threshold
}

/** Milliseconds. */
const periodOf = ({ trigger }: ReportRule): number | undefined =>
  trigger.kind === "period" && trigger.period !== undefined ? trigger.period * 1000 : undefined

const watch = (rule: ReportRule, known: ReadonlyArray<Property>, now: number): Watching => {
  const period = periodOf(rule)
  return { rule, seen: valuesOf(rule, known), ...(period === undefined ? {} : { due: now + period }) }
}

const reportOf = (rule: ReportRule, properties: ReadonlyArray<Property>): ReadonlyArray<Report> => {
  const [first, ...rest] = properties
  return first === undefined ? [] : [{ ruleId: rule.ruleId, properties: [first, ...rest] }]
}

const hasChanged = (watching: Watching, property: Property): boolean => {
  const { rule, seen } = watching
  const before = seen.get(property.name)
  if (!concerns(rule, property.name) || before === property.value) return false
  if (rule.trigger.kind === "onChange") return true
  if (rule.trigger.kind === "period" || before === undefined) return false
  const { threshold } = rule.trigger
  if (threshold === undefined) return false
  const was = above({ ...property, value: before }, threshold)
  const is = above(property, threshold)
  return was !== undefined && is !== undefined && was !== is
}

/** The next state and what is to be reported at `now`. Total: every state takes every event. */
export const step = (state: State, event: Event, now: number, maximumRules = defaultMaximumRules): Step => {
  const rules = state.rules.filter(({ rule }) => rule.expiry === undefined || now < rule.expiry)
  switch (event._tag) {
    case "Subscribed": {
      const standing = new Map(rules.map((watching) => [watching.rule.ruleId, watching]))
      const refused: Array<string> = []
      for (const rule of event.rules) {
        if (!standing.has(rule.ruleId) && standing.size >= maximumRules) refused.push(rule.ruleId)
        else standing.set(rule.ruleId, watch(rule, state.known, now))
      }
      return { state: { ...state, rules: [...standing.values()] }, reports: [], refused }
    }
    case "Cancelled":
      return {
        state: { ...state, rules: rules.filter(({ rule }) => rule.ruleId !== event.ruleId) },
        reports: [],
        refused: []
      }
    case "Measured": {
      const known = event.properties.filter((property) => isCurrent(property, now))
      const reports = rules.flatMap((watching) =>
        reportOf(
          watching.rule,
          known.filter((property) => hasChanged(watching, property))
        )
      )
      const seen = rules.map((watching) => ({ ...watching, seen: valuesOf(watching.rule, known) }))
      return { state: { rules: seen, known }, reports, refused: [] }
    }
    case "Passed": {
      const known = state.known.filter((property) => isCurrent(property, now))
      const reports: Array<Report> = []
      const next = rules.map((watching) => {
        const { rule, due } = watching
        const period = periodOf(rule)
        if (period === undefined || due === undefined || now < due) return watching
        reports.push(
          ...reportOf(
            rule,
            known.filter(({ name }) => concerns(rule, name))
          )
        )
        // a client that slept reports once, not once for every period it slept through
        return { ...watching, due: due + period * (1 + Math.floor((now - due) / period)) }
      })
      return { state: { rules: next, known }, reports, refused: [] }
    }
  }
}

/** When `Passed` has something to do next, or `undefined`. */
export const nextDue = ({ rules }: State): number | undefined => {
  let next: number | undefined
  for (const { due, rule } of rules) {
    if (due === undefined || (rule.expiry !== undefined && due >= rule.expiry)) continue
    if (next === undefined || due < next) next = due
  }
  return next
}
