/** Which source files emit which security event. What an event means is written by hand in the document and kept. */
import ts from "typescript-6"

/** The members of the union `EventTag`, in their order. */
export const tagsIn = (text: string): ReadonlyArray<string> => {
  const file = ts.createSourceFile("SecurityEvent.ts", text, ts.ScriptTarget.Latest, true)
  const union = file.statements.find((s) => ts.isTypeAliasDeclaration(s) && s.name.text === "EventTag")
  if (union === undefined || !ts.isTypeAliasDeclaration(union) || !ts.isUnionTypeNode(union.type)) return []
  return union.type.types.flatMap((member) =>
    ts.isLiteralTypeNode(member) && ts.isStringLiteral(member.literal) ? [member.literal.text] : []
  )
}

/** The tags that a file emits: those it names, if it calls `emit` at all. */
export const emittedIn = (text: string, tags: ReadonlyArray<string>): ReadonlySet<string> => {
  const named = new Set<string>()
  let emits = false
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      emits ||= node.expression.name.text === "emit"
    }
    if (ts.isStringLiteral(node) && tags.includes(node.text) && !ts.isLiteralTypeNode(node.parent)) named.add(node.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile("x.ts", text, ts.ScriptTarget.Latest, true))
  return emits ? named : new Set()
}

const begin = "<!-- events:begin -->"
const end = "<!-- events:end -->"

const link = (path: string) => `[${path.slice(path.lastIndexOf("/") + 1)}](../${path})`

export interface EventsDocument {
  readonly text: string
  /** Events whose meaning nobody wrote. */
  readonly faults: ReadonlyArray<string>
}

/** `document` with a row for each of `tags`: its meaning as it stands there, and the files (text by path) that emit it. */
export const withEvents = (
  document: string,
  tags: ReadonlyArray<string>,
  files: Readonly<Record<string, string>>
): EventsDocument => {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the marks ${begin} and ${end} are missing`)
  const meanings = new Map(
    [...document.slice(from, to).matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map((row) => [row[1]!, row[2]!.trim()])
  )
  const emitted = Object.entries(files).map(([path, text]) => ({ path, tags: emittedIn(text, tags) }))
  const rows = tags.map((tag) => {
    const by = emitted.filter((e) => e.tags.has(tag)).map((e) => link(e.path))
    return `| \`${tag}\` | ${meanings.get(tag) ?? ""} | ${by.join(", ")} |`
  })
  const table = ["| event | says | emitted by |", "| --- | --- | --- |", ...rows].join("\n")
  return {
    text: `${document.slice(0, from)}${begin}\n\n${table}\n\n${document.slice(to)}`,
    faults: tags
      .filter((tag) => (meanings.get(tag) ?? "") === "")
      .map((tag) => `docs/events.md does not say what ${tag} means`)
  }
}
