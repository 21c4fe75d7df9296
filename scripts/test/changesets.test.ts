import { assert, describe, it } from "vitest"
import { owed, parseChangeset, type ReleasedPackage } from "../lib/changesets.ts"

const one = (
  changedSinceRelease: ReleasedPackage["changedSinceRelease"],
  changedOnBranch?: ReadonlyArray<string>
): ReleasedPackage => ({
  name: "@oma/one",
  folder: "packages/one",
  changedSinceRelease,
  changedOnBranch
})
const naming = (path: string) =>
  parseChangeset(path, `---\n"@oma/one": minor\n'@oma/two': patch\n---\n\n"@oma/three": major\n`)

describe("changesets", () => {
  it("name packages in their front matter alone", () => {
    assert.deepStrictEqual(naming(".changeset/a.md").packages, ["@oma/one", "@oma/two"])
    assert.deepStrictEqual(parseChangeset("x.md", "no front matter\n").packages, [])
  })

  it("are owed by a package that was never released", () => {
    assert.deepStrictEqual(owed([one(undefined)], [], []), ["@oma/one was never released: no changeset names it"])
    assert.deepStrictEqual(owed([one(undefined)], [naming(".changeset/a.md")], []), [])
  })

  it("are owed by one whose published files changed since its release", () => {
    assert.deepStrictEqual(owed([one(["packages/one/src/A.ts"])], [], []), [
      "@oma/one changed since its release: no changeset names it"
    ])
    assert.deepStrictEqual(owed([one(["packages/one/test/A.test.ts", "packages/one-more/src/A.ts"])], [], []), [])
  })

  it("must be of the branch that makes the change", () => {
    const old = naming(".changeset/old.md")
    const changed = ["packages/one/src/A.ts"]
    assert.deepStrictEqual(owed([one(undefined, changed)], [old], changed), [
      "@oma/one changes on this branch: no changeset of this branch names it"
    ])
    assert.deepStrictEqual(owed([one(undefined, changed)], [old], [...changed, ".changeset/old.md"]), [])
    assert.deepStrictEqual(owed([one(undefined, ["docs/x.md"])], [old], ["docs/x.md"]), [])
  })
})
