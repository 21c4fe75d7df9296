/**
 * What the tests of TLS share.
 *
 * @layer binding
 */
import { once } from "node:events"
import type * as Net from "node:net"

/** Listens on a free port of 127.0.0.1. */
export const listen = async (server: Net.Server): Promise<number> => {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}

/** Resolves when `holds` does, looking every few milliseconds; throws after two seconds. */
export const eventually = async (holds: () => boolean): Promise<void> => {
  for (let i = 0; i < 400; i++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error("did not come about")
}
