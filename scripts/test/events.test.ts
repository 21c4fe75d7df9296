import { assert, describe, it } from "vitest"
import { emittedIn, tagsIn, withEvents } from "../lib/events.ts"

const tags = tagsIn(
  `export type Other = "A" | "B"\nexport type EventTag =\n  | "Admitted"\n  | "Refused"\n  | "Forgotten"\n`
)

describe("events", () => {
  it("are the members of the union", () => {
    assert.deepStrictEqual(tags, ["Admitted", "Refused", "Forgotten"])
  })

  it("are emitted by a file that names them and emits", () => {
    const choosing = `events.emit(right ? "Admitted" : "Refused", { detail: "Other" })`
    assert.deepStrictEqual([...emittedIn(choosing, tags)], ["Admitted", "Refused"])
    assert.deepStrictEqual([...emittedIn(`const tag = "Admitted"`, tags)], [])
    assert.deepStrictEqual([...emittedIn(`type T = "Refused"; events.emit("Admitted", {})`, tags)], ["Admitted"])
  })

  it("keep the meaning that somebody wrote, and miss the one that nobody did", () => {
    const document =
      "# T\n<!-- events:begin -->\n| `Admitted` | Let in. | old |\n| `Refused` | Turned away. |  |\n<!-- events:end -->\ntail\n"
    const files = { "packages/p/src/A.ts": `events.emit("Admitted", {})` }
    const { text, faults } = withEvents(document, tags, files)
    assert.include(
      text,
      "| `Admitted` | Let in. | [A.ts](../packages/p/src/A.ts) |\n| `Refused` | Turned away. |  |\n| `Forgotten` |  |  |\n"
    )
    assert.deepStrictEqual(faults, ["docs/events.md does not say what Forgotten means"])
    assert.strictEqual(withEvents(text, tags, files).text, text)
  })
})
