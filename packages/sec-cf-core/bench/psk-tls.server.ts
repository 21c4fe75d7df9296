/**
 * The servers that `psk-tls.bench.ts` measures: ours with a million keys, and two on bare `node:tls`.
 *
 * @layer binding
 */
import { constants, X509Certificate } from "node:crypto"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Tls from "node:tls"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { openDevelopmentCa, pskTable, TlsProfile, tlsServer } from "../src/tls/index.ts"

/** How many keys there are, and how the one of an index is named and made. */
export const identities = 1_000_000
export const identityOf = (index: number): string =>
  `3GPP-bootstrapping;${Buffer.from(`rand of ${index}`.padEnd(16)).toString("base64")}@bsf.ims.mnc001.mcc001.pub.3gppnetwork.org`
export const keyOf = (index: number): Uint8Array => {
  const key = Buffer.alloc(32, 0x5a)
  key.writeUInt32BE(index, 0)
  return key
}
export const suite = "PSK-AES128-GCM-SHA256"

/** One suite of TLS 1.2, so that both sides do the same cryptography. */
const oneSuite = (): TlsProfile.TlsProfile => {
  const profile = TlsProfile.psk({ maxVersion: "TLSv1.2" })
  return { ...profile, suites: profile.suites.filter(({ openssl }) => openssl === suite) }
}

const ours = (version: unknown, boundKeys: boolean) => {
  const table = pskTable(identities)
  for (let i = 0; i < identities; i++) table.set(identityOf(i), keyOf(i))
  const profile = version === "1.3" ? TlsProfile.psk() : oneSuite()
  return tlsServer({ profile, psk: { lookup: table.get, boundKeys, hint: "3GPP-bootstrapping" } }, (socket) => {
    socket.on("error", () => undefined)
    socket.end("x")
  }).server
}

const answer = (socket: Tls.TLSSocket): void => {
  socket.on("error", () => undefined)
  socket.end("x")
}

const constant = (version: unknown) => {
  const key = keyOf(0)
  return Tls.createServer(
    {
      minVersion: version === "1.3" ? "TLSv1.3" : "TLSv1.2",
      maxVersion: version === "1.3" ? "TLSv1.3" : "TLSv1.2",
      ciphers: version === "1.3" ? "TLS_AES_128_GCM_SHA256" : suite,
      secureOptions: constants.SSL_OP_NO_TICKET,
      pskIdentityHint: "3GPP-bootstrapping",
      pskCallback: () => key
    },
    answer
  )
}

const certificate = async () => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "oma-bench-"))
  const now = Date.now()
  const made = await Effect.runPromise(
    Effect.flatMap(openDevelopmentCa(folder, now), (ca) => ca.issue({ label: "server", names: ["localhost"] }, now))
  )
  Fs.rmSync(folder, { recursive: true })
  if (new X509Certificate(made.certificate).publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new Error("not a P-256 certificate")
  }
  const key = Redacted.value(made.key)
  return Tls.createServer(
    { minVersion: "TLSv1.3", cert: made.certificate, key, ciphers: "TLS_AES_128_GCM_SHA256" },
    answer
  )
}

export const start = async ({ kind, version, bound }: Readonly<Record<string, unknown>>) => {
  const server =
    kind === "ours" ? ours(version, bound === true) : kind === "constant" ? constant(version) : await certificate()
  server.on("tlsClientError", (error) => console.error(error.message))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return {
    port: address.port,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve()))
  }
}
