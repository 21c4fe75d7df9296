/**
 * What can go wrong with a real peer. All are errors of the test's surroundings, so they carry what the program printed.
 *
 * @layer binding
 */
import * as Data from "effect/Data"

/** The program is not installed in any of the folders that `findProgram` searches. */
export class PeerMissing extends Data.TaggedError("PeerMissing")<{ readonly programs: ReadonlyArray<string> }> {
  override get message(): string {
    return `not installed: ${this.programs.join(", ")}`
  }
}

/** The program ended, or was not ready in time. `output` is what it printed on both channels. */
export class PeerFailed extends Data.TaggedError("PeerFailed")<{
  readonly program: string
  readonly reason: string
  readonly output: string
}> {
  override get message(): string {
    return `${this.program}: ${this.reason}\n${this.output}`
  }
}
