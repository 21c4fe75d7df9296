/**
 * `Datagrams` on `node:dgram`.
 *
 * @layer binding
 */
import * as Dgram from "node:dgram"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import { BindFailed, type BindOptions, type Datagram, type DatagramSocket, Datagrams } from "./Datagrams.ts"

const bind = Effect.fnUntraced(function* ({ host, port, waiting = 1024 }: BindOptions) {
  const queue = yield* Queue.dropping<Datagram>(waiting)
  const socket = yield* Effect.acquireRelease(
    Effect.callback<Dgram.Socket, BindFailed>((resume) => {
      const socket = Dgram.createSocket(host.includes(":") ? "udp6" : "udp4")
      socket.once("error", (cause) => {
        socket.close()
        resume(Effect.fail(new BindFailed({ host, port, cause })))
      })
      socket.bind({ address: host, port }, () => {
        socket.removeAllListeners("error")
        resume(Effect.succeed(socket))
      })
    }),
    (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
  )
  socket.on("error", () => undefined) // an ICMP answer to an earlier datagram
  socket.on("message", (octets, from) => {
    Queue.offerUnsafe(queue, { octets, address: from.address, port: from.port })
  })
  const bound: DatagramSocket = {
    port: socket.address().port,
    take: Queue.take(queue),
    send: ({ octets, address, port }) =>
      Effect.callback((resume) => {
        socket.send(octets, port, address, () => resume(Effect.void))
      })
  }
  return bound
})

/** UDP sockets of Node. */
export const layer: Layer.Layer<Datagrams> = Layer.succeed(Datagrams, { bind })
