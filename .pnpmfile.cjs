const asArray = (v) => (typeof v === "string" ? [v] : v)
const needsCompilerApi = new Set(["tsup", "typedoc"]) // TypeScript 7 has no JavaScript compiler API
module.exports = {
  hooks: {
    readPackage(pkg) {
      // these packages publish os/cpu as plain strings, which pnpm ignores
      if (/^node-(linux|win|darwin|bin)-/.test(pkg.name ?? "")) {
        pkg.os = asArray(pkg.os)
        pkg.cpu = asArray(pkg.cpu)
      }
      if (needsCompilerApi.has(pkg.name)) {
        delete pkg.peerDependencies?.typescript
        delete pkg.peerDependenciesMeta?.typescript
        pkg.dependencies = { ...pkg.dependencies, typescript: "6.0.3" }
      }
      return pkg
    }
  }
}
