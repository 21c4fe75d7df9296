/**
 * Free ports on the loopback address.
 *
 * @layer binding
 */
import * as Dgram from "node:dgram"
import { once } from "node:events"
import * as Net from "node:net"

/** Loopback, where every peer of a test listens. */
export const loopback = "127.0.0.1"

const given = new Set<string>()

const probe = async (protocol: "tcp" | "udp"): Promise<number> => {
  if (protocol === "udp") {
    const socket = Dgram.createSocket("udp4")
    socket.bind(0, loopback)
    await once(socket, "listening")
    const { port } = socket.address()
    socket.close()
    await once(socket, "close")
    return port
  }
  const server = Net.createServer()
  server.listen(0, loopback)
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}

/**
 * A port on 127.0.0.1 that was free a moment ago and that this process has not been given before.
 *
 * **Gotchas** Nothing holds it: another process may take it before the peer does. Where a program can pick a port itself
 * (port 0) and print it, let it.
 */
export const freePort = async (protocol: "tcp" | "udp" = "tcp"): Promise<number> => {
  for (;;) {
    const port = await probe(protocol)
    const key = `${protocol}/${port}`
    if (given.has(key)) continue
    given.add(key)
    return port
  }
}
