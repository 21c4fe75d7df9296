/**
 * One profile out of several: a device's own, and the differences that the device and the network added.
 *
 * @spec UAProf 2.0, resolution rules Locked, Override and Append
 * @layer codec
 */
import type { Component, Profile, Value } from "./UaProf.ts"

/** `Locked`: the first value stays. `Override`: the last value wins. `Append`: the items of all, in their order. */
export type Rule = "Locked" | "Override" | "Append"

/** The rule of an attribute, by component and name. */
export type Rules = (component: string, attribute: string) => Rule

/**
 * Attributes of the UAProf vocabulary whose rule is not `Locked`, as far as they are known here without the schema; give the rules of
 * your schema where they differ.
 */
export const knownRules: Readonly<Record<string, Rule>> = {
  "HardwarePlatform/OutputCharSet": "Append",
  "HardwarePlatform/InputCharSet": "Append",
  "SoftwarePlatform/CcppAccept": "Append",
  "SoftwarePlatform/CcppAccept-Charset": "Append",
  "SoftwarePlatform/CcppAccept-Encoding": "Append",
  "SoftwarePlatform/CcppAccept-Language": "Append",
  "SoftwarePlatform/JavaPlatform": "Append",
  "SoftwarePlatform/AcceptDownloadableSoftware": "Locked",
  "BrowserUA/HtmlVersion": "Locked",
  "NetworkCharacteristics/SupportedBearers": "Append",
  "NetworkCharacteristics/CurrentBearerService": "Override",
  "NetworkCharacteristics/SupportedBluetoothVersion": "Locked",
  "PushCharacteristics/Push-Accept": "Override",
  "PushCharacteristics/Push-Accept-Charset": "Override",
  "PushCharacteristics/Push-Accept-Encoding": "Override",
  "PushCharacteristics/Push-Accept-Language": "Append",
  "PushCharacteristics/Push-Accept-AppID": "Override"
}

/** {@link knownRules}, and `Locked` for the rest: a proxy on the way changes nothing that is not meant to be changed. */
export const defaultRules: Rules = (component, attribute) => knownRules[`${component}/${attribute}`] ?? "Locked"

const itemsOf = (value: Value): ReadonlyArray<string> => (value.kind === "literal" ? [value.text] : value.items)

const append = (first: Value, second: Value): Value => {
  const items = [...itemsOf(first), ...itemsOf(second)]
  if (first.kind === "sequence" || second.kind === "sequence") return { kind: "sequence", items }
  return { kind: "bag", items: [...new Set(items)] }
}

const resolveValue = (rule: Rule, first: Value | undefined, second: Value): Value => {
  if (first === undefined || rule === "Override") return second
  return rule === "Locked" ? first : append(first, second)
}

/**
 * `profiles` as one, resolved in their order: attributes that none of them states get the default of the last that gives one.
 * The vocabulary is that of the first; no profiles give `undefined`.
 */
export const resolve = (profiles: ReadonlyArray<Profile>, rules: Rules = defaultRules): Profile | undefined => {
  const [first] = profiles
  if (first === undefined) return undefined
  const stated = new Map<string, Map<string, Value>>()
  const defaults = new Map<string, Map<string, Value>>()
  const of = (all: Map<string, Map<string, Value>>, component: Component): Map<string, Value> => {
    const found = all.get(component.name) ?? new Map<string, Value>()
    all.set(component.name, found)
    return found
  }
  for (const component of profiles.flatMap(({ components }) => components)) {
    const attributes = of(stated, component)
    for (const [name, value] of component.attributes) {
      attributes.set(name, resolveValue(rules(component.name, name), attributes.get(name), value))
    }
    const own = of(defaults, component)
    for (const [name, value] of component.defaults) own.set(name, value)
  }
  const components = [...stated].map(([name, attributes]) => {
    const all = new Map(attributes)
    for (const [attribute, value] of defaults.get(name) ?? []) if (!all.has(attribute)) all.set(attribute, value)
    return { name, attributes: all, defaults: new Map<string, Value>() }
  })
  return { vocabulary: first.vocabulary, components }
}

/** The value of an attribute of a resolved profile. */
export const attributeOf = (profile: Profile, component: string, attribute: string): Value | undefined =>
  profile.components.find(({ name }) => name === component)?.attributes.get(attribute)
