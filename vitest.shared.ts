import { fileURLToPath } from "node:url"
import type { ViteUserConfig } from "vitest/config"

const conditions = ["@oma/source", "import", "module", "node", "default"]

/** What every package's `vitest.config.ts` re-exports: sources instead of builds, and a report for the conformance table. */
const shared: ViteUserConfig = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    environment: "node",
    include: ["test/**/*.test.ts"],
    passWithNoTests: true,
    setupFiles: [fileURLToPath(new URL("./vitest.setup.ts", import.meta.url))],
    reporters: ["default", ["json", { outputFile: process.env["VITEST_REPORT"] ?? "reports/vitest.json" }]],
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text", "lcov"] }
  }
}
export default shared
