import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { temporaryFolder } from "@oma/peers"
import { startOperator } from "./operator.ts"

describe("npm start", () => {
  it("writes the ready file that others script against, and prints the same", { timeout: 60_000 }, async () => {
    await using operator = await startOperator()
    const { peer, ready } = operator
    for (const [name, form] of [
      ["ub", /^http:\/\/127\.0\.0\.1:\d+\/$/],
      ["naf", /^https:\/\/127\.0\.0\.1:\d+\/$/],
      ["nafPsk", /^https:\/\/127\.0\.0\.1:\d+\/$/],
      ["dm", /^http:\/\/127\.0\.0\.1:\d+\/dm$/],
      ["dmTls", /^https:\/\/127\.0\.0\.1:\d+\/dm$/]
    ] as const) {
      assert.match(ready.endpoints[name], form)
    }
    assert.deepInclude(ready.names, { bsf: "bsf.mnc001.mcc001.pub.3gppnetwork.org", naf: "naf.example.net" })
    assert.include(Fs.readFileSync(ready.ca, "utf8"), "BEGIN CERTIFICATE")
    for (const subscriber of ready.subscribers) {
      for (const name of ["impi", "impu", "msisdn"] as const) assert.isString(subscriber[name])
      for (const name of ["k", "opc", "amf"] as const) assert.match(subscriber[name], /^[0-9a-f]+$/)
    }
    const [first] = ready.subscribers
    assert.strictEqual(first?.k, "465b5ce8b199b49faa5f0a2ee238a6bc")
    const printed = await peer.waitFor(/Ctrl-C stops/)
    for (const text of [...Object.values(ready.endpoints), first!.impi, first!.k, first!.opc, ready.ca]) {
      assert.include(printed, text)
    }
  })

  it.each(["SIGINT", "SIGTERM"] as const)("stops cleanly on %s", { timeout: 60_000 }, async (signal) => {
    const data = temporaryFolder()
    const { peer, readyFile } = await startOperator(data)
    process.kill(peer.pid, signal)
    const code = await peer.ended
    assert.include([0, 130, 143], code)
    assert.isFalse(Fs.existsSync(readyFile))
    // the database was closed: nothing is left of its log
    assert.isFalse(Fs.existsSync(Path.join(data, "operator.sqlite-wal")))
    assert.notInclude(peer.output(), "Error")
  })

  it("keeps K and OPc out of its folder in the clear", { timeout: 60_000 }, async () => {
    const data = temporaryFolder()
    const { peer, ready } = await startOperator(data)
    await peer.stop()
    const secrets = ready.subscribers.flatMap(({ k, opc }) => [k, opc].map((text) => Buffer.from(text, "hex")))
    for (const name of Fs.readdirSync(data)) {
      const path = Path.join(data, name)
      if (Fs.statSync(path).isDirectory()) continue
      const octets = Fs.readFileSync(path)
      for (const secret of secrets) {
        assert.isFalse(octets.includes(secret), name)
        assert.isFalse(octets.includes(secret.toString("hex")), name)
      }
    }
  })
})
