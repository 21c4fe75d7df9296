/**
 * Policies in files: read at start, and read again while servers run.
 *
 * @layer binding
 */
import * as Fs from "node:fs/promises"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { SecurityPolicy } from "../SecurityPolicy.ts"
import { Spd } from "../Spd.ts"
import { type PolicyFileFault, parse } from "./PolicyDocument.ts"

/** The policy file cannot be used; `message` lists every fault as `file:line:column path: reason`. */
export class PolicyFileRefused extends Data.TaggedError("PolicyFileRefused")<{
  readonly file: string
  readonly faults: ReadonlyArray<PolicyFileFault>
}> {
  override get message(): string {
    return this.faults
      .map(({ line, column, path, why }) => `${this.file}:${line}:${column} ${path === "" ? "" : `${path}: `}${why}`)
      .join("\n")
  }
}

/** The policy that the file at `path` writes. */
export const load = (path: string): Effect.Effect<SecurityPolicy, PolicyFileRefused> =>
  Effect.tryPromise({
    try: () => Fs.readFile(path, "utf8"),
    catch: (error) =>
      new PolicyFileRefused({
        file: path,
        faults: [{ path: "", line: 1, column: 1, why: error instanceof Error ? error.message : String(error) }]
      })
  }).pipe(
    Effect.flatMap((text) => {
      const parsed = parse(text)
      return Result.isSuccess(parsed)
        ? Effect.succeed(parsed.success)
        : Effect.fail(new PolicyFileRefused({ file: path, faults: parsed.failure }))
    })
  )

/** Reads the file again and puts its policy in force; a bad file leaves the old one in force. */
export const reload = Effect.fnUntraced(function* (path: string) {
  const spd = yield* Spd
  yield* spd.replace(yield* load(path))
})
