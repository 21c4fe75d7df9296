/** Joins the ledgers of requirements with what the tests reported: requirement -> tests that carry its id -> status. */

export interface Requirement {
  readonly id: string
  readonly level: string
  readonly party: string
  readonly text: string
  readonly source: string
}

export interface Ledger {
  /** What every id of the ledger begins with: `DCD`, `SEC_CF`. */
  readonly family: string
  readonly title: string
  readonly rows: ReadonlyArray<Requirement>
}

export interface Test {
  /** Relative to the root. */
  readonly file: string
  /** With the names of the blocks around it. */
  readonly name: string
  readonly status: "passed" | "failed" | "skipped"
}

export type Status = "proved" | "failing" | "skipped" | "open"

export interface Row {
  readonly requirement: Requirement
  readonly tests: ReadonlyArray<Test>
  readonly status: Status
}

export interface Joined {
  readonly ledgers: ReadonlyArray<{ readonly ledger: Ledger; readonly rows: ReadonlyArray<Row> }>
  /** Ids that a test carries and no ledger holds. */
  readonly unknown: ReadonlyArray<{ readonly id: string; readonly where: string }>
}

/**
 * The ids of requirements in `text`: what stands in square brackets and begins with a family, alone or with commas between.
 * `[SHA-256]` is none, `[DM-CRED-008, DM-CHAL-004]` are two.
 */
export const idsIn = (text: string, families: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...text.matchAll(/\[([^[\]]+)\]/g)].flatMap((bracket) =>
    bracket[1]!
      .split(/[\s,;]+/)
      .filter((word) => families.some((family) => word.startsWith(`${family}-`)) && /-\d{3}[a-z]?$/.test(word))
  )

/** Faults of the ledgers themselves: an id twice, or of another family. */
export const faults = (ledgers: ReadonlyArray<Ledger>): ReadonlyArray<string> => {
  const seen = new Set<string>()
  return ledgers.flatMap(({ family, rows }) =>
    rows.flatMap(({ id }) => {
      const twice = seen.has(id) ? [`${id} stands twice`] : []
      seen.add(id)
      return idsIn(`[${id}]`, [family]).length === 1 ? twice : [...twice, `${id} is no id of the family ${family}`]
    })
  )
}

const statusOf = (tests: ReadonlyArray<Test>): Status =>
  tests.some((t) => t.status === "failed")
    ? "failing"
    : tests.some((t) => t.status === "passed")
      ? "proved"
      : tests.length > 0
        ? "skipped"
        : "open"

/** Every row of `ledgers` with the tests that carry its id, and the ids that are in no ledger. */
export const join = (ledgers: ReadonlyArray<Ledger>, tests: ReadonlyArray<Test>): Joined => {
  const families = ledgers.map((l) => l.family)
  const known = new Set(ledgers.flatMap((l) => l.rows.map((r) => r.id)))
  const carriers = new Map<string, Array<Test>>()
  const unknown: Array<{ readonly id: string; readonly where: string }> = []
  const inOrder = tests.toSorted((a, b) => (`${a.file}\n${a.name}` < `${b.file}\n${b.name}` ? -1 : 1))
  for (const test of inOrder) {
    for (const id of new Set(idsIn(test.name, families))) {
      if (known.has(id)) carriers.set(id, [...(carriers.get(id) ?? []), test])
      else unknown.push({ id, where: `${test.file}: ${test.name}` })
    }
  }
  return {
    ledgers: ledgers.map((ledger) => ({
      ledger,
      rows: ledger.rows.map((requirement) => {
        const carried = carriers.get(requirement.id) ?? []
        return { requirement, tests: carried, status: statusOf(carried) }
      })
    })),
    unknown
  }
}

interface VitestReport {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

/** The tests of one `reports/vitest.json`. The report may come from another checkout: only the end of its paths counts. */
export const testsOf = (folder: string, report: VitestReport): ReadonlyArray<Test> =>
  report.testResults.flatMap(({ name, assertionResults }) => {
    const path = name.replaceAll("\\", "/")
    const file = path.slice(path.lastIndexOf(`/${folder}/`) + 1)
    return assertionResults.map(({ fullName, status }) => ({
      file,
      name: fullName.trim(),
      status: status === "passed" ? "passed" : status === "failed" ? "failed" : "skipped"
    }))
  })

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ").replaceAll("<", "&lt;")

/** The tests by file, each file a link, each name without its ids. */
const testCell = (tests: ReadonlyArray<Test>): string => {
  const byFile = Map.groupBy(tests, (t) => t.file)
  return [...byFile]
    .map(([file, members]) => {
      const names = members.map((t) => {
        const bare = t.name.replace(/\[[^\]]*\]\s*/g, "").trim()
        return cell(t.status === "passed" ? bare : `${bare} (${t.status})`)
      })
      return `[${file.slice(file.lastIndexOf("/") + 1)}](../${file}): ${names.join("; ")}`
    })
    .join("<br>")
}

/** The whole of docs/conformance.md: the same text for the same ledgers and tests. */
export const render = (joined: Joined): string => {
  const count = (rows: ReadonlyArray<Row>, status: Status) => rows.filter((r) => r.status === status).length
  const statuses: ReadonlyArray<Status> = ["proved", "open", "skipped", "failing"]
  const summary = joined.ledgers.map(
    ({ ledger, rows }) =>
      `| [${ledger.family}](#${anchor(ledger)}) | ${rows.length} | ${statuses.map((s) => count(rows, s)).join(" | ")} |`
  )
  const sections = joined.ledgers.map(({ ledger, rows }) => {
    const lines = rows.map(
      ({ requirement: r, tests, status }) =>
        `| ${r.id} | ${r.level} | ${r.party} | ${cell(r.text)} | ${cell(r.source)} | ${status} | ${testCell(tests)} |`
    )
    return `## ${ledger.family}: ${ledger.title}

| id | level | party | requirement | source | status | tests |
| --- | --- | --- | --- | --- | --- | --- |
${lines.join("\n")}
`
  })
  return `# Conformance

Written by \`npm run conformance\` from the ledgers in \`conformance/\` and the reports of the tests; do not edit.

One row for each requirement, in our words. **proved**: tests carry its id and pass. **open**: no test carries it.
**skipped**: the tests that carry it need a program that was not there. **failing**: one of them fails.
Levels are those of the requirement documents; \`MUST*\` holds once the option is switched on, \`FUTURE\` is left to a later
release there and delivered here.

| enabler | requirements | ${statuses.join(" | ")} |
| --- | --- | --- | --- | --- | --- |
${summary.join("\n")}

${sections.join("\n")}`
}

const anchor = (ledger: Ledger): string =>
  `${ledger.family}: ${ledger.title}`
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-")
