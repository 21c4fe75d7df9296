import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { type Ran, run, startPeer, temporaryFolder } from "@oma/peers"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
const node = ["--disable-warning=ExperimentalWarning", "--conditions=@oma/source", main]

/** Runs the operator to its end. */
export const runOperator = (...args: ReadonlyArray<string>): Promise<Ran> =>
  run(process.execPath, [...node, ...args], { timeout: 60_000, cwd: temporaryFolder() })

export interface Ready {
  readonly endpoints: Readonly<Record<"ub" | "naf" | "nafPsk" | "zn" | "dm" | "dmTls", string>>
  readonly names: Readonly<Record<"bsf" | "naf" | "nafPsk" | "dm", string>>
  readonly ca: string
  readonly accounts: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly subscribers: ReadonlyArray<Readonly<Record<"impi" | "impu" | "msisdn" | "k" | "opc" | "amf", string>>>
}

/** Starts the operator on free ports and waits for its ready file. */
export const startOperator = async (data: string = temporaryFolder(), ...args: ReadonlyArray<string>) => {
  const readyFile = Path.join(data, "ready.json")
  // one that was killed has left its own
  Fs.rmSync(readyFile, { force: true })
  const peer = await startPeer({
    program: process.execPath,
    args: [...node, "--port", "0", "--data", data, "--ready-file", readyFile, ...args],
    cwd: data,
    ready: () => Fs.existsSync(readyFile),
    timeout: 30_000,
    grace: 5000
  })
  const ready: Ready = JSON.parse(Fs.readFileSync(readyFile, "utf8"))
  return { peer, ready, readyFile, data, [Symbol.asyncDispose]: () => peer.stop() }
}

export const portOf = (url: string): string => new URL(url).port
