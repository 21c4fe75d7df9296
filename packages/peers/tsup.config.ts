import type { Options } from "tsup"
import shared from "../../tsup.shared.ts"

const config: Options = { ...shared, external: ["vitest"] }
export default config
