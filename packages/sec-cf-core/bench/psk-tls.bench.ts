/**
 * Handshakes a second of the server's processor time: our PSK-TLS server with a million keys against `node:tls` with one
 * constant key and nothing else, and against `node:tls` with a P-256 certificate in TLS 1.3.
 */
import * as Tls from "node:tls"
import type { Bench, Comparison, Sampler } from "@oma/bench"
import { forkServer, type Server } from "@oma/bench"
import { identities, identityOf, keyOf, suite } from "./psk-tls.server.ts"

type Version = "1.2" | "1.3"
type Kind = "ours" | "constant" | "certificate"

const handshakes = Number(process.env["BENCH_HANDSHAKES"] ?? 400)
const atOnce = 8
const module = new URL("./psk-tls.server.ts", import.meta.url)

const connect = (port: number, kind: Kind, version: Version, index: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = Tls.connect({
      port,
      host: "127.0.0.1",
      servername: "localhost",
      maxVersion: `TLSv${version}`,
      ...(kind === "certificate"
        ? { rejectUnauthorized: false }
        : {
            ciphers: version === "1.3" ? "TLS_AES_128_GCM_SHA256" : suite,
            checkServerIdentity: () => undefined,
            pskCallback: () =>
              kind === "ours"
                ? { identity: identityOf(index), psk: keyOf(index) }
                : { identity: identityOf(0), psk: keyOf(0) }
          })
    })
    let suiteName = ""
    socket.once("secureConnect", () => {
      suiteName = socket.getCipher().name
    })
    socket.once("error", reject)
    socket.once("close", () => resolve(suiteName))
    socket.resume()
  })

let next = 0
// spread over the whole table, so that no lookup is warm
const someIndex = (): number => {
  next = (next + 618_033) % identities
  return next
}

const compare = (kind: "constant" | "certificate", version: Version, atLeast: number, bound = false): Comparison => {
  const servers = new Map<Kind, Server>()
  const baselineVersion = kind === "certificate" ? "1.3" : version
  const serverOf = (side: Kind): Server => {
    const server = servers.get(side)
    if (server === undefined) throw new Error("not started")
    return server
  }
  const sampler =
    (side: Kind): Sampler =>
    async () => {
      const server = serverOf(side)
      const before = await server.cpu()
      let left = handshakes
      const one = async () => {
        while (left-- > 0) await connect(server.port, side, side === "ours" ? version : baselineVersion, someIndex())
      }
      await Promise.all(Array.from({ length: atOnce }, one))
      return (handshakes / ((await server.cpu()) - before)) * 1e6
    }
  return {
    goal: "P11",
    name:
      kind === "constant"
        ? `PSK-TLS ${version} handshakes with 1 M keys${bound ? " bound to name and suite" : ""}, against node:tls with one constant key`
        : `PSK-TLS ${version} handshakes with 1 M keys, against a P-256 certificate in TLS 1.3`,
    atLeast,
    ours: sampler("ours"),
    baseline: sampler(kind),
    check: async () => {
      servers.set("ours", await forkServer(module, { kind: "ours", version, bound }))
      servers.set(kind, await forkServer(module, { kind, version }))
      const expected = version === "1.3" ? "TLS_AES_128_GCM_SHA256" : suite
      for (const index of [0, 1, identities - 1]) {
        const got = await connect(serverOf("ours").port, "ours", version, index)
        if (got !== expected) throw new Error(`${got} in place of ${expected}`)
      }
      if ((await connect(serverOf(kind).port, kind, baselineVersion, 0)) === "") throw new Error("no handshake")
    },
    end: async () => {
      await Promise.all([...servers.values()].map((server) => server.stop()))
    }
  }
}

const bench: Bench = [
  compare("constant", "1.2", 0.9),
  compare("constant", "1.2", 0.9, true),
  compare("constant", "1.3", 0.9),
  compare("certificate", "1.2", 1.5)
]
export default bench
