import { assert, describe, it } from "vitest"
import { collect, render, withLimits } from "../lib/limits.ts"

const source = `
export interface ReaderLimits {
  /**
   * Octets of the document; 65,536.
   *
   * More is refused unread.
   */
  readonly octets: number
  /** Parts | pieces of one set. */
  readonly parts: number
}

export const defaultReaderLimits: ReaderLimits = { octets: 64 * 1024, parts: 2 ** 8 }

/** What a record may hold. */
export const limits = { id: 255, kind: "short" } as const

export interface DoorLimits {
  /** Milliseconds; 30,000 unless given. */
  readonly millis?: number
  /** Whatever. */
  readonly other?: number
}

export const notOne = { a: 1 }
`

describe("limits", () => {
  it("are collected from constants and from documented interfaces", () => {
    const { groups, faults } = collect({ "packages/p/src/A.ts": source })
    assert.deepStrictEqual(faults, [])
    assert.deepStrictEqual(
      groups.map((g) => [g.name, g.text, g.limits.map((l) => [l.name, l.value, l.text])]),
      [
        [
          "DoorLimits",
          "",
          [
            ["millis", "30,000", "Milliseconds."],
            ["other", undefined, "Whatever."]
          ]
        ],
        [
          "defaultReaderLimits",
          "",
          [
            ["octets", "65,536", "Octets of the document."],
            ["parts", "256", "Parts | pieces of one set."]
          ]
        ],
        [
          "limits",
          "What a record may hold.",
          [
            ["id", "255", ""],
            ["kind", '"short"', ""]
          ]
        ]
      ]
    )
  })

  it("take the meaning of a constant from an interface elsewhere in the package", () => {
    const files = {
      "packages/p/src/A.ts": source,
      "packages/p/src/B.ts":
        "const six = 6\nexport const defaultLimits: A.ReaderLimits = { octets: 5, parts: six, more: new Map() }"
    }
    const group = collect(files).groups.find((g) => g.path.endsWith("B.ts"))
    assert.deepStrictEqual(group?.limits, [
      { name: "octets", value: "5", text: "Octets of the document." },
      { name: "parts", value: "6", text: "Parts | pieces of one set." }
    ])
    assert.deepStrictEqual(collect(files).faults, [])
  })

  it("whose comment names another default are a fault", () => {
    const wrong = source.replace("64 * 1024", "1024")
    assert.deepStrictEqual(collect({ "packages/p/src/A.ts": wrong }).faults, [
      "packages/p/src/A.ts: defaultReaderLimits.octets says 65,536 and is 1,024"
    ])
  })

  it("are written as tables between the marks, the same each time", () => {
    const { groups } = collect({ "packages/p/src/A.ts": source })
    assert.include(
      render(groups),
      "| [A.ts](../packages/p/src/A.ts) | `defaultReaderLimits` | `octets` | 65,536 | Octets of the document. |\n|  |  | `parts` | 256 | Parts \\| pieces of one set. |"
    )
    const text = withLimits("# T\n<!-- limits:begin --><!-- limits:end -->\n", groups)
    assert.strictEqual(withLimits(text, groups), text)
  })
})
