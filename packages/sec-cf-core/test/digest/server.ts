import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { Connection } from "@oma/sa-policy"
import { Effect, type Layer, ManagedRuntime } from "effect"
import { type DigestAuthenticator, DigestVerifiers, NodeDigestRequest } from "../../src/digest/index.ts"
import { type GateOptions, guardOf, hashes, provision, realm, type Services } from "./gate.ts"

export interface TestServer extends AsyncDisposable {
  readonly port: number
}

const read = async (request: http.IncomingMessage): Promise<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  for await (const part of request) parts.push(part)
  return new Uint8Array(Buffer.concat(parts))
}

/** A small server on `node:http` behind the gate; it answers `hello <subject>`. */
export const startServer = async (layer: Layer.Layer<Services>, options: GateOptions = {}): Promise<TestServer> => {
  const runtime = ManagedRuntime.make(layer)
  const guard = await runtime.runPromise(
    Effect.gen(function* () {
      yield* Effect.ignore(provision)
      const verifiers = yield* DigestVerifiers.fromAccounts("test")
      return yield* guardOf({ enabler: "test", interface: "ua", realm, verifiers, hashes, ...options })
    })
  )
  const connection = Connection.inProcess("http")
  const server = http.createServer(async (request, response) => {
    const body = await read(request)
    const admission = await runtime.runPromise(
      guard.admit(connection, NodeDigestRequest.facts(request, body), NodeDigestRequest.credentials(request))
    )
    if (admission._tag === "Challenge") {
      const fields = admission.challenges.flatMap((challenge: DigestAuthenticator.DigestChallenges) => challenge.fields)
      response.writeHead(401, { "WWW-Authenticate": [...fields], "Content-Length": 0 }).end()
    } else if (admission._tag !== "Admitted" || admission.identity._tag !== "Authenticated") {
      response.writeHead(admission._tag === "Refused" && admission.reason === "malformed" ? 400 : 403).end()
    } else {
      const said = Buffer.from(`hello ${admission.identity.subject}`)
      const info = await runtime.runPromise(admission.reply!.authenticationInfo(said))
      response.writeHead(200, { "Authentication-Info": info, "Content-Length": said.length }).end(said)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await runtime.dispose()
    }
  }
}
