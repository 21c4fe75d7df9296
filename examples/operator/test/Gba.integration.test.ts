import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, it } from "@effect/vitest"
import { describePeer, run, temporaryFolder } from "@oma/peers"
import { type Bootstrapping, bootstrap, input, ksNaf } from "./handset.ts"
import { portOf, type Ready, startOperator } from "./operator.ts"

const password = (hex: string) => Buffer.from(hex, "hex").toString("base64")
/** TLS of curl, with the Ua identifier that goes with the suite. */
const suites = {
  "TLS 1.2": { args: ["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"], ua: "010001c02b" },
  "TLS 1.3": { args: ["--tlsv1.3", "--tls13-ciphers", "TLS_AES_256_GCM_SHA384"], ua: "0100011302" }
} as const

/** curl at the application server, under its name. */
const atNaf = async (
  { ca, endpoints, names }: Ready,
  { btid }: Bootstrapping,
  key: string,
  args: ReadonlyArray<string>,
  path = "/"
) =>
  (
    await run("curl", [
      ...["-sS", "-i", "-A", "handset/1 3gpp-gba", "--cacert", ca, "--digest", "-u", `${btid}:${password(key)}`],
      ...["--connect-to", `${names.naf}:443:127.0.0.1:${portOf(endpoints.naf)}`, ...args, `https://${names.naf}${path}`]
    ])
  ).stdout

const request = (name: string) => `GET /key HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`

/** openssl at the application server by PSK-TLS. */
const atNafPsk = async (
  { endpoints, names }: Ready,
  { btid }: Bootstrapping,
  key: string,
  version: "-tls1_2" | "-tls1_3"
) =>
  (
    await run(
      "openssl",
      [
        ...["s_client", "-connect", `127.0.0.1:${portOf(endpoints.nafPsk)}`, "-servername", names.nafPsk, version],
        ...["-psk", key, "-psk_identity", `3GPP-bootstrapping;${btid}`, "-cipher", "PSK-AES128-GCM-SHA256"],
        ...(version === "-tls1_3" ? ["-ciphersuites", "TLS_AES_128_GCM_SHA256"] : []),
        ...["-quiet", "-ign_eof"]
      ],
      { input: request(names.nafPsk), timeout: 5000 }
    )
  ).stdout

const flipped = (hex: string) => (hex.startsWith("0") ? "1" : "0") + hex.slice(1)

describePeer("curl, osmo-auc-gen and openssl at the operator", ["curl", "osmo-auc-gen", "openssl"], () => {
  it("[SEC_CF-AUTH-001, SEC_CF-KEM-001] bootstrap and use both application servers, before the operator is killed and after it started again", {
    timeout: 120_000
  }, async () => {
    const data = temporaryFolder()
    let made: Bootstrapping
    let keys: Readonly<Record<"tls12" | "tls13", string>>
    {
      await using operator = await startOperator(data, "--show-derivations")
      const { peer, ready } = operator
      const [subscriber] = ready.subscribers
      made = await bootstrap(ready, subscriber!)
      for (const { args, ua } of Object.values(suites)) {
        const key = await ksNaf(made, ready.names.naf, ua)
        const served = await atNaf(ready, made, key, args)
        assert.include(served, "HTTP/1.1 200")
        assert.include(served, `"subject": "${made.impi}"`)
        assert.include(served, "rspauth=")
        assert.notInclude(await atNaf(ready, made, flipped(key), args), "HTTP/1.1 200")
      }
      keys = {
        tls12: await ksNaf(made, ready.names.nafPsk, "01000100a8"),
        tls13: await ksNaf(made, ready.names.nafPsk, "0100000007")
      }
      for (const [key, version] of [
        [keys.tls12, "-tls1_2"],
        [keys.tls13, "-tls1_3"]
      ] as const) {
        const served = await atNafPsk(ready, made, key, version)
        assert.include(served, `"subject": "${made.impi}"`)
        assert.include(served, '"protocol": "psk-tls"')
        assert.notInclude(await atNafPsk(ready, made, flipped(key), version), "subject")
      }
      assert.notInclude(await atNafPsk(ready, { ...made, btid: `A${made.btid}` }, keys.tls12, "-tls1_2"), "subject")
      // what it shows of a derivation is what openssl was given
      const shown = peer.output().replace(/ +"[^"]*"|[^0-9a-f\n]/g, "")
      const s = Buffer.from(input(made, ready.names.nafPsk, "0100000007"))
      assert.include(peer.output(), `IMPI    ${Buffer.from(made.impi).toString("hex")}`)
      assert.include(shown, s.subarray(-21, -2).toString("hex"))
      await peer.kill()
    }
    await using again = await startOperator(data)
    const { ready } = again
    const { args, ua } = suites["TLS 1.2"]
    const key = await ksNaf(made, ready.names.naf, ua)
    assert.include(await atNaf(ready, made, key, args), `"subject": "${made.impi}"`)
    assert.include(await atNafPsk(ready, made, keys.tls12, "-tls1_2"), `"subject": "${made.impi}"`)
    assert.include(await atNafPsk(ready, made, keys.tls13, "-tls1_3"), `"subject": "${made.impi}"`)
    const next = await bootstrap(ready, ready.subscribers[0]!)
    assert.isAbove(next.sqn, made.sqn)
    assert.notStrictEqual(next.btid, made.btid)
  })

  it("store a document of supplementary services, and no other one", { timeout: 60_000 }, async () => {
    await using operator = await startOperator()
    const { ready } = operator
    const [mine, other] = ready.subscribers
    const made = await bootstrap(ready, mine!)
    const { args, ua } = suites["TLS 1.2"]
    const key = await ksNaf(made, ready.names.naf, ua)
    const folder = temporaryFolder()
    const pathOf = (impu: string) => `/simservs.ngn.etsi.org/users/${encodeURIComponent(impu)}/simservs.xml`
    let n = 0
    const put = (document: string, impu: string, ...more: ReadonlyArray<string>) => {
      const file = Path.join(folder, `${n++}.xml`)
      Fs.writeFileSync(file, document)
      const type = ["-H", "Content-Type: application/vnd.etsi.simservs+xml"]
      return atNaf(ready, made, key, [...args, "-T", file, ...type, ...more], pathOf(impu))
    }
    const document = (inside: string) =>
      `<?xml version="1.0"?><simservs xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap">${inside}</simservs>`
    const read = () => atNaf(ready, made, key, args, pathOf(mine!.impu))
    assert.include(await read(), "HTTP/1.1 404")
    const stored = await put(document("<a/>"), mine!.impu)
    assert.include(stored, "HTTP/1.1 201")
    const etag = /ETag: (\S+)/.exec(stored)![1]!
    assert.include(await read(), document("<a/>"))
    assert.include(await put(document("<b/>"), mine!.impu, "-H", 'If-Match: "no"'), "HTTP/1.1 412")
    assert.include(await put(document("<b/>"), mine!.impu, "-H", "If-None-Match: *"), "HTTP/1.1 412")
    assert.include(await put(document("<b/>"), mine!.impu, "-H", `If-Match: ${etag}`), "HTTP/1.1 200")
    assert.include(await put(document("<c>"), mine!.impu), "not-well-formed")
    assert.include(await put("<other/>", mine!.impu), "schema-validation-error")
    assert.include(await put(`<!DOCTYPE a [<!ENTITY b "c">]>${document("&b;")}`, mine!.impu), "not-well-formed")
    assert.include(await put(document("<a>".repeat(50) + "</a>".repeat(50)), mine!.impu), "HTTP/1.1 409")
    assert.include(await put(document("x".repeat(33_000)), mine!.impu), "HTTP/1.1 413")
    assert.include(await put(document("<a/>"), other!.impu), "HTTP/1.1 403")
    assert.include(await atNaf(ready, made, key, args, pathOf(other!.impu)), "HTTP/1.1 403")
    assert.include(await put(document("<a/>"), mine!.impu, "-H", "Content-Type: text/xml"), "HTTP/1.1 415")
    assert.include(await read(), document("<b/>"))
    assert.include(await atNaf(ready, made, key, [...args, "-X", "DELETE"], pathOf(mine!.impu)), "HTTP/1.1 200")
    assert.include(await read(), "HTTP/1.1 404")
  })

  it("[SEC_CF-SEC-002] get keys on Zn with a certificate for the name, and with no other", {
    timeout: 60_000
  }, async () => {
    await using operator = await startOperator()
    const { data, ready } = operator
    const made = await bootstrap(ready, ready.subscribers[1]!)
    const folder = temporaryFolder()
    const at = (name: string) => Path.join(folder, name)
    const name = "shop.example.org"
    await run("openssl", [
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("key.pem")],
      ...["-out", at("request.pem"), "-subj", "/CN=shop", "-addext", `subjectAltName=DNS:${name}`],
      ...["-addext", "extendedKeyUsage=clientAuth"]
    ])
    await run("openssl", [
      ...["x509", "-req", "-in", at("request.pem"), "-CA", ready.ca, "-CAkey", Path.join(data, "ca", "ca.private.pem")],
      ...[
        "-CAcreateserial",
        "-CAserial",
        at("serial"),
        "-copy_extensions",
        "copyall",
        "-days",
        "1",
        "-out",
        at("cert.pem")
      ]
    ])
    const ask = async (fqdn: string, ...args: ReadonlyArray<string>) =>
      run("curl", [
        ...["-sS", "-i", "--cacert", ready.ca, "-H", "Content-Type: application/json", ...args],
        ...["-d", JSON.stringify({ btId: made.btid, nafId: { nafFqdn: fqdn, uaSecProtId: "0100000002" } })],
        ready.endpoints.zn
      ])
    const certificate = ["--cert", at("cert.pem"), "--key", at("key.pem")]
    const given = await ask(name, ...certificate)
    assert.include(given.stdout, "HTTP/1.1 200")
    assert.include(given.stdout.toLowerCase(), await ksNaf(made, name, "0100000002"))
    assert.include((await ask(ready.names.naf, ...certificate)).stdout, "HTTP/1.1 403")
    assert.include((await ask(ready.names.bsf, ...certificate)).stdout, "HTTP/1.1 403")
    assert.notInclude((await ask(name)).stdout, "HTTP/1.1 200")
  })
})
