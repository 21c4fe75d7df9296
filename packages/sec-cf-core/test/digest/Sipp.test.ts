import * as dgram from "node:dgram"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, it } from "@effect/vitest"
import { describePeer, freePort, run, temporaryFolder } from "@oma/peers"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import { Authorization, Challenge, DigestComputation, DigestServer } from "../../src/digest/index.ts"
import { hashes } from "./gate.ts"
import { type Vector, vectors } from "./support.ts"

/** SIPp's scenario of a REGISTER that answers an AKA challenge. K, OP and AMF are those of TS 35.208 set 3. */
const scenario = (input: Vector["input"]) => {
  const request = (sequence: number, extra: string) => `<send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:user1@home1.net>;tag=[call_number]
To: <sip:user1@home1.net>
Call-ID: [call_id]
CSeq: ${sequence} REGISTER
Contact: <sip:user1@[local_ip]:[local_port]>
${extra}Content-Length: 0

]]></send>`
  const keys = "aka_K=0xfec86ba6eb707ed08905757b1bb44b8f aka_OP=0xdbc59adcb6f9a0ef735477b7fadf8374 aka_AMF=0x725c"
  return `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register">
${request(1, "")}
<recv response="401" auth="true"></recv>
${request(2, `[authentication username=${input["username"]} ${keys}]\n`)}
<recv response="200"></recv>
</scenario>
`
}

describePeer("SIPp as an AKAv1-MD5 client of our digest", ["sipp"], () => {
  for (const { input, name } of vectors("digest-aka.json").filter(({ source }) => source.startsWith("SIPp"))) {
    it(`[SEC_CF-AUTH-001] ${name}`, async () => {
      const socket = dgram.createSocket("udp4")
      socket.bind(0, "127.0.0.1")
      await once(socket, "listening")
      const ha1 = DigestComputation.ha1(
        hashes.MD5,
        input["username"]!,
        input["realm"]!,
        Bytes.fromHex(input["passwordHex"]!)!
      )
      const verdicts: Array<string> = []
      socket.on("message", (message, from) => {
        const lines = message.toString("latin1").split("\r\n")
        const field = (wanted: string) =>
          lines.filter((line) => line.startsWith(`${wanted}: `)).map((line) => line.slice(wanted.length + 2))
        const [method, target] = lines[0]!.split(" ")
        const parsed = Result.getOrThrow(Authorization.parse(field("Authorization")))
        let status = "401 Unauthorized"
        if (parsed !== undefined) {
          const facts = { method: method!, target: target! }
          const rules = {
            realms: [input["realm"]!],
            algorithms: ["AKAv1-MD5"],
            qop: ["auth"],
            legacy: false,
            uri: "exact"
          } as const
          const examined = Result.getOrThrow(DigestServer.examine(rules, facts, parsed))
          const fresh = parsed.nonce === input["nonce"] ? "fresh" : "foreign"
          const verdict = DigestServer.judge(hashes, facts, examined, { ha1, known: true }, fresh)
          verdicts.push(verdict._tag)
          if (verdict._tag === "Proved") status = "200 OK"
        }
        const challenge = Challenge.encode({
          realm: input["realm"]!,
          nonce: input["nonce"]!,
          algorithm: "AKAv1-MD5",
          qop: ["auth"]
        })
        const answer = [
          `SIP/2.0 ${status}`,
          ...["Via", "From", "To", "Call-ID", "CSeq"].flatMap((wanted) =>
            field(wanted).map((value) => `${wanted}: ${value}`)
          ),
          ...(status.startsWith("401") ? [`WWW-Authenticate: ${Result.getOrThrow(challenge)}`] : []),
          "Content-Length: 0",
          "",
          ""
        ].join("\r\n")
        socket.send(answer, from.port, from.address)
      })
      const folder = temporaryFolder()
      fs.writeFileSync(path.join(folder, "register.xml"), scenario(input))
      const local = await freePort("udp")
      const args = [
        "-sf",
        "register.xml",
        "-m",
        "1",
        "-i",
        "127.0.0.1",
        "-p",
        String(local),
        `127.0.0.1:${socket.address().port}`,
        "-nostdin",
        "-timeout",
        "8s"
      ]
      const { code, output } = await run("sipp", args, { cwd: folder, env: { TERM: "dumb" } })
      socket.close()
      assert.strictEqual(code, 0, output.slice(-2000))
      assert.deepStrictEqual(verdicts, ["Proved"])
    })
  }
})
