import { defineConfig } from "tsup"

/** Every `index.ts`, of the package and of each folder, is an entry point; declarations come from `tsc`. */
export default defineConfig({
  entry: ["src/index.ts", "src/*/index.ts"],
  format: ["esm"],
  platform: "node",
  target: "node22",
  dts: false,
  sourcemap: true,
  clean: true,
  splitting: true,
  removeNodeProtocol: false // node:sqlite has no name without it
})
