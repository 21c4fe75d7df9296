import { assert, describe, it } from "vitest"
import { cycles } from "../lib/import-rules/Graph.ts"
import type { PackageFiles } from "../lib/import-rules/Project.ts"
import { type Table, violations } from "../lib/import-rules/rules.ts"

const table: Table = {
  packages: {
    "@oma/core": { kind: "core", mayImport: [] },
    "@oma/one": { kind: "enabler", mayImport: ["@oma/core"] },
    "@oma/two": { kind: "enabler", mayImport: ["@oma/core"] },
    "@oma/testkit": { kind: "testkit", mayImport: "all" },
    "@oma/peers": { kind: "tool", mayImport: [] }
  },
  examples: "examples/",
  schemaFolders: ["packages/core/src/config/"],
  pureEffect: ["effect/Result", "effect/Data"]
}

const doc = (layer: string) => `/**\n * A file.\n *\n * @layer ${layer}\n */\n`
const exportsOf = (files: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.keys(files).flatMap((path) => {
      const sub = /^src\/(?:([^/]+)\/)?index\.ts$/.exec(path)
      return sub === null ? [] : [[sub[1] === undefined ? "." : `./${sub[1]}`, { "@oma/source": `./${path}` }]]
    })
  )

const made = (
  name: string,
  files: Readonly<Record<string, string>>,
  manifest: { dependencies?: Record<string, string>; devDependencies?: Record<string, string> } = {}
): PackageFiles => {
  const folder = name.startsWith("@oma/example-") ? `examples/${name.slice(13)}` : `packages/${name.slice(5)}`
  return {
    name,
    folder,
    manifest: { name, version: "0.0.0", exports: exportsOf(files), ...manifest },
    files: Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]))
  }
}

const core = made("@oma/core", {
  "src/index.ts": `export * from "./Codec.ts"\nexport { machine } from "./Machine.ts"\nexport { Service } from "./Service.ts"\n`,
  "src/Codec.ts": `${doc("codec")}export const codec = 1\n`,
  "src/Machine.ts": `${doc("machine")}import { codec } from "./Codec.ts"\nexport const machine = codec\n`,
  "src/Service.ts": `${doc("service")}import * as Effect from "effect/Effect"\nexport const Service = Effect\n`,
  "src/node/index.ts": `export * from "./Bound.ts"\n`,
  "src/node/Bound.ts": `${doc("binding")}import "node:fs"\nexport const bound = Date.now()\n`
})

const broken = (...packages: ReadonlyArray<PackageFiles>) =>
  violations(table, packages).map((v) => `${v.path.split("/").slice(2).join("/")}:${v.line} ${v.rule}`)

/** The rules that one file of `@oma/core` breaks. */
const inCore = (path: string, text: string) =>
  broken({ ...core, files: { ...core.files, [`packages/core/${path}`]: text } })

/** The rules that one file of the enabler `@oma/one` breaks. */
const inOne = (path: string, text: string, dependencies: Record<string, string> = { "@oma/core": "workspace:^" }) =>
  broken(core, made("@oma/one", { [path]: text }, { dependencies }))

describe("import rules", () => {
  it("finds nothing in a package that keeps them", () => {
    assert.deepStrictEqual(broken(core), [])
  })

  describe("packages", () => {
    it("refuses an enabler that imports an enabler", () => {
      const two = made("@oma/two", {
        "src/index.ts": `export * from "./A.ts"\n`,
        "src/A.ts": `${doc("codec")}export const a = 1\n`
      })
      const one = made(
        "@oma/one",
        { "src/B.ts": `${doc("codec")}import { a } from "@oma/two"\nexport const b = a\n` },
        { dependencies: { "@oma/two": "workspace:^" } }
      )
      assert.deepStrictEqual(broken(core, one, two), ["package.json:1 package-table", "src/B.ts:6 package-table"])
    })

    it("refuses a table that lets one", () => {
      const loose: Table = {
        ...table,
        packages: { ...table.packages, "@oma/one": { kind: "enabler", mayImport: ["@oma/two"] } }
      }
      assert.deepStrictEqual(
        violations(loose, []).map((v) => v.rule),
        ["enabler"]
      )
    })

    it("counts a development dependency as an arrow of a cycle", () => {
      const testkit = made("@oma/testkit", {}, { dependencies: { "@oma/core": "workspace:^" } })
      const back = made("@oma/core", {}, { devDependencies: { "@oma/testkit": "workspace:^" } })
      assert.deepStrictEqual(broken(back, testkit), ["package.json:1 package-table", "package.json:1 package-cycle"])
    })

    it("refuses a package that the table does not hold", () => {
      assert.deepStrictEqual(broken(made("@oma/new", {})), ["package.json:1 package-table"])
    })

    it("refuses a sub-path that is not exported", () => {
      assert.deepStrictEqual(inOne("src/A.ts", `${doc("service")}import "@oma/core/secret"\n`), ["src/A.ts:6 sub-path"])
    })

    it("refuses a package that imports itself by name, but lets its tests", () => {
      assert.deepStrictEqual(inCore("src/A.ts", `${doc("codec")}import { codec } from "@oma/core"\n`), [
        "src/A.ts:6 own-name"
      ])
      assert.deepStrictEqual(inCore("test/A.test.ts", `import { codec } from "@oma/core"\n`), [])
    })

    it("lets tests use the tools, and sources not", () => {
      const peers = made("@oma/peers", {
        "src/index.ts": `export * from "./P.ts"\n`,
        "src/P.ts": `${doc("binding")}export const p = 1\n`
      })
      const using = (path: string, text: string) =>
        broken(peers, core, made("@oma/one", { [path]: text }, { devDependencies: { "@oma/peers": "workspace:^" } }))
      assert.deepStrictEqual(using("test/A.test.ts", `import { p } from "@oma/peers"\n`), [])
      assert.deepStrictEqual(using("src/A.ts", `${doc("binding")}import { p } from "@oma/peers"\n`), [
        "src/A.ts:6 tool-in-source"
      ])
    })
  })

  describe("bindings of another package", () => {
    it("are refused to sources, whether as a whole or by name", () => {
      assert.deepStrictEqual(inOne("src/A.ts", `${doc("binding")}import * as Bound from "@oma/core/node"\n`), [
        "src/A.ts:6 binding-import"
      ])
      assert.deepStrictEqual(inOne("src/A.ts", `${doc("binding")}import { bound } from "@oma/core/node"\n`), [
        "src/A.ts:6 binding-import"
      ])
    })

    it("are open to tests, testkit and examples", () => {
      const text = `import { bound } from "@oma/core/node"\nexport const b = bound\n`
      const dependencies = { "@oma/core": "workspace:^" }
      assert.deepStrictEqual(inOne("test/A.test.ts", text), [])
      assert.deepStrictEqual(broken(core, made("@oma/example-all", { "src/main.ts": text }, { dependencies })), [])
      assert.deepStrictEqual(
        broken(core, made("@oma/testkit", { "src/A.ts": `${doc("binding")}${text}` }, { dependencies })),
        []
      )
    })
  })

  describe("layers", () => {
    it("must be declared, with a word that is one", () => {
      assert.deepStrictEqual(inCore("src/A.ts", `export const a = 1\n`), ["src/A.ts:1 layer-missing"])
      assert.deepStrictEqual(inCore("src/A.ts", `${doc("kernel")}export const a = 1\n`), ["src/A.ts:1 layer-missing"])
      assert.deepStrictEqual(inCore("src/A.ts", `// first\n${doc("codec")}export const a = 1\n`), [
        "src/A.ts:1 layer-missing"
      ])
    })

    it.each([
      ["codec", "Machine", true],
      ["codec", "Service", true],
      ["machine", "Codec", false],
      ["machine", "Service", true],
      ["service", "Machine", false],
      ["service", "node/Bound", true],
      ["binding", "Service", false]
    ])("a %s that imports %s: refused %s", (layer, target, refused) => {
      const result = inCore("src/A.ts", `${doc(layer)}import * as X from "./${target}.ts"\n`)
      assert.deepStrictEqual(result, refused ? ["src/A.ts:6 layer-order"] : [])
    })

    it("look through an index to the file that a name comes from", () => {
      assert.deepStrictEqual(inOne("src/A.ts", `${doc("machine")}import { codec, machine } from "@oma/core"\n`), [])
      assert.deepStrictEqual(inOne("src/A.ts", `${doc("machine")}import type { Service } from "@oma/core"\n`), [
        "src/A.ts:6 layer-order"
      ])
      assert.deepStrictEqual(inCore("src/A.ts", `${doc("machine")}import * as All from "./index.ts"\n`), [
        "src/A.ts:6 layer-order"
      ])
    })

    it("see the binding that an index loads beside what was asked for", () => {
      const mixed = {
        ...core,
        files: {
          ...core.files,
          "packages/core/src/mixed/index.ts": `export { codec } from "../Codec.ts"\nexport { bound } from "../node/Bound.ts"\n`
        }
      }
      const using = (text: string) =>
        broken({ ...mixed, files: { ...mixed.files, "packages/core/src/A.ts": `${doc("codec")}${text}` } })
      assert.deepStrictEqual(using(`import { codec } from "./mixed/index.ts"\n`), ["src/A.ts:6 layer-loads"])
      assert.deepStrictEqual(using(`import type { codec } from "./mixed/index.ts"\n`), [])
    })

    it("keep codecs and machines off Node and off the services of effect", () => {
      for (const layer of ["codec", "machine"]) {
        assert.deepStrictEqual(inCore("src/A.ts", `${doc(layer)}import { createHash } from "node:crypto"\n`), [
          "src/A.ts:6 layer-node"
        ])
        assert.deepStrictEqual(inCore("src/A.ts", `${doc(layer)}import type { Server } from "http"\n`), [
          "src/A.ts:6 layer-node"
        ])
        assert.deepStrictEqual(inCore("src/A.ts", `${doc(layer)}import * as Clock from "effect/Clock"\n`), [
          "src/A.ts:6 layer-effect"
        ])
        assert.deepStrictEqual(inCore("src/A.ts", `${doc(layer)}import * as Result from "effect/Result"\n`), [])
        assert.deepStrictEqual(inCore("src/A.ts", `${doc(layer)}const later = import("node:fs")\n`), [
          "src/A.ts:6 layer-node"
        ])
      }
      assert.deepStrictEqual(inCore("src/A.ts", `${doc("binding")}import { createHash } from "node:crypto"\n`), [])
    })

    it("let Schema into the folders of configuration alone", () => {
      const text = `${doc("codec")}import * as Schema from "effect/Schema"\n`
      assert.deepStrictEqual(inCore("src/A.ts", text), ["src/A.ts:6 layer-effect"])
      assert.deepStrictEqual(inCore("src/config/A.ts", text), [])
    })
  })

  describe("sources", () => {
    it("never import a barrel; tests may", () => {
      for (const specifier of ["effect", "effect/http", "effect/http-api", "@effect/platform-node"]) {
        assert.deepStrictEqual(inCore("src/A.ts", `${doc("service")}import { x } from "${specifier}"\n`), [
          "src/A.ts:6 barrel"
        ])
        assert.deepStrictEqual(inCore("test/A.test.ts", `import { x } from "${specifier}"\n`), [])
      }
      assert.deepStrictEqual(inCore("src/A.ts", `${doc("service")}import * as X from "effect/http/HttpRouter"\n`), [])
    })

    it("never leave their package by a relative path", () => {
      assert.deepStrictEqual(inCore("src/A.ts", `${doc("codec")}import "../../one/src/B.ts"\n`), [
        "src/A.ts:6 leaves-package"
      ])
      assert.deepStrictEqual(inCore("test/A.test.ts", `import "../src/Codec.ts"\n`), [])
    })

    it.each([
      "Date.now()",
      "new Date()",
      "Date()",
      "Math.random()",
      "process.env",
      `process["env"]`,
      "globalThis.Math.random()"
    ])("take %s in a binding alone", (expression) => {
      for (const layer of ["codec", "machine", "service"]) {
        const result = inCore("src/A.ts", `${doc(layer)}export const a = ${expression}\n`)
        assert.include(result, "src/A.ts:6 ambient")
      }
      assert.deepStrictEqual(inCore("src/A.ts", `${doc("binding")}export const a = ${expression}\n`), [])
    })

    it("take a clock, a timer or a random octet into no codec", () => {
      for (const expression of [
        "performance.now()",
        "crypto.randomUUID()",
        "setTimeout(() => {}, 1)",
        `Buffer.from("")`,
        "process.pid"
      ]) {
        assert.deepStrictEqual(inCore("src/A.ts", `${doc("codec")}export const a = ${expression}\n`), [
          "src/A.ts:6 ambient"
        ])
      }
    })

    it("may speak of them, compute with them, and name their own things alike", () => {
      const text = `// Date.now() and Math.random() are refused
export const text = "process.env"
export const day = new Date(0)
export const low = Math.floor(1.5)
export const random = (crypto: { readonly randomUUID: () => string }) => crypto.randomUUID()
`
      assert.deepStrictEqual(inCore("src/A.ts", `${doc("codec")}${text}`), [])
    })
  })

  describe("cycles of files", () => {
    it("are refused, types included, and shown as the way round", () => {
      const files = {
        ...core.files,
        "packages/core/src/A.ts": `${doc("codec")}import type { B } from "./B.ts"\nexport type A = B\n`,
        "packages/core/src/B.ts": `${doc("codec")}import type { C } from "./C.ts"\nexport type B = C\n`,
        "packages/core/src/C.ts": `${doc("codec")}import type { A } from "./A.ts"\nexport type C = A\n`
      }
      const found = violations(table, [{ ...core, files }])
      assert.deepStrictEqual(
        found.map((v) => [v.rule, v.message]),
        [["file-cycle", "src/A.ts -> src/B.ts -> src/C.ts -> src/A.ts"]]
      )
    })

    it("are found in any graph, one of each knot", () => {
      const graph = new Map(
        Object.entries({ a: ["b"], b: ["c", "d"], c: ["a"], d: ["e"], e: ["d"], f: ["f"], g: ["a"] }).map(([k, v]) => [
          k,
          new Set(v)
        ])
      )
      assert.deepStrictEqual(
        cycles(graph).toSorted((x, y) => (x[0]! < y[0]! ? -1 : 1)),
        [
          ["a", "b", "c", "a"],
          ["d", "e", "d"],
          ["f", "f"]
        ]
      )
    })
  })
})
