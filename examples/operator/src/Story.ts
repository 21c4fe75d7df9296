/**
 * Stories: what a client does and what must come of it, told as a sequence of arrows between the parties.
 *
 * @layer service
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** Something in a story was not as it must be. */
export class StoryFailed extends Data.TaggedError("StoryFailed")<{
  readonly expected: string
  readonly found: string
}> {}

/** One line of a told story. */
export type Line =
  | { readonly _tag: "Arrow"; readonly from: string; readonly to: string; readonly text: string }
  | { readonly _tag: "Held"; readonly text: string }
  | { readonly _tag: "Note"; readonly text: string }

/** What a story tells with. */
export interface Teller {
  readonly arrow: (from: string, to: string, text: string) => Effect.Effect<void>
  readonly note: (text: string) => Effect.Effect<void>
  /** Tells that `expected` held, or fails with what was found instead. */
  readonly holds: (expected: string, held: boolean, found?: string) => Effect.Effect<void, StoryFailed>
}

export interface Story {
  readonly title: string
  readonly run: (tell: Teller) => Effect.Effect<void, StoryFailed>
}

/** A story that was told; `failure` says where it broke. */
export interface Told {
  readonly title: string
  readonly lines: ReadonlyArray<Line>
  readonly failure: string | undefined
}

/** Runs `story` to its end or to where it breaks. A defect breaks it too. */
export const tell = (story: Story): Effect.Effect<Told> =>
  Effect.suspend(() => {
    const lines: Array<Line> = []
    const add = (line: Line) =>
      Effect.sync(() => {
        lines.push(line)
      })
    const teller: Teller = {
      arrow: (from, to, text) => add({ _tag: "Arrow", from, to, text }),
      note: (text) => add({ _tag: "Note", text }),
      holds: (expected, held, found = "the opposite") =>
        held ? add({ _tag: "Held", text: expected }) : Effect.fail(new StoryFailed({ expected, found }))
    }
    return story.run(teller).pipe(
      Effect.timeoutOrElse({
        duration: "30 seconds",
        orElse: () => Effect.fail(new StoryFailed({ expected: "an end within 30 seconds", found: "none" }))
      }),
      Effect.as(undefined),
      Effect.catch((error: StoryFailed) => Effect.succeed(`expected ${error.expected}; found ${error.found}`)),
      Effect.catchDefect((defect) =>
        Effect.succeed(defect instanceof Error ? (defect.stack ?? defect.message) : String(defect))
      ),
      Effect.map((failure) => ({ title: story.title, lines, failure }))
    )
  })

const arrowOf = (width: number, text: string, right: boolean): string => {
  const room = Math.max(width, text.length + 4)
  const dashes = room - text.length - 3
  return right ? `-- ${text} ${"-".repeat(dashes)}>` : `<-- ${text} ${"-".repeat(dashes)}`
}

/** The sequence as text, for a terminal. The parties stand in the order in which they first speak. */
export const print = ({ title, lines, failure }: Told): string => {
  const out = [`${failure === undefined ? "ok  " : "FAIL"} ${title}`]
  const parties: Array<string> = []
  for (const line of lines) {
    if (line._tag !== "Arrow") continue
    for (const party of [line.from, line.to]) if (!parties.includes(party)) parties.push(party)
  }
  const widest = Math.max(0, ...parties.map((party) => party.length))
  for (const line of lines) {
    if (line._tag === "Arrow") {
      const right = parties.indexOf(line.from) <= parties.indexOf(line.to)
      const [left, other] = right ? [line.from, line.to] : [line.to, line.from]
      out.push(`       ${left.padStart(widest)} |${arrowOf(60, line.text, right)}| ${other}`)
    } else out.push(`       ${line._tag === "Held" ? "   ✓ " : "   · "}${line.text}`)
  }
  if (failure !== undefined) out.push(`       ✗ ${failure}`)
  return out.join("\n")
}
