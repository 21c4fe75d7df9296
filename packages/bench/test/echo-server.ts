import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import type { Start } from "../src/index.ts"

export const start: Start = async (options) => {
  if (options["fail"] === true) throw new Error("no port for you")
  const server = Http.createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text
    })
    request.on("end", () => response.end(`${options["greeting"]} ${body}`))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections()
      server.close()
    }
  }
}
