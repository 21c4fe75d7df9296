/**
 * Whole DM requests by the processor time of the server: package 1 with a SHA-256 digest over the nonce of the last 212, decoded, judged,
 * its nonce spent and replaced in the store, answered by 212 with the next one and four Gets; against bare `node:http` that reads the
 * same body and answers a fixed one.
 */
import { type Bench, type Comparison, connect, forkServer, load } from "@oma/bench"
import { NodePrimitives } from "@oma/sa-policy/node"
import * as Result from "effect/Result"
import { Chal, Cred, CredDigest, MessageFacts, type SyncMl, SyncMlCodec } from "../src/index.ts"
import { deviceOf, devices, secret, userOf } from "./dm.server.ts"

type Connected = ReturnType<typeof connect>

const sha256 = NodePrimitives.hash("sha256")
const module = new URL("./dm.server.ts", import.meta.url)
const nothing = new Uint8Array(0)

interface Device {
  nonce: Uint8Array
  session: number
}

const message = (number: number, { nonce, session }: Device): SyncMl.SyncMl => ({
  hdr: {
    verDtd: "1.2",
    verProto: "DM/1.2",
    sessionId: session.toString(16).toUpperCase(),
    msgId: "1",
    target: { locUri: "http://dm.example.net/dm" },
    source: { locUri: deviceOf(number), locName: userOf(number) },
    cred: Cred.make("syncml:auth-sha256", CredDigest.digest(sha256, userOf(number), secret, nonce)),
    meta: { maxMsgSize: 65_536 }
  },
  body: {
    commands: [
      { _tag: "Alert", cmdId: "1", data: "1201" },
      {
        _tag: "Replace",
        cmdId: "2",
        items: ["DevId", "Man", "Mod", "DmV", "Lang"].map((leaf) => ({
          source: { locUri: `./DevInfo/${leaf}` },
          meta: { format: "chr", type: "text/plain" },
          data: `the ${leaf} of it`
        }))
      }
    ],
    final: true
  }
})

const exchanges = (representation: SyncMlCodec.Representation, real: boolean) => {
  const headers = { "content-type": `application/vnd.syncml.dm+${representation}` }
  const known = new Map<number, Device>()
  return async (connection: Connected): Promise<number> => {
    const number = connection.number % devices
    const device = known.get(number) ?? { nonce: nothing, session: 0 }
    known.set(number, device)
    device.session = (device.session + 1) & 0xffff
    const body = Result.getOrThrow(SyncMlCodec.encode(representation, message(number, device)))
    const { body: answer, status } = await connection.request({ method: "POST", path: "/dm", headers, body })
    if (status !== 200) throw new Error(`HTTP ${status}`)
    if (!real) return 1
    const decoded = Result.getOrThrow(SyncMlCodec.decode(representation, answer)).message
    const [first] = decoded.body.commands
    const nonce = first?._tag === "Status" && first.chal !== undefined ? Chal.nonce(first.chal) : undefined
    if (nonce === undefined) throw new Error("no nonce")
    device.nonce = nonce
    const code = MessageFacts.headerStatus(decoded, "1")?.code
    // a fresh load knows no nonce: its devices are challenged once
    if (code !== 212 && code !== 401) throw new Error(`status ${code}`)
    return 1
  }
}

const compare = async (representation: SyncMlCodec.Representation, atLeast: number): Promise<Comparison> => {
  const [ours, baseline] = await Promise.all([
    forkServer(module, { kind: "ours" }),
    forkServer(module, { kind: "bare" })
  ])
  return {
    goal: "dm",
    name: `DM requests in ${representation}, authenticated and spent, against bare node:http`,
    atLeast,
    ours: load(ours, { connections: 8, exchange: exchanges(representation, true), millis: 700 }),
    baseline: load(baseline, { connections: 8, exchange: exchanges(representation, false), millis: 700 }),
    check: async () => {
      const [one, other] = [connect(ours.port, 15), connect(baseline.port, 15)]
      const [exchange, plain] = [exchanges(representation, true), exchanges(representation, false)]
      for (let n = 0; n < 1500; n++) {
        await exchange(one)
        await plain(other)
      }
      one.close()
      other.close()
    },
    end: async () => {
      await Promise.all([ours.stop(), baseline.stop()])
    }
  }
}

const bench: Bench = async () => [await compare("xml", 0.06), await compare("wbxml", 0.06)]
export default bench
