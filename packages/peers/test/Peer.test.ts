import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  describePeer,
  findProgram,
  freePort,
  PeerFailed,
  PeerMissing,
  peer,
  requirePeer,
  run,
  startPeer,
  temporaryFolder,
  unprivileged
} from "../src/index.ts"

const node = process.execPath

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("did not fail"),
    (error: unknown) => error
  )

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // a zombie that nobody has waited for yet answers too
    return !/\) Z /.test(Fs.readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

const gone = async (pid: number): Promise<void> => {
  for (let i = 0; i < 500 && alive(pid); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.isFalse(alive(pid))
}

const listener = (port: number) =>
  `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log("listening"))`

describe("findProgram", () => {
  it("finds what is on PATH and nothing else", () => {
    assert.strictEqual(findProgram("sh")?.endsWith("/sh"), true)
    assert.strictEqual(findProgram("no-such-program-here"), undefined)
    assert.strictEqual(findProgram("/etc/passwd"), undefined)
    assert.strictEqual(findProgram(node), node)
  })
})

describe("requirePeer", () => {
  it("names what is missing, skips by default and fails when peers are required", () => {
    const before = process.env["OMA_REQUIRE_PEERS"]
    try {
      delete process.env["OMA_REQUIRE_PEERS"]
      const asked = requirePeer("sh", "no-such-program-here")
      assert.deepStrictEqual(asked.missing, ["no-such-program-here"])
      assert.isTrue(asked.skip)
      assert.strictEqual(asked.name("x"), "x (not installed: no-such-program-here)")
      assert.throws(asked.check, PeerMissing)
      process.env["OMA_REQUIRE_PEERS"] = "1"
      assert.isFalse(requirePeer("no-such-program-here").skip)
      assert.isFalse(requirePeer("sh").skip)
    } finally {
      if (before === undefined) delete process.env["OMA_REQUIRE_PEERS"]
      else process.env["OMA_REQUIRE_PEERS"] = before
    }
  })
})

describePeer("describePeer", ["sh"], () => {
  it.effect("runs effects where the program is there", () => Effect.void)
})

describe("run", () => {
  it("gives code, both channels and what was read", async () => {
    const ran = await run("sh", ["-c", "cat; echo err >&2; exit 3"], { input: "in" })
    assert.deepStrictEqual([ran.code, ran.stdout, ran.stderr, ran.timedOut], [3, "in", "err\n", false])
  })
  it("kills what takes too long", async () => {
    const ran = await run("sh", ["-c", "sleep 20"], { timeout: 50 })
    assert.deepStrictEqual([ran.code, ran.timedOut], [null, true])
  })
  it("says what is not installed", async () => {
    assert.instanceOf(await failure(run("no-such-program-here", [])), PeerMissing)
  })
  it("runs under another user when this process is root", async () => {
    const folder = temporaryFolder({ unprivileged: true })
    const ran = await run("sh", ["-c", "id -u > who; cat who"], { cwd: folder, unprivileged: true })
    assert.strictEqual(ran.stdout.trim(), String(unprivileged().uid ?? process.getuid?.()))
  })
})

describe("startPeer", () => {
  it("waits for a port, a pattern or an answer", async () => {
    const port = await freePort()
    await using byPort = await startPeer({ program: node, args: ["-e", listener(port)], ready: port })
    await byPort.waitFor(/listening/)
    const other = await freePort()
    assert.notStrictEqual(other, port)
    await using byPattern = await startPeer({ program: node, args: ["-e", listener(other)], ready: /listening/ })
    assert.match(byPattern.output(), /listening/)
    let asked = 0
    await using byAnswer = await startPeer({ program: "sh", args: ["-c", "sleep 20"], ready: () => ++asked === 3 })
    assert.isTrue(alive(byAnswer.pid))
  })
  it("stops the whole process group, with SIGKILL where SIGTERM is ignored", async () => {
    const stubborn = "trap '' TERM; sh -c 'trap \"\" TERM; echo child $$; while :; do sleep 1; done' & wait"
    const started = await startPeer({ program: "sh", args: ["-c", stubborn], ready: /child \d+/, grace: 100 })
    const child = Number(/child (\d+)/.exec(started.output())?.[1])
    assert.isTrue(alive(child))
    await started.stop()
    await started.stop()
    await gone(child)
    await gone(started.pid)
    assert.strictEqual(await started.ended, null)
  })
  it("stops children that outlive the leader of the group", async () => {
    const leader = "sh -c 'trap \"\" TERM; echo child $$; while :; do sleep 1; done' & wait"
    const started = await startPeer({ program: "sh", args: ["-c", leader], ready: /child \d+/ })
    const child = Number(/child (\d+)/.exec(started.output())?.[1])
    await started.stop()
    await gone(child)
  })
  it("fails with the output of a program that ended or was not ready in time", async () => {
    const early = await failure(startPeer({ program: "sh", args: ["-c", "echo why; exit 1"], ready: /never/ }))
    assert.instanceOf(early, PeerFailed)
    if (early instanceof PeerFailed) assert.match(early.message, /ended before.*why/s)
    const late = await failure(startPeer({ program: "sh", args: ["-c", "sleep 20"], ready: /never/, timeout: 50 }))
    if (late instanceof PeerFailed) assert.match(late.message, /not in 50 ms/)
  })
  it("passes on what is written", async () => {
    await using cat = await startPeer({ program: "cat" })
    cat.write("over\n")
    await cat.waitFor(/over/)
  })
  it.live("is stopped with its scope", () =>
    Effect.gen(function* () {
      const pid = yield* Effect.scoped(
        Effect.map(peer({ program: "sh", args: ["-c", "sleep 20"] }), (started) => started.pid)
      )
      yield* Effect.promise(() => gone(pid))
    })
  )
  it("leaves nothing behind when the test process is killed", async () => {
    const source = Path.join(import.meta.dirname, "../src")
    const script = `
      import { startPeer } from "${source}/Peer.ts"
      import { temporaryFolder } from "${source}/TemporaryFolder.ts"
      const folder = temporaryFolder()
      const peer = await startPeer({ program: "sh", args: ["-c", "sleep 30"] })
      console.log(JSON.stringify({ folder, pid: peer.pid }))
      setTimeout(() => undefined, 30000)`
    const test = ChildProcess.spawn(node, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const [line] = (await once(test.stdout, "data")) as [Buffer]
    const told: unknown = JSON.parse(line.toString())
    if (typeof told !== "object" || told === null || !("pid" in told) || !("folder" in told)) assert.fail("no answer")
    const pid = Number(told.pid)
    assert.isTrue(alive(pid))
    assert.isTrue(Fs.existsSync(String(told.folder)))
    test.kill("SIGKILL")
    await gone(pid)
    for (let i = 0; i < 500 && Fs.existsSync(String(told.folder)); i++) await new Promise((r) => setTimeout(r, 10))
    assert.isFalse(Fs.existsSync(String(told.folder)))
  }, 20_000)
})

describe("freePort", () => {
  it("gives each port once, for tcp and udp", async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, () => freePort("udp")))
    assert.strictEqual(new Set(ports).size, 20)
  })
})
