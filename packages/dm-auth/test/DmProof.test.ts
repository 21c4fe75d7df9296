import { assert, describe, it } from "@effect/vitest"
import { DmAuthAnswer, DmAuthPolicy, type DmAuthType, DmProof } from "../src/index.ts"

const { Proof } = DmProof
const nonce = Uint8Array.of(0, 1, 2)
const next = Uint8Array.of(9, 0, 9)
const tls: DmAuthPolicy.ConnectionFacts = { id: "1", integrity: true, confidentiality: true, peerVerified: true }
const open: DmAuthPolicy.ConnectionFacts = { id: "1", integrity: false, confidentiality: false, peerVerified: false }
const policy = DmAuthPolicy.defaultProof
const md5 = "syncml:auth-md5"
const shown = (type: DmAuthType.DmAuthType, attempts = 1) => Proof.Shown({ type, nonce, attempts })
const chal = (type: string, withNonce = true) => (withNonce ? { type, nonce: next } : { type })
const error = ({ proof }: DmProof.Judgement) => (proof._tag === "Failed" ? proof.error._tag : proof._tag)

describe("showing credentials", () => {
  it("[DM-CHAL-007] 212: no more credentials in this session; the nonce is for the next one", () => {
    const judged = DmProof.judge(shown(md5), { code: 212, chal: chal(md5) }, policy, open)
    assert.deepStrictEqual(judged, {
      proof: Proof.Accepted({ mode: "session", type: md5, nonce: next }),
      wait: false,
      keep: next
    })
    assert.isUndefined(DmProof.present(judged.proof, true)[1])
    const bare = DmProof.judge(shown(md5), { code: 212 }, policy, open)
    assert.isUndefined(bare.keep)
    assert.isUndefined(DmProof.present(bare.proof, true)[1])
  })

  it("[DM-CHAL-006] 200 without Chal: the next message carries the same credentials", () => {
    const judged = DmProof.judge(shown(md5), { code: 200 }, policy, open)
    assert.deepStrictEqual(DmProof.present(judged.proof, true)[1], { type: md5, nonce })
  })

  it("[DM-CHAL-003] 200 with Chal: again with the new nonce", () => {
    const judged = DmProof.judge(shown(md5), { code: 200, chal: chal(md5) }, policy, open)
    assert.deepStrictEqual(DmProof.present(judged.proof, true)[1], { type: md5, nonce: next })
    assert.strictEqual(judged.keep, next)
  })

  it("[DM-CRED-007] 401 and 407 with Chal: the demanded type with its nonce, twice at most", () => {
    for (const code of [401, 407]) {
      const judged = DmProof.judge(shown(md5), { code, chal: chal("syncml:auth-sha256") }, policy, open)
      const [again, presentation] = DmProof.present(judged.proof, false)
      assert.deepStrictEqual(presentation, { type: "syncml:auth-sha256", nonce: next })
      assert.isUndefined(judged.downgraded)
      const second = DmProof.judge(again, { code, chal: chal("syncml:auth-sha256") }, policy, open)
      assert.strictEqual(error(second), "WrongCredentials")
    }
  })

  it("407 for a message without credentials is no attempt", () => {
    const silent = Proof.Silent({ nonce: new Uint8Array(0) })
    const judged = DmProof.judge(silent, { code: 407, chal: chal(md5) }, policy, open)
    assert.deepStrictEqual(judged.proof, Proof.Asked({ type: md5, nonce: next, attempts: 0 }))
  })

  it("a challenge without nonce, or with one that does not decode, keeps the known one", () => {
    const judged = DmProof.judge(shown(md5), { code: 401, chal: chal(md5, false) }, policy, open)
    assert.deepStrictEqual(DmProof.present(judged.proof, false)[1], { type: md5, nonce })
    assert.isUndefined(judged.keep)
  })

  it("a weaker type is followed only where policy lets it pass, and then reported", () => {
    const to = (type: string, connection: DmAuthPolicy.ConnectionFacts, rules = policy) =>
      DmProof.judge(shown("syncml:auth-sha256"), { code: 401, chal: chal(type) }, rules, connection)
    assert.deepStrictEqual(to(md5, open).downgraded, { from: "syncml:auth-sha256", to: md5 })
    assert.deepStrictEqual(to("syncml:auth-basic", tls).downgraded, {
      from: "syncml:auth-sha256",
      to: "syncml:auth-basic"
    })
    assert.strictEqual(error(to("syncml:auth-basic", open)), "ChallengeBelowMinimum")
    assert.strictEqual(error(to("syncml:auth-basic", { ...tls, confidentiality: false })), "ChallengeBelowMinimum")
    assert.strictEqual(error(to("syncml:auth-basic", { ...tls, peerVerified: false })), "BasicInClear")
    const strict = { ...policy, minimum: DmAuthPolicy.strictMinimum }
    assert.strictEqual(error(to(md5, open, strict)), "ChallengeBelowMinimum")
    assert.strictEqual(error(to("syncml:auth-basic", tls, strict)), "ChallengeBelowMinimum")
    const lax = { ...policy, basicInClear: true, minimum: { ...policy.minimum, open: "syncml:auth-basic" as const } }
    assert.strictEqual(error(to("syncml:auth-basic", open, lax)), "Asked")
  })

  it("an unsupported type ends with its name; so does 401 or 407 without Chal", () => {
    const judged = DmProof.judge(shown(md5), { code: 401, chal: chal("syncml:auth-X509") }, policy, open)
    assert.deepInclude(judged.proof, { _tag: "Failed" })
    assert.strictEqual(error(judged), "UnsupportedChallenge")
    const none = { ...policy, types: [md5] as const }
    const sha = { code: 401, chal: chal("syncml:auth-sha256") }
    assert.strictEqual(error(DmProof.judge(shown(md5), sha, none, open)), "UnsupportedChallenge")
    assert.strictEqual(error(DmProof.judge(shown(md5), { code: 407 }, policy, open)), "ChalMissing")
  })

  it("the type stays for the session", () => {
    const accepted = Proof.Accepted({ mode: "message", type: md5, nonce })
    const other = { code: 200, chal: chal("syncml:auth-sha256") }
    assert.strictEqual(error(DmProof.judge(accepted, other, policy, open)), "TypeChanged")
    assert.strictEqual(error(DmProof.judge(accepted, { ...other, code: 401 }, policy, open)), "TypeChanged")
    assert.strictEqual(error(DmProof.judge(shown(md5), other, policy, open)), "TypeChanged")
  })

  it("[DM-MAC-001] under MAC 212, or 200 without the next nonce, breaks the session", () => {
    const mac = "syncml:auth-MAC"
    const good = DmProof.judge(shown(mac), { code: 200, chal: chal(mac) }, policy, open)
    assert.deepStrictEqual(DmProof.present(good.proof, true)[1], { type: mac, nonce: next })
    for (const status of [
      { code: 212, chal: chal(mac) },
      { code: 212 },
      { code: 200 },
      { code: 200, chal: chal(mac, false) },
      { code: 200, chal: chal(md5) }
    ]) {
      assert.strictEqual(error(DmProof.judge(shown(mac), status, policy, open)), "MacSessionBroken")
    }
  })

  it("101 waits; 0 and unknown codes are not authenticated; 403 and its kin end it", () => {
    assert.deepStrictEqual(DmProof.judge(shown(md5), { code: 101 }, policy, open), { proof: shown(md5), wait: true })
    for (const code of [0, 1, 202, 213, 404, 418, 999]) {
      const judged = DmProof.judge(shown(md5), { code }, policy, open)
      assert.deepStrictEqual(judged.proof, Proof.Asked({ type: md5, nonce, attempts: 1 }))
      assert.strictEqual(error(DmProof.judge(shown(md5, 2), { code }, policy, open)), "WrongCredentials")
      const silent = Proof.Silent({ nonce, offer: md5 })
      assert.deepStrictEqual(DmProof.judge(silent, { code }, policy, open).proof, silent)
    }
    for (const code of DmAuthAnswer.notAboutCredentials) {
      assert.strictEqual(error(DmProof.judge(shown(md5), { code }, policy, open)), "PeerRefused")
    }
  })

  it("every proof answers every status", () => {
    const proofs: ReadonlyArray<DmProof.Proof> = [
      Proof.Silent({ nonce }),
      Proof.Silent({ nonce, offer: md5 }),
      Proof.Asked({ type: md5, nonce, attempts: 1 }),
      shown(md5),
      shown("syncml:auth-MAC"),
      shown("syncml:auth-basic"),
      Proof.Accepted({ mode: "session", nonce }),
      Proof.Accepted({ mode: "session", type: md5, nonce }),
      Proof.Accepted({ mode: "message", type: md5, nonce })
    ]
    const chals = [undefined, chal(md5), chal("syncml:auth-basic", false), chal("syncml:auth-X509"), chal("")]
    for (const proof of proofs) {
      for (const code of [Number.NaN, -1, 0, 101, 200, 212, 401, 403, 407, 500, 1e9]) {
        for (const one of chals) {
          const judged = DmProof.judge(proof, one === undefined ? { code } : { code, chal: one }, policy, open)
          const [after] = DmProof.present(judged.proof, true)
          if (code !== 200 && code !== 212 && code !== 101 && proof._tag !== "Accepted") {
            assert.notStrictEqual(after._tag, "Accepted")
          }
        }
      }
      const failed = DmProof.judge(proof, { code: 403 }, policy, open).proof
      assert.strictEqual(DmProof.judge(failed, { code: 212 }, policy, open).proof, failed)
      assert.isUndefined(DmProof.present(failed, true)[1])
    }
  })

  it("nothing weaker than policy is offered unasked", () => {
    const offer = (
      connection: DmAuthPolicy.ConnectionFacts,
      types: DmAuthPolicy.ProofPolicy["types"],
      preferred?: DmAuthType.DmAuthType
    ) => {
      const proof = DmProof.initial({ ...policy, types }, connection, nonce, preferred)
      return proof._tag === "Silent" ? proof.offer : undefined
    }
    assert.strictEqual(offer(open, policy.types), "syncml:auth-sha256")
    assert.strictEqual(offer(open, policy.types, md5), md5)
    assert.isUndefined(offer(open, ["syncml:auth-basic"]))
    assert.strictEqual(offer(open, ["syncml:auth-basic", md5], "syncml:auth-basic"), md5)
    assert.strictEqual(offer(tls, ["syncml:auth-basic"]), "syncml:auth-basic")
    assert.deepStrictEqual(DmProof.initial({ ...policy, first: false }, open, nonce), Proof.Silent({ nonce }))
    assert.isUndefined(DmProof.present(Proof.Silent({ nonce, offer: md5 }), false)[1])
  })
})
