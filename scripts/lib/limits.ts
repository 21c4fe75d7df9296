/**
 * Collects the limits of the packages out of their sources: interfaces called `...Limits`, whose members are documented, and
 * constants called `limits` or `...Limits`, which hold the defaults.
 */
import ts from "typescript-6"

export interface Limit {
  readonly name: string
  /** `undefined` where neither a constant nor the comment gives one. */
  readonly value: string | undefined
  /** The first paragraph of its comment, without the default at its end. */
  readonly text: string
}

export interface LimitGroup {
  /** Relative to the root. */
  readonly path: string
  readonly name: string
  /** What the whole group is for, where its members have no comments of their own. */
  readonly text: string
  readonly limits: ReadonlyArray<Limit>
}

export interface Limits {
  readonly groups: ReadonlyArray<LimitGroup>
  /** Comments that name another default than the constant holds. */
  readonly faults: ReadonlyArray<string>
}

interface Member {
  readonly name: string
  readonly comment: string
}

interface Shape {
  readonly path: string
  readonly name: string
  readonly members: ReadonlyArray<Member>
}

interface Constant {
  readonly path: string
  readonly name: string
  /** The interface that it is declared to be. */
  readonly type: string | undefined
  readonly values: ReadonlyMap<string, string | undefined>
  readonly comment: string
}

const named = /^(limits|([A-Za-z]\w*)?Limits)$/

const grouped = (value: number): string => value.toLocaleString("en-US")

const numberOf = (node: ts.Expression): number | undefined => {
  if (ts.isNumericLiteral(node)) return Number(node.text)
  if (ts.isParenthesizedExpression(node)) return numberOf(node.expression)
  if (!ts.isBinaryExpression(node)) return undefined
  const [left, right] = [numberOf(node.left), numberOf(node.right)]
  if (left === undefined || right === undefined) return undefined
  const operator = node.operatorToken.kind
  return operator === ts.SyntaxKind.AsteriskToken
    ? left * right
    : operator === ts.SyntaxKind.AsteriskAsteriskToken
      ? left ** right
      : operator === ts.SyntaxKind.PlusToken
        ? left + right
        : undefined
}

/** A number, a word or a name that is looked up later; anything else is for the reader of the source. */
const defaultOf = (node: ts.Expression): string | undefined => {
  const number = numberOf(node)
  if (number !== undefined) return grouped(number)
  const isWord = ts.isStringLiteral(node) || ts.isIdentifier(node) || /^(true|false)$/.test(node.getText())
  return isWord ? node.getText() : undefined
}

/** The first paragraph of the doc comment of `node`, on one line. */
const commentOf = (node: ts.Node): string => {
  const comment = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc)?.comment
  const text = typeof comment === "string" ? comment : (ts.getTextOfJSDocComment(comment) ?? "")
  return (text.split(/\n\s*\n/)[0] ?? "")
    .replace(/\{@link (\w+)\}/g, "$1")
    .replace(/\s+/g, " ")
    .trim()
}

const plain = (node: ts.Expression): ts.Expression =>
  ts.isAsExpression(node) || ts.isSatisfiesExpression(node) ? plain(node.expression) : node

const packageOf = (path: string): string => path.split("/").slice(0, 2).join("/")

const read = (
  path: string,
  text: string,
  shapes: Array<Shape>,
  constants: Array<Constant>,
  numbers: Map<string, string>
): void => {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        const number = initializer === undefined ? undefined : numberOf(initializer)
        if (number !== undefined) numbers.set(`${packageOf(path)} ${name.getText()}`, grouped(number))
      }
    }
    if (ts.isInterfaceDeclaration(statement) && named.test(statement.name.text)) {
      const members = statement.members
        .filter(ts.isPropertySignature)
        .map((member) => ({ name: member.name.getText(), comment: commentOf(member) }))
      shapes.push({ path, name: statement.name.text, members })
    }
    if (!ts.isVariableStatement(statement)) continue
    for (const { name, type, initializer } of statement.declarationList.declarations) {
      const object = initializer === undefined ? undefined : plain(initializer)
      if (!named.test(name.getText()) || object === undefined || !ts.isObjectLiteralExpression(object)) continue
      const values = new Map(
        object.properties
          .filter(ts.isPropertyAssignment)
          .map((p) => [p.name.getText(), defaultOf(p.initializer)] as const)
      )
      const declared = type?.getText().split(".").at(-1)
      constants.push({ path, name: name.getText(), type: declared, values, comment: commentOf(statement) })
    }
  }
}

/** A default at the end of a comment: `Octets of the content; 65,536 unless given.` or `Parts of one set; 255.` */
const stated = /;\s*([\d,]*\d)(?:\s+unless given)?(?=\.|$)/

const limitOf = ({ name, comment }: Member, value: string | undefined): Limit => ({
  name,
  value: value ?? stated.exec(comment)?.[1],
  text: comment.replace(stated, "")
})

const faultOf = (group: string, { name, comment }: Member, value: string | undefined): ReadonlyArray<string> => {
  const said = stated.exec(comment)?.[1]
  return said === undefined || value === undefined || said.replaceAll(",", "") === value.replaceAll(",", "")
    ? []
    : [`${group}.${name} says ${said} and is ${value}`]
}

/** The limits in `files` (text by path): one group for each constant, and one for each interface without a constant. */
export const collect = (files: Readonly<Record<string, string>>): Limits => {
  const shapes: Array<Shape> = []
  const constants: Array<Constant> = []
  const numbers = new Map<string, string>()
  for (const [path, text] of Object.entries(files)) read(path, text, shapes, constants, numbers)
  const faults: Array<string> = []
  const used = new Set<Shape>()
  const fromConstants = constants.map(({ path, name, type, values, comment }) => {
    const defaultFor = (key: string) => {
      const value = values.get(key)
      return value === undefined ? undefined : (numbers.get(`${packageOf(path)} ${value}`) ?? value)
    }
    const candidates = shapes.filter((s) => s.name === type && packageOf(s.path) === packageOf(path))
    const shape = candidates.find((s) => s.path === path) ?? candidates[0]
    if (shape === undefined) {
      const limits = [...values.keys()].map((key) => ({ name: key, value: defaultFor(key), text: "" }))
      return { path, name, text: comment, limits }
    }
    used.add(shape)
    const own = shape.path === path
    const limits = shape.members.map((member) => {
      if (own) faults.push(...faultOf(`${path}: ${name}`, member, defaultFor(member.name)))
      return limitOf(member, defaultFor(member.name))
    })
    return { path, name, text: "", limits }
  })
  const fromShapes = shapes
    .filter((shape) => !used.has(shape))
    .map(({ path, name, members }) => ({
      path,
      name,
      text: "",
      limits: members.map((member) => limitOf(member, undefined))
    }))
  const groups = [...fromConstants, ...fromShapes].filter((g) => g.limits.length > 0)
  return { groups: groups.toSorted((a, b) => (`${a.path} ${a.name}` < `${b.path} ${b.name}` ? -1 : 1)), faults }
}

const cell = (text: string): string => text.replaceAll("|", "\\|")

/** The tables of docs/limits.md: a section for each package. */
export const render = (groups: ReadonlyArray<LimitGroup>): string => {
  const byPackage = Map.groupBy(groups, (g) => g.path.split("/")[1]!)
  const sections = [...byPackage].map(([name, members]) => {
    const rows = members.flatMap((group) => {
      const file = group.path.slice(group.path.lastIndexOf("/") + 1)
      const head = `\`${group.name}\`${group.text === "" ? "" : `: ${cell(group.text)}`}`
      return group.limits.map(
        (limit, at) =>
          `| ${at === 0 ? `[${file}](../${group.path})` : ""} | ${at === 0 ? head : ""} | \`${limit.name}\` | ${cell(limit.value ?? "")} | ${cell(limit.text)} |`
      )
    })
    return `### @oma/${name}\n\n| file | limits | name | default | what is counted |\n| --- | --- | --- | --- | --- |\n${rows.join("\n")}\n`
  })
  return sections.join("\n")
}

const begin = "<!-- limits:begin -->"
const end = "<!-- limits:end -->"

/** `document` with the tables between its two marks. */
export const withLimits = (document: string, groups: ReadonlyArray<LimitGroup>): string => {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the marks ${begin} and ${end} are missing`)
  return `${document.slice(0, from)}${begin}\n\n${render(groups)}\n${document.slice(to)}`
}
