/** What git and `.changeset/` say about releases, for the check of changesets. */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Changeset, owed, parseChangeset } from "./changesets.ts"
import { filesBelow, publicPackages, root } from "./workspace.ts"

const git = (...args: ReadonlyArray<string>): string | undefined => {
  const ran = ChildProcess.spawnSync("git", args, { cwd: root, encoding: "utf8" })
  return ran.status === 0 ? ran.stdout.trim() : undefined
}

const changedSince = (commit: string): ReadonlyArray<string> | undefined => {
  const tracked = git("diff", "--name-only", commit)
  const fresh = git("ls-files", "--others", "--exclude-standard")
  return tracked === undefined ? undefined : `${tracked}\n${fresh ?? ""}`.split("\n").filter((line) => line !== "")
}

/** Where this branch left the main one: CHANGESET_BASE, or the remote's main branch. `undefined` where there is neither. */
const base = (): string | undefined => {
  const named = process.env["CHANGESET_BASE"]
  for (const candidate of [...(named === undefined || named === "" ? [] : [named]), "origin/main"]) {
    const found = git("merge-base", candidate, "HEAD")
    if (found !== undefined) return found
  }
  return undefined
}

const pending = (): ReadonlyArray<Changeset> =>
  filesBelow(".changeset", (path) => path.endsWith(".md") && !path.endsWith("README.md")).map((path) =>
    parseChangeset(path, Fs.readFileSync(Path.join(root, path), "utf8"))
  )

export interface ChangesetCheck {
  readonly owed: ReadonlyArray<string>
  readonly note: string
}

/** What is owed, and what it was compared with. */
export const checkChangesets = (): ChangesetCheck => {
  if (git("rev-parse", "--git-dir") === undefined)
    return { owed: [], note: "no git repository: nothing to compare with" }
  const branch = base()
  const changed = branch === undefined ? undefined : changedSince(branch)
  const packages = publicPackages().map(({ name, folder }) => {
    const tag = git("describe", "--tags", "--abbrev=0", "--match", `${name}@*`)
    return {
      name,
      folder,
      changedSinceRelease: tag === undefined ? undefined : changedSince(tag),
      changedOnBranch: changed
    }
  })
  const note =
    branch === undefined ? "no main branch to compare with: releases only" : `compared with ${branch.slice(0, 9)}`
  return { owed: owed(packages, pending(), changed ?? []), note }
}
