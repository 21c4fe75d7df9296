import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import {
  describePeer,
  fakeMessages,
  fakeSmsc,
  freePort,
  type Kannel,
  kannelPrograms,
  type Peer,
  startFakeSmsc,
  startKannel
} from "@oma/peers"
import { runOperator } from "./operator.ts"

describePeer("npm start -- --ppg, through Kannel", kannelPrograms, () => {
  let kannel: Kannel
  let smsc: Peer
  beforeAll(async () => {
    const port = await freePort()
    kannel = await startKannel(fakeSmsc(port))
    smsc = await startFakeSmsc(kannel, port)
  }, 30_000)
  afterAll(async () => {
    await smsc?.stop()
    await kannel?.[Symbol.asyncDispose]()
  })

  it("[DCD-X-006] pushes through a gateway of somebody else, whose SMS centre sees ciphertext", {
    timeout: 90_000
  }, async () => {
    const { user, password } = kannel.account
    const gateway = kannel.url.replace("//", `//${user}:${password}@`)
    const { code, stdout } = await runOperator("--once", "--port", "0", "--ppg", gateway)
    assert.strictEqual(code, 0, stdout)
    assert.include(stdout, "ok   Push: a gateway of somebody else takes a protected push")
    const end = performance.now() + 8000
    while (fakeMessages(smsc.output()).length < 5 && performance.now() < end)
      await new Promise((r) => setTimeout(r, 50))
    const messages = fakeMessages(smsc.output())
    assert.isAtLeast(messages.length, 5)
    const seen = messages.map(({ body }) => Buffer.from(body).toString("latin1")).join("")
    for (const word of ["train", "airport", "platform", "push.example.net"]) assert.notInclude(seen, word)
  })
})
