import { once } from "node:events"
import * as Net from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { connectSecure, type ServerLimits, type TlsEvent, tlsServer } from "../../src/tls/index.ts"
import { eventually, listen } from "./Support.ts"

const key = new Uint8Array(32).fill(7)
const stops: Array<() => Promise<unknown>> = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

const start = async (limits: ServerLimits, boundKeys = true) => {
  const events: Array<TlsEvent> = []
  const made = tlsServer(
    { psk: { lookup: () => key, boundKeys }, limits, onEvent: (event) => events.push(event) },
    (socket) => {
      socket.on("error", () => undefined)
      socket.write("hello")
    }
  )
  const port = await listen(made.server)
  stops.push(made.close)
  const connect = async () => {
    const socket = Net.connect(port, "127.0.0.1")
    socket.on("error", () => undefined)
    socket.resume() // or the end of the stream is never read
    stops.push(async () => socket.destroy())
    await once(socket, "connect")
    return socket
  }
  return { port, events, connect }
}
const good = (port: number) =>
  connectSecure({
    host: "127.0.0.1",
    port,
    psk: { credential: () => ({ identity: "device", key: Redacted.make(key) }) },
    timeout: 2000
  })

describe("limits of a server", () => {
  it.live("connections whose handshake is not done: the next one is closed, and none that is done", () =>
    Effect.gen(function* () {
      const { port, events, connect } = yield* Effect.promise(() => start({ maxUnauthenticated: 3 }))
      yield* good(port) // counts no more once it is authenticated
      const idle = [yield* Effect.promise(connect), yield* Effect.promise(connect), yield* Effect.promise(connect)]
      const fourth = yield* Effect.promise(connect)
      yield* Effect.promise(() => eventually(() => fourth.closed))
      assert.deepInclude(events, {
        _tag: "ConnectionRefused",
        address: "127.0.0.1",
        reason: "too many unauthenticated"
      })
      idle[0]?.destroy()
      yield* Effect.promise(() => eventually(() => events.some((one) => one._tag === "HelloRefused")))
      yield* good(port)
    }).pipe(Effect.scoped)
  )

  it("connections of one address", async () => {
    const { events, connect } = await start({ maxUnauthenticatedPerAddress: 1 })
    await connect()
    const second = await connect()
    await eventually(() => second.closed)
    const reason = "too many unauthenticated from this address"
    assert.deepInclude(events, { _tag: "ConnectionRefused", address: "127.0.0.1", reason })
  })

  it("time: a silent client, one that sends octet by octet, and one that stops within the handshake", async () => {
    const { events, connect } = await start({ handshakeTimeout: 150 })
    const silent = await connect()
    const slow = await connect()
    const drip = setInterval(() => slow.write(Uint8Array.of(22)), 30)
    const stopped = await connect()
    // a ClientHello for TLS 1.2 with PSK-AES128-GCM-SHA256, and nothing after it
    stopped.write(Buffer.from(`160301002d010000290303${"00".repeat(32)}00000200a80100`, "hex"))
    await eventually(() => silent.closed && slow.closed && stopped.closed)
    clearInterval(drip)
    assert.isTrue(events.some((one) => one._tag === "HelloRefused" && one.reason === "no ClientHello in time"))
    await eventually(() =>
      events.some((one) => one._tag === "HandshakeFailed" && one.code === "ERR_TLS_HANDSHAKE_TIMEOUT")
    )
  })

  it("of a server that does not read the ClientHello itself: the same", async () => {
    const { events, connect } = await start({ handshakeTimeout: 150, maxUnauthenticated: 1 }, false)
    const silent = await connect()
    const second = await connect()
    await eventually(() => silent.closed && second.closed)
    assert.deepStrictEqual(
      events.map((one) => ("reason" in one ? one.reason : "")),
      ["too many unauthenticated", "TLS handshake timeout"]
    )
    const http = await connect()
    http.write("GET / HTTP/1.1\r\n\r\n")
    await eventually(() => http.closed)
    assert.strictEqual(events.at(-1)?._tag, "HandshakeFailed")
  })

  it("what comes first must be a ClientHello, and not a long one", async () => {
    const { events, connect } = await start({ maxHello: 1000 })
    const http = await connect()
    http.write("GET / HTTP/1.1\r\n\r\n")
    const long = await connect()
    long.write(Uint8Array.of(22, 3, 1, 0x10, 0, 1, 0, 0x10, 0))
    await eventually(() => http.closed && long.closed)
    const reasons = events.flatMap((one) => (one._tag === "HelloRefused" ? [one.reason] : []))
    assert.deepStrictEqual(reasons, [
      "not a handshake record (RFC 8446 5.1)",
      "longer than the limit (limit of this server)"
    ])
  })

  it.live("takes a ClientHello in pieces of any size", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.promise(() => start({}))
      // a relay that passes on what the client says octet by octet
      const relay = Net.createServer((from) => {
        const to = Net.connect(port, "127.0.0.1")
        to.setNoDelay(true)
        from.on("data", (data) => {
          for (const octet of data) to.write(Uint8Array.of(Number(octet)))
        })
        to.pipe(from)
        for (const one of [from, to]) one.on("error", () => one.destroy())
        from.on("close", () => to.destroy())
      })
      const through = yield* Effect.promise(() => listen(relay))
      stops.push(async () => relay.close())
      const { connection } = yield* Effect.scoped(good(through))
      assert.strictEqual(connection.peer.pskIdentity, "device")
    })
  )
})
