/** What the import rules need to know of one TypeScript file: what it imports, hands on, declares and reaches for. */
import ts from "typescript-6"

export type Layer = "codec" | "machine" | "service" | "binding"
export const layers: ReadonlyArray<Layer> = ["codec", "machine", "service", "binding"]

export interface Import {
  readonly specifier: string
  readonly line: number
  /** Only types are taken: nothing is loaded when the program runs. */
  readonly typeOnly: boolean
  /** The names taken; `undefined` for the whole module. */
  readonly names: ReadonlyArray<string> | undefined
}

/** `export { from as name } from specifier`; `from` is `undefined` for a whole module. */
export interface HandedOn {
  readonly name: string
  readonly from: string | undefined
  readonly specifier: string
}

export interface Ambient {
  readonly what: string
  readonly line: number
}

export interface Source {
  readonly path: string
  /** The word after `@layer` in the doc comment that begins the file. */
  readonly layer: string | undefined
  readonly imports: ReadonlyArray<Import>
  readonly handedOn: ReadonlyArray<HandedOn>
  /** Modules of `export * from`. */
  readonly stars: ReadonlyArray<string>
  /** Names that the file declares and exports itself. */
  readonly declared: ReadonlySet<string>
  /** Time, chance and surroundings taken from the runtime: `Date.now`, `process.env`. */
  readonly ambient: ReadonlyArray<Ambient>
}

const watched = new Set([
  "Date",
  "Math",
  "process",
  "Buffer",
  "performance",
  "crypto",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "fetch"
])

const layerOf = (text: string): string | undefined => {
  const comment = /^\s*\/\*\*([\s\S]*?)\*\//.exec(text)
  return comment === null ? undefined : /^\s*\*?\s*@layer\s+(\S+)\s*$/m.exec(comment[1]!)?.[1]
}

/** The names bound anywhere in the file: a parameter called `crypto` is not the global of that name. */
const boundNames = (file: ts.SourceFile): ReadonlySet<string> => {
  const names = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (
      (ts.isVariableDeclaration(node) ||
        ts.isParameter(node) ||
        ts.isBindingElement(node) ||
        ts.isFunctionDeclaration(node) ||
        ts.isClassDeclaration(node) ||
        ts.isImportClause(node) ||
        ts.isImportSpecifier(node) ||
        ts.isNamespaceImport(node)) &&
      node.name !== undefined &&
      ts.isIdentifier(node.name)
    ) {
      names.add(node.name.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return names
}

/** `text`, the file at `path`, read once. */
export const parse = (path: string, text: string): Source => {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const imports: Array<Import> = []
  const handedOn: Array<HandedOn> = []
  const stars: Array<string> = []
  const declared = new Set<string>()
  const ambient: Array<Ambient> = []
  const bound = boundNames(file)
  const lineOf = (node: ts.Node) => file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
  const add = (node: ts.Node, specifier: string, typeOnly: boolean, names: ReadonlyArray<string> | undefined) =>
    imports.push({ specifier, line: lineOf(node), typeOnly, names })

  const importDeclaration = (node: ts.ImportDeclaration): void => {
    if (!ts.isStringLiteral(node.moduleSpecifier)) return
    const clause = node.importClause
    const named = clause?.namedBindings
    const wholeTypeOnly = clause?.isTypeOnly === true
    if (clause === undefined || clause.name !== undefined || named === undefined || ts.isNamespaceImport(named)) {
      add(node, node.moduleSpecifier.text, wholeTypeOnly, undefined)
      return
    }
    const names = (typeOnly: boolean) =>
      named.elements.filter((e) => e.isTypeOnly === typeOnly).map((e) => (e.propertyName ?? e.name).text)
    const values = names(false)
    const types = names(true)
    if (values.length > 0) add(node, node.moduleSpecifier.text, wholeTypeOnly, values)
    if (types.length > 0) add(node, node.moduleSpecifier.text, true, types)
  }

  const exportDeclaration = (node: ts.ExportDeclaration): void => {
    const clause = node.exportClause
    if (node.moduleSpecifier === undefined || !ts.isStringLiteral(node.moduleSpecifier)) {
      if (clause !== undefined && ts.isNamedExports(clause)) for (const e of clause.elements) declared.add(e.name.text)
      return
    }
    const specifier = node.moduleSpecifier.text
    if (clause === undefined) {
      stars.push(specifier)
      add(node, specifier, node.isTypeOnly, undefined)
    } else if (ts.isNamespaceExport(clause)) {
      handedOn.push({ name: clause.name.text, from: undefined, specifier })
      add(node, specifier, node.isTypeOnly, undefined)
    } else {
      for (const e of clause.elements) {
        handedOn.push({ name: e.name.text, from: (e.propertyName ?? e.name).text, specifier })
      }
      const typeOnly = node.isTypeOnly || clause.elements.every((e) => e.isTypeOnly)
      const names = clause.elements.map((e) => (e.propertyName ?? e.name).text)
      add(node, specifier, typeOnly, names)
    }
  }

  const globalName = (node: ts.Expression): string | undefined => {
    if (ts.isIdentifier(node)) return watched.has(node.text) && !bound.has(node.text) ? node.text : undefined
    return ts.isPropertyAccessExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === "globalThis"
      ? watched.has(node.name.text)
        ? node.name.text
        : undefined
      : undefined
  }

  const declaredHere = (node: ts.Node): void => {
    const exported =
      ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword) === true
    if (!exported) return
    if (ts.isVariableStatement(node)) {
      for (const d of node.declarationList.declarations) if (ts.isIdentifier(d.name)) declared.add(d.name.text)
    } else if (
      (ts.isFunctionDeclaration(node) ||
        ts.isClassDeclaration(node) ||
        ts.isInterfaceDeclaration(node) ||
        ts.isTypeAliasDeclaration(node)) &&
      node.name !== undefined
    ) {
      declared.add(node.name.text)
    }
  }

  const reaches = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) {
      const name = globalName(node.expression)
      if (name !== undefined) ambient.push({ what: `${name}.${node.name.text}`, line: lineOf(node) })
    } else if (ts.isElementAccessExpression(node)) {
      const name = globalName(node.expression)
      if (name !== undefined && ts.isStringLiteral(node.argumentExpression)) {
        ambient.push({ what: `${name}.${node.argumentExpression.text}`, line: lineOf(node) })
      }
    } else if (ts.isCallExpression(node)) {
      const name = globalName(node.expression)
      if (name !== undefined) ambient.push({ what: `${name}()`, line: lineOf(node) })
    } else if (ts.isNewExpression(node)) {
      const name = globalName(node.expression)
      if (name !== undefined && (node.arguments?.length ?? 0) === 0)
        ambient.push({ what: `new ${name}()`, line: lineOf(node) })
    } else if (ts.isVariableDeclaration(node) && node.initializer !== undefined) {
      const name = globalName(node.initializer)
      if (name !== undefined && ts.isObjectBindingPattern(node.name)) {
        for (const e of node.name.elements) {
          const taken = e.propertyName ?? e.name
          if (ts.isIdentifier(taken)) ambient.push({ what: `${name}.${taken.text}`, line: lineOf(e) })
        }
      }
    }
  }

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) importDeclaration(node)
    else if (ts.isExportDeclaration(node)) exportDeclaration(node)
    else if (
      ts.isImportTypeNode(node) &&
      ts.isLiteralTypeNode(node.argument) &&
      ts.isStringLiteral(node.argument.literal)
    ) {
      add(node, node.argument.literal.text, true, undefined)
    } else if (
      ts.isCallExpression(node) &&
      (node.expression.kind === ts.SyntaxKind.ImportKeyword ||
        (ts.isIdentifier(node.expression) && node.expression.text === "require" && !bound.has("require")))
    ) {
      const argument = node.arguments[0]
      if (argument !== undefined && ts.isStringLiteralLike(argument)) add(node, argument.text, false, undefined)
    }
    declaredHere(node)
    reaches(node)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return { path, layer: layerOf(text), imports, handedOn, stars, declared, ambient }
}
