/** The documents that are made from the sources, as they should be. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { tagsIn, withEvents } from "./events.ts"
import { collect, withLimits } from "./limits.ts"
import { filesBelow, publicPackages, root } from "./workspace.ts"

const read = (path: string): string => Fs.readFileSync(Path.join(root, path), "utf8")

export interface GeneratedDocument {
  readonly path: string
  readonly text: string
  readonly isUpToDate: boolean
  /** What in the sources contradicts itself. */
  readonly faults: ReadonlyArray<string>
}

/** Text by path of the sources of the public packages. */
const sources = (): Readonly<Record<string, string>> => {
  const paths = publicPackages().flatMap((p) => filesBelow(`${p.folder}/src`, (path) => path.endsWith(".ts")))
  return Object.fromEntries(paths.map((path) => [path, read(path)]))
}

/** docs/limits.md and docs/events.md as the sources say them. */
export const documents = (): ReadonlyArray<GeneratedDocument> => {
  const files = sources()
  const made = (path: string, before: string, text: string, faults: ReadonlyArray<string>): GeneratedDocument => ({
    path,
    text,
    isUpToDate: text === before,
    faults
  })
  const [limits, events] = [read("docs/limits.md"), read("docs/events.md")]
  const { groups, faults } = collect(files)
  const withTags = withEvents(events, tagsIn(read("packages/sa-policy/src/SecurityEvent.ts")), files)
  return [
    made("docs/limits.md", limits, withLimits(limits, groups), faults),
    made("docs/events.md", events, withTags.text, withTags.faults)
  ]
}
