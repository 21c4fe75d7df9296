import { spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = new URL("..", import.meta.url)
const { packageManager } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"))
const [script, ...args] = process.argv.slice(2)
// npm exports its own settings to scripts; do not let them leak into the nested tools
const env = Object.fromEntries(
  Object.entries(process.env).filter(([k]) => !/^(npm_|pnpm_config_|NODE_OPTIONS$)/i.test(k))
)
Object.assign(env, {
  TURBO_TELEMETRY_DISABLED: "1",
  DO_NOT_TRACK: "1",
  npm_config_update_notifier: "false",
  npm_config_fund: "false",
  npm_config_audit: "false",
  npm_config_loglevel: "error"
})
const win = process.platform === "win32"
const pnpm = (...argv) => {
  const r = spawnSync(win ? "npx.cmd" : "npx", ["--yes", packageManager, ...argv], {
    cwd: root,
    stdio: "inherit",
    env,
    shell: win
  })
  if (r.error) throw r.error
  if (r.status !== 0) process.exit(r.status ?? 1)
}
pnpm("install", "--frozen-lockfile", "--prefer-offline")
pnpm("exec", "node", "scripts/check-node.mjs") // fails with a clear text if Node < 22.19 ended up on PATH
if (script !== "--node") pnpm("run", script, ...args)
else {
  // a server runs without pnpm or turbo in between: they lose flags, signals or the wait for a clean stop
  const own = fileURLToPath(new URL(`node_modules/.bin/node${win ? ".cmd" : ""}`, root))
  const child = spawn(existsSync(own) ? own : process.execPath, ["--conditions=@oma/source", ...args], {
    cwd: root,
    stdio: "inherit",
    env,
    shell: win
  })
  for (const s of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(s, () => s === "SIGINT" || child.kill(s)) // the terminal signals the child itself
  child.on("exit", (code) => process.exit(code ?? 1))
}
