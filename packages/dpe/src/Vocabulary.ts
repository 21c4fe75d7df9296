/**
 * Names of dynamic properties. They are a choice of this project: the vocabulary of the enabler could not be read.
 *
 * @layer codec
 */
import type { PropertyType } from "./PropertyType.ts"

export const namespace = "urn:oma:xml:dpe:vocabulary:1.0"

/** One property of the vocabulary. `min` and `max` bound numbers, `values` lists the words. */
export interface Term {
  readonly component: "Power" | "Display" | "Memory" | "Network" | "Audio" | "Software" | "Preferences" | "Location"
  readonly type: PropertyType
  readonly min?: number
  readonly max?: number
  readonly values?: ReadonlyArray<string>
  readonly unit?: string
  /** Reported only when the subscriber switched it on. */
  readonly optIn?: true
}

export const terms = {
  batteryLevel: { component: "Power", type: "integer", min: 0, max: 100, unit: "%" },
  charging: { component: "Power", type: "boolean" },
  orientation: { component: "Display", type: "string", values: ["portrait", "landscape"] },
  brightness: { component: "Display", type: "integer", min: 0, max: 100, unit: "%" },
  widthPx: { component: "Display", type: "integer", min: 1, max: 65_535, unit: "px" },
  heightPx: { component: "Display", type: "integer", min: 1, max: 65_535, unit: "px" },
  freeStorage: { component: "Memory", type: "integer", min: 0, unit: "octets" },
  freeMemory: { component: "Memory", type: "integer", min: 0, unit: "octets" },
  bearer: { component: "Network", type: "string" },
  signal: { component: "Network", type: "integer", min: 0, max: 100, unit: "%" },
  roaming: { component: "Network", type: "boolean" },
  bandwidth: { component: "Network", type: "integer", min: 0, unit: "bit/s" },
  volume: { component: "Audio", type: "integer", min: 0, max: 100, unit: "%" },
  headset: { component: "Audio", type: "boolean" },
  installed: { component: "Software", type: "list" },
  language: { component: "Preferences", type: "string" },
  imagesEnabled: { component: "Preferences", type: "boolean" },
  location: { component: "Location", type: "string", optIn: true }
} as const satisfies Readonly<Record<string, Term>>

export type TermName = keyof typeof terms

/** The term of a property, by its bare name or by the name in the namespace (`urn:...:1.0#batteryLevel`). */
export const termOf = (name: string): Term | undefined => {
  const bare = name.startsWith(`${namespace}#`) ? name.slice(namespace.length + 1) : name
  return Object.hasOwn(terms, bare) ? terms[bare as TermName] : undefined
}
