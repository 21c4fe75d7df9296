/**
 * Mistakes in tables that the compiler cannot see. Call it in a test of the package that has the tables.
 *
 * @layer codec
 */
import type { AnyMessage, Fields, Protocol, StructureType } from "./Table.ts"
import { isName } from "./Text.ts"

const ofStructure = (type: StructureType<Fields>, path: string): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const seen = new Set<string>()
  const places = Object.values(type.fields).map(({ place }) => place)
  const contents = places.filter((place) => place === "content").length
  if (contents > 1) faults.push(`${path}: content given twice`)
  if (contents > 0 && places.includes("element")) faults.push(`${path}: content beside elements`)
  if (Object.hasOwn(type.fields, "_tag")) faults.push(`${path}: _tag names the message`)
  for (const field of Object.values(type.fields)) {
    const names = field.place === "content" ? [] : [field.name, ...(field.aliases ?? [])]
    const inner = `${path}/${field.place === "attribute" ? "@" : ""}${field.name}`
    for (const name of names) {
      const key = `${field.place} ${name}`
      if (!isName(name)) faults.push(`${inner}: ${name} is no name of XML`)
      if (name === "xmlns") faults.push(`${inner}: a namespace declaration is no attribute`)
      if (seen.has(key)) faults.push(`${inner}: ${name} given twice`)
      seen.add(key)
    }
    if (field.type.kind === "structure") {
      if (field.place !== "element") faults.push(`${inner}: a structure outside an element`)
      faults.push(...ofStructure(field.type, inner))
    } else if (field.place !== "element" && (field.requirement === "0..n" || field.requirement === "1..n")) {
      faults.push(`${inner}: an attribute that repeats`)
    }
  }
  return faults
}

const ofPages = (protocol: Protocol<AnyMessage>): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const seen = new Set<string>()
  for (const [i, { namespace, names }] of (protocol.wbxml?.pages ?? []).entries()) {
    if (names.length > 59) faults.push(`code page ${i}: ${names.length} names where 59 have a token`)
    for (const name of names) {
      const key = `${namespace} ${name}`
      if (seen.has(key)) faults.push(`code page ${i}: ${name} has two tokens`)
      seen.add(key)
    }
  }
  return faults
}

/** What is wrong in the tables of `protocol`; empty when nothing is. */
export const faults = (protocol: Protocol<AnyMessage>): ReadonlyArray<string> => {
  const names = protocol.messages.map(({ name }) => name)
  const twice = names.filter((name, i) => names.indexOf(name) !== i).map((name) => `${name}: given twice`)
  const messages = protocol.messages.flatMap(({ name, type }) => [
    ...(Object.values(type.fields).some((field) => field.name === "Message-Type" && field.place === "element")
      ? [`${name}: Message-Type goes without saying`]
      : []),
    ...ofStructure(type, name)
  ])
  return [...twice, ...messages, ...ofPages(protocol)]
}
