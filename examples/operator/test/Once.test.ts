import { assert, describe, it } from "@effect/vitest"
import { runOperator } from "./operator.ts"

describe("npm start -- --once", () => {
  it("tells every story, all hold, and the log says why something was refused", { timeout: 90_000 }, async () => {
    const { code, stderr, stdout } = await runOperator("--once", "--port", "0", "--show-derivations")
    assert.deepStrictEqual(stdout.match(/^(FAIL|.*✗).*$/gm) ?? [], [], stderr)
    assert.strictEqual(code, 0)
    const [, held, all] = /(\d+) of (\d+) stories held/.exec(stdout) ?? []
    assert.strictEqual(held, all)
    for (const title of [
      "bootstraps with its card",
      "by HTTP Digest inside TLS",
      "by PSK-TLS",
      "SQN out of range",
      "a key that has ended",
      "asks for the key of another one",
      "a nonce count that was used already",
      "somebody changes AUTN",
      "an IMPI that the home network does not know"
    ]) {
      assert.match(stdout, new RegExp(`ok   GBA: .*${title}`))
    }
    for (const clause of [
      "TS 29.109 5.2: the NAF is entitled to the name that it gives",
      "TS 29.109 6.2: 5401 IDENTITY_UNKNOWN",
      "key expired  [TS 24.109 5.2]",
      "RFC 7616 3.4 nc, 5.5: each count of a nonce is good for one request",
      "RFC 7616 3.4.6: the response is the one computed here"
    ]) {
      assert.include(stderr, clause)
    }
    assert.match(stdout, /Ks_\(ext_\)NAF = HMAC-SHA-256\(Ks, S\).*\n {4}FC {9}01\n {4}P0 {9}6762612d6d65 0006/)
  })

  it("shows no derivation unless it is asked to, and fails where its servers cannot start", {
    timeout: 90_000
  }, async () => {
    const { code, stdout } = await runOperator("--once", "--port", "0")
    assert.strictEqual(code, 0)
    assert.notInclude(stdout, "HMAC-SHA-256(Ks")
    const refused = await runOperator("--once", "--port", "0", "--host", "192.0.2.1")
    assert.notStrictEqual(refused.code, 0)
  })
})
