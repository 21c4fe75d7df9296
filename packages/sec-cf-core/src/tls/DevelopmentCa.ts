/**
 * A certification authority for development: made at first use in a folder of yours, kept over restarts, so that every server
 * of a test set-up has a certificate that one file verifies.
 *
 * **Gotchas** Whoever reads its key can be any server towards those who trust it. Never give its certificate to a device that
 * is used for anything else, and never use it in production.
 *
 * @layer binding
 */
import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { decodeAlternativeNames } from "./CertificateNames.ts"
import { createSecret, readSecret, replaceFile } from "./SecretFile.ts"
import type { ServerCertificate } from "./ServerOptions.ts"

/** The folder or a file in it cannot be used. */
export class CaFailure extends Data.TaggedError("CaFailure")<{
  readonly path: string
  readonly detail: string
}> {
  override get message(): string {
    return `${this.path}: ${this.detail}`
  }
}

export interface CertificateRequest {
  /** The name of the file: lower-case letters, digits and hyphens. */
  readonly label: string
  /** Host names, addresses and URIs, told apart by their form; all become subject alternative names. */
  readonly names: ReadonlyArray<string>
  /** `server` unless said otherwise. */
  readonly use?: "server" | "client"
}

export interface DevelopmentCa {
  /** The certificate to trust, in PEM form. */
  readonly certificate: string
  /** The file that it is in, for `curl --cacert`. */
  readonly file: string
  /**
   * A certificate for the names, valid at `now` (milliseconds since 1970): that of the folder as long as it is of this
   * authority, has these names and a third of its 90 days left; else a new one.
   */
  readonly issue: (request: CertificateRequest, now: number) => Effect.Effect<ServerCertificate, CaFailure>
}

const day = 86_400_000
const caDays = 3650
const leafDays = 90
const hour = 3_600_000

/** The names of a server on this machine. */
export const loopbackNames: ReadonlyArray<string> = ["localhost", "127.0.0.1", "::1"]

interface Pair {
  readonly certificate: X509Certificate
  readonly certificatePem: string
  readonly key: KeyObject
  readonly keyPem: string
}

const readPair = (text: string): Pair => {
  const at = text.indexOf("-----BEGIN CERTIFICATE-----")
  if (at < 0) throw new Error("no certificate in it")
  const certificatePem = text.slice(at)
  const keyPem = text.slice(0, at)
  const certificate = new X509Certificate(certificatePem)
  const key = createPrivateKey(keyPem)
  if (!certificate.checkPrivateKey(key)) throw new Error("key and certificate do not belong together")
  return { certificate, certificatePem, key, keyPem }
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }

// loaded when a certificate is made: it costs more to load than all the rest of this folder
const library = async () => {
  await import("reflect-metadata")
  return import("@peculiar/x509")
}

const pairText = async (certificatePem: string, key: webcrypto.CryptoKey): Promise<string> => {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key))
  const keyPem = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" })
  der.fill(0)
  return `${keyPem.toString()}${certificatePem.trimEnd()}\n`
}

const makeCa = async (now: number): Promise<string> => {
  const x509 = await library()
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: ["OMA SDK"] }, { CN: [`development CA, ${new Date(now).toISOString().slice(0, 10)}`] }],
    notBefore: new Date(now - hour),
    notAfter: new Date(now + caDays * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return pairText(certificate.toString("pem"), keys.privateKey)
}

const nameType = (name: string): "ip" | "url" | "dns" =>
  Net.isIP(name) !== 0 ? "ip" : name.includes(":") ? "url" : "dns"

const makeLeaf = async (ca: Pair, request: CertificateRequest, now: number): Promise<string> => {
  const x509 = await library()
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
  const der = ca.key.export({ format: "der", type: "pkcs8" })
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"])
  der.fill(0)
  const issuer = new x509.X509Certificate(ca.certificatePem)
  const purpose = request.use === "client" ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ O: ["OMA SDK"] }, { CN: [request.label] }],
    issuer: issuer.subjectName,
    notBefore: new Date(now - hour),
    notAfter: new Date(Math.min(now + leafDays * day, Date.parse(ca.certificate.validTo))),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([purpose]),
      new x509.SubjectAlternativeNameExtension(request.names.map((value) => ({ type: nameType(value), value }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer)
    ]
  })
  return pairText(certificate.toString("pem"), keys.privateKey)
}

/** Whether a certificate is good for at least `margin` milliseconds after `now`. */
const lasts = (certificate: X509Certificate, now: number, margin: number): boolean =>
  Date.parse(certificate.validFrom) <= now && Date.parse(certificate.validTo) - margin > now

const sameAddress = (a: string, b: string): boolean => (Net.isIPv6(a) ? expand(a) === expand(b) : a === b)

// Node prints IPv6 addresses of certificates without abbreviation
const expand = (address: string): string => {
  const [head = "", tail] = address.toLowerCase().split("::")
  const left = head === "" ? [] : head.split(":")
  const right = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0")
  return [...left, ...zeros, ...right].map((group) => group.replace(/^0+(?=.)/, "")).join(":")
}

const serves = (ca: Pair, leaf: Pair, request: CertificateRequest, now: number): boolean => {
  const { dnsNames, uris, addresses } = decodeAlternativeNames(leaf.certificate.subjectAltName)
  const purpose = request.use === "client" ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1"
  const has = (name: string): boolean => {
    const type = nameType(name)
    if (type === "ip") return addresses.some((address) => sameAddress(name, address))
    return type === "url" ? uris.includes(name) : dnsNames.includes(name.toLowerCase())
  }
  return (
    leaf.certificate.verify(ca.certificate.publicKey) &&
    lasts(leaf.certificate, now, (leafDays / 3) * day) &&
    leaf.certificate.keyUsage.includes(purpose) &&
    dnsNames.length + uris.length + addresses.length === request.names.length &&
    request.names.every(has)
  )
}

const attempt = <A>(path: string, work: () => Promise<A>): Effect.Effect<A, CaFailure> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => new CaFailure({ path, detail: cause instanceof Error ? cause.message : String(cause) })
  })

/**
 * Opens the authority of `folder`, which is made where it is missing, at the time `now` (milliseconds since 1970). One that
 * ends within 90 days is replaced: those who trust it then need the new file.
 *
 * Its key lies in `ca.private.pem`, mode 0600, its certificate in `ca.pem` as well. Two processes that start at once get the same.
 */
export const openDevelopmentCa = Effect.fnUntraced(function* (folder: string, now: number) {
  const file = Path.join(folder, "ca.pem")
  const secret = Path.join(folder, "ca.private.pem")
  yield* attempt(folder, () => Fs.mkdir(folder, { recursive: true, mode: 0o700 }))
  const ca = yield* attempt(secret, async () => {
    const old = await readSecret(secret)
    if (old !== undefined) {
      const pair = readPair(old)
      if (lasts(pair.certificate, now, leafDays * day)) return pair
      const text = await makeCa(now)
      await replaceFile(secret, text)
      return readPair(text)
    }
    const text = await makeCa(now)
    if (await createSecret(secret, text)) return readPair(text)
    const first = await readSecret(secret)
    if (first === undefined) throw new Error("was there and is gone")
    return readPair(first)
  })
  yield* attempt(file, async () => {
    const old = await Fs.readFile(file, "utf8").catch(() => undefined)
    if (old !== ca.certificatePem) await replaceFile(file, ca.certificatePem, 0o644)
  })

  const issue = (request: CertificateRequest, at: number): Effect.Effect<ServerCertificate, CaFailure> => {
    const path = Path.join(folder, `${request.label}.private.pem`)
    return attempt(path, async () => {
      if (!/^[a-z0-9-]{1,64}$/.test(request.label) || request.label === "ca") throw new Error("not a label")
      if (request.names.length === 0) throw new Error("a certificate without names is nobody's")
      const old = await readSecret(path)
      let pair = old === undefined ? undefined : readPair(old)
      if (pair === undefined || !serves(ca, pair, request, at)) {
        const text = await makeLeaf(ca, request, at)
        await replaceFile(path, text)
        pair = readPair(text)
      }
      return { certificate: pair.certificatePem, key: Redacted.make(pair.keyPem, { label: "private key" }) }
    })
  }
  return { certificate: ca.certificatePem, file, issue } satisfies DevelopmentCa
})

/**
 * Keeps a certificate fresh: gives it to `use` now and again whenever it was renewed, looking every hour. Runs until it is
 * interrupted.
 */
export const keepCertificate = Effect.fnUntraced(function* (
  ca: DevelopmentCa,
  request: CertificateRequest,
  use: (certificate: ServerCertificate) => void,
  every: Duration.Input = "1 hour"
) {
  let last: string | undefined
  for (;;) {
    const certificate = yield* ca.issue(request, yield* Clock.currentTimeMillis)
    if (certificate.certificate !== last) use(certificate)
    last = certificate.certificate
    yield* Effect.sleep(every)
  }
})
