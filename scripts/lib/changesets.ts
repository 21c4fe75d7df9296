/** Which packages owe a changeset. */

export interface Changeset {
  readonly path: string
  readonly packages: ReadonlyArray<string>
}

/** The packages that the front matter of a changeset names. */
export const parseChangeset = (path: string, text: string): Changeset => {
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? ""
  return {
    path,
    packages: [...front.matchAll(/^\s*["']?([^"':\s]+)["']?\s*:\s*(?:major|minor|patch)\s*$/gm)].map((m) => m[1]!)
  }
}

export interface ReleasedPackage {
  readonly name: string
  readonly folder: string
  /** What changed since its last release; `undefined` when it was never released. */
  readonly changedSinceRelease: ReadonlyArray<string> | undefined
  /** What changed since the base of this branch; `undefined` when there is none. */
  readonly changedOnBranch: ReadonlyArray<string> | undefined
}

/** Whether a change of this file of a package reaches those who install it. */
const isPublished = (folder: string, path: string): boolean =>
  path.startsWith(`${folder}/src/`) || path.startsWith(`${folder}/vectors/`) || path === `${folder}/package.json`

/**
 * What is owed: a pending changeset for each package that was never released or changed since, and one that this branch
 * added or edited (its path is in `changed`) for each package that this branch changes.
 */
export const owed = (
  packages: ReadonlyArray<ReleasedPackage>,
  pending: ReadonlyArray<Changeset>,
  changed: ReadonlyArray<string>
): ReadonlyArray<string> =>
  packages.flatMap(({ name, folder, changedSinceRelease, changedOnBranch }) => {
    const naming = pending.filter((c) => c.packages.includes(name))
    const touched = (paths: ReadonlyArray<string>) => paths.some((path) => isPublished(folder, path))
    if (naming.length === 0 && (changedSinceRelease === undefined || touched(changedSinceRelease))) {
      return [
        `${name} ${changedSinceRelease === undefined ? "was never released" : "changed since its release"}: no changeset names it`
      ]
    }
    if (changedOnBranch !== undefined && touched(changedOnBranch) && !naming.some((c) => changed.includes(c.path))) {
      return [`${name} changes on this branch: no changeset of this branch names it`]
    }
    return []
  })
