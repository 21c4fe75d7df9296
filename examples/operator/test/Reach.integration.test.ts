import { assert, it } from "@effect/vitest"
import { describePeer, run } from "@oma/peers"
import { portOf, startOperator } from "./operator.ts"

describePeer("every server of the operator", ["curl", "openssl"], () => {
  it("answers curl, with a certificate of the development CA for its name", { timeout: 90_000 }, async () => {
    await using operator = await startOperator()
    const { ready } = operator
    const names: Readonly<Record<string, string>> = ready.names
    for (const [place, url] of Object.entries(ready.endpoints)) {
      // application servers by PSK-TLS have no certificate, and Zn lets in who shows one only
      if (place === "nafPsk" || place === "zn") continue
      const { code, stdout } = await run("curl", [
        "-sS",
        "--cacert",
        ready.ca,
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        url
      ])
      assert.strictEqual(code, 0, place)
      assert.match(stdout, /^[2345]\d\d$/, place)
      if (!url.startsWith("https:")) continue
      const name = names[place] ?? names[place.replace(/Tls$/, "")] ?? "localhost"
      const shown = await run("openssl", [
        ...["s_client", "-connect", `127.0.0.1:${portOf(url)}`, "-servername", name, "-CAfile", ready.ca],
        ...["-verify_return_error", "-verify_hostname", name, "-brief"]
      ])
      assert.include(shown.output, "Verification: OK", place)
    }
    const handshake = (...args: ReadonlyArray<string>) =>
      run("openssl", ["s_client", "-connect", `127.0.0.1:${portOf(ready.endpoints.nafPsk)}`, "-brief", ...args])
    const stranger = await handshake("-psk", "00".repeat(32), "-psk_identity", "3GPP-bootstrapping;AAAA@bsf", "-tls1_2")
    assert.match(stranger.output, /unknown psk identity/i)
    const withoutKey = await handshake("-tls1_2")
    assert.match(withoutKey.output, /handshake failure/i)
    const { stdout, stderr } = await run("curl", ["-sS", "-i", "--cacert", ready.ca, ready.endpoints.zn])
    assert.notInclude(stdout, "HTTP/1.1 200", stderr)
  })

  it("offers nothing to a client that says nothing of GBA, and a challenge to one that does", {
    timeout: 60_000
  }, async () => {
    await using operator = await startOperator()
    const { ready } = operator
    const ask = async (...args: ReadonlyArray<string>) =>
      (await run("curl", ["-sS", "-i", "--cacert", ready.ca, ...args, ready.endpoints.naf])).stdout
    assert.include(await ask(), "HTTP/1.1 403")
    const challenged = await ask("-A", "handset/1 3gpp-gba")
    assert.include(challenged, "HTTP/1.1 401")
    assert.include(challenged, `realm="3GPP-bootstrapping@${ready.names.naf}"`)
  })
})
