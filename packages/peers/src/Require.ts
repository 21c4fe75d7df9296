/**
 * Tests that need a program that somebody else wrote: skipped by name where it is missing, failed with OMA_REQUIRE_PEERS=1.
 *
 * @layer binding
 */
import { describe, it } from "vitest"
import { PeerMissing } from "./PeerError.ts"
import { findProgram } from "./Program.ts"

/** Whether a missing peer is a failure: OMA_REQUIRE_PEERS is set, and neither empty nor 0. */
export const peersRequired = (): boolean => !["", "0", undefined].includes(process.env["OMA_REQUIRE_PEERS"])

export interface Requirement {
  /** The programs that are not installed. */
  readonly missing: ReadonlyArray<string>
  /** For `it.skipIf` and `describe.skipIf`: something is missing and peers are not required. */
  readonly skip: boolean
  /** The test's name, with what is missing behind it. */
  readonly name: (name: string) => string
  /** Throws `PeerMissing` where something is missing; for the first line of a test body. */
  readonly check: () => void
}

/** Which of `programs` are missing, in the form that a test runner can use. */
export const requirePeer = (...programs: ReadonlyArray<string>): Requirement => {
  const missing = programs.filter((program) => findProgram(program) === undefined)
  return {
    missing,
    skip: missing.length > 0 && !peersRequired(),
    name: (name) => (missing.length === 0 ? name : `${name} (not installed: ${missing.join(", ")})`),
    check: () => {
      if (missing.length > 0) throw new PeerMissing({ programs: missing })
    }
  }
}

/**
 * `describe` for tests that need `programs`. Where one is missing, every test in it is skipped under a name that says which;
 * with OMA_REQUIRE_PEERS=1 a test that fails stands beside them. `body` holds vitest's `it` or that of `@effect/vitest`;
 * it is run to collect the tests even where they are skipped, so start nothing outside of hooks and tests.
 */
export const describePeer = (name: string, programs: ReadonlyArray<string>, body: () => void): void => {
  const { missing, name: named, check, skip } = requirePeer(...programs)
  if (missing.length === 0) return void describe(name, body)
  describe.skip(named(name), body)
  if (!skip) it(named(`${name}: required programs`), check)
}

/** `it` for one plain test that needs `programs`. */
export const peerTest = (
  name: string,
  programs: ReadonlyArray<string>,
  body: () => void | Promise<void>,
  timeout?: number
): void => {
  const { name: named, check, skip } = requirePeer(...programs)
  it.skipIf(skip)(
    named(name),
    async () => {
      check()
      await body()
    },
    timeout
  )
}
