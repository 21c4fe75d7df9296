/** With FUZZ_SEED every property begins with that seed: how `npm run fuzz` chooses its inputs, and how a failure is repeated. */
const seed = process.env["FUZZ_SEED"]
if (seed !== undefined && seed !== "") {
  const fc = await import("fast-check")
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
}

export {}
