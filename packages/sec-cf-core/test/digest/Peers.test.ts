import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { assert, it } from "@effect/vitest"
import { describePeer, freePort, type Peer, run, startPeer, temporaryFolder } from "@oma/peers"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Redacted, Result } from "effect"
import { afterAll, beforeAll } from "vitest"
import { Authorization, DigestAgent, type DigestAlgorithm, DigestComputation } from "../../src/digest/index.ts"
import { alice, type GateOptions, hashes, jason, memory, realm, services } from "./gate.ts"
import { startServer } from "./server.ts"

const curl = async (
  options: GateOptions,
  args: ReadonlyArray<string>,
  user: { readonly username: string; readonly password: string } = alice
) => {
  await using server = await startServer(services(memory), options)
  const url = (target: string) => `http://127.0.0.1:${server.port}${target}`
  const { stderr, stdout } = await run("curl", [
    "-sSv",
    "--digest",
    "-u",
    `${user.username}:${user.password}`,
    "-w",
    "\n%{http_code}",
    ...args.map((arg) => (arg.startsWith("/") ? url(arg) : arg))
  ])
  const sent = [...stderr.matchAll(/^> Authorization: (.*)$/gm)].map(
    (match) => Result.getOrThrow(Authorization.parse([match[1]!.trim()]))!
  )
  return { sent, text: stdout }
}

describePeer("curl --digest against our server", ["curl"], () => {
  for (const algorithm of ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"] as const) {
    it(`[SEC_CF-AUTH-001] ${algorithm}`, async () => {
      const { sent, text } = await curl({ algorithms: [algorithm] }, ["/simservs.xml?a=%20b"])
      assert.strictEqual(text, "hello alice\n200")
      assert.strictEqual(sent.at(-1)?.algorithm, algorithm)
    })
  }
  it("takes the first of two challenges, which is the stronger", async () => {
    const { sent, text } = await curl({}, ["/"])
    assert.strictEqual(text, "hello alice\n200")
    assert.strictEqual(sent.at(-1)?.algorithm, "SHA-256")
  })
  it("goes on with one nonce over several requests", async () => {
    const { sent, text } = await curl({}, ["/a", "/b", "/c"])
    assert.strictEqual(text, "hello alice\n200hello alice\n200hello alice\n200")
    assert.lengthOf(sent, 3)
  })
  it("sends a body", async () => {
    assert.strictEqual(
      (await curl({ qop: ["auth", "auth-int"] }, ["-X", "PUT", "--data-binary", "<a/>", "/doc"])).text,
      "hello alice\n200"
    )
  })
  it("hashes the user name when asked, and sends UTF-8", async () => {
    const { sent, text } = await curl({ userhash: true }, ["/"], jason)
    assert.strictEqual(text, `hello ${jason.username}\n200`)
    assert.strictEqual(sent.at(-1)?.userhash, true)
    assert.strictEqual((await curl({}, ["/"], jason)).text, `hello ${jason.username}\n200`)
  })
  it("[SEC_CF-AUTH-001] a wrong password and an unknown user are refused alike", async () => {
    assert.strictEqual((await curl({}, ["/"], { ...alice, password: "x" })).text, "\n401")
    assert.strictEqual((await curl({}, ["/"], { username: "nobody", password: "x" })).text, "\n401")
  })
  it("[SEC_CF-AUTH-004] what curl sent is refused when it is sent again", async () => {
    await using server = await startServer(services(memory))
    const url = `http://127.0.0.1:${server.port}/`
    const { stderr } = await run("curl", ["-sSv", "--digest", "-u", `${alice.username}:${alice.password}`, url])
    const field = /^> (Authorization: .*)$/m.exec(stderr)![1]!.trim()
    const again = await run("curl", ["-sS", "-i", "-H", field, url])
    assert.match(again.stdout, /^HTTP\/1.1 401 [\s\S]*stale=true/)
    assert.notInclude(again.stdout, "hello")
  })
})

/** One request with `node:http`. */
const send =
  (port: number, request: DigestAgent.AgentRequest, log: Array<string | undefined>, jar: http.Agent) =>
  (authorization: string | undefined): Effect.Effect<DigestAgent.AgentResponse> =>
    Effect.callback((resume) => {
      log.push(authorization)
      const headers = authorization === undefined ? {} : { Authorization: authorization }
      const outgoing = http.request(
        { host: "127.0.0.1", port, path: request.target, method: request.method, headers, agent: jar },
        async (response) => {
          const parts: Array<Uint8Array> = []
          for await (const part of response) parts.push(part)
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              challenges: response.headersDistinct["www-authenticate"] ?? [],
              info: response.headersDistinct["authentication-info"] ?? [],
              body: new Uint8Array(Buffer.concat(parts))
            })
          )
        }
      )
      outgoing.on("error", (error) => resume(Effect.die(error)))
      outgoing.end(request.body)
    })

describePeer("our client against Apache mod_auth_digest", ["apache2"], () => {
  let apache: Peer
  let port = 0
  const jar = new http.Agent({ keepAlive: true })

  beforeAll(async () => {
    port = await freePort()
    const folder = temporaryFolder({ unprivileged: true })
    fs.chmodSync(folder, 0o755)
    fs.mkdirSync(path.join(folder, "www"))
    fs.writeFileSync(path.join(folder, "www", "index.txt"), "served by apache\n")
    const ha1 = DigestComputation.ha1(hashes.MD5, alice.username, realm, alice.password)
    fs.writeFileSync(path.join(folder, "users"), `${alice.username}:${realm}:${ha1}\n`)
    const modules = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_digest"]
    const config = `
ServerRoot ${folder}
ServerName naf1.home1.net
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
Mutex file:${folder} default
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
DocumentRoot ${folder}/www
<Directory ${folder}/www>
  AuthType Digest
  AuthName "${realm}"
  AuthDigestProvider file
  AuthUserFile ${folder}/users
  AuthDigestDomain /
  Require valid-user
</Directory>
`
    fs.writeFileSync(path.join(folder, "httpd.conf"), config)
    apache = await startPeer({
      program: "apache2",
      args: ["-X", "-f", path.join(folder, "httpd.conf")],
      cwd: folder,
      ready: port,
      unprivileged: true
    })
  })
  afterAll(async () => {
    jar.destroy()
    await apache?.stop()
  })

  const ask = (
    password: string,
    requests: ReadonlyArray<DigestAgent.AgentRequest>,
    algorithms?: ReadonlyArray<DigestAlgorithm.DigestAlgorithm>
  ) =>
    Effect.gen(function* () {
      const log: Array<string | undefined> = []
      const agent = yield* DigestAgent.make({
        hashes,
        rules: { requireProof: true, ...(algorithms === undefined ? {} : { algorithms }) },
        credentials: DigestAgent.passwordCredentials(hashes, alice.username, Redacted.make(password))
      })
      const answers: Array<DigestAgent.Delivered<DigestAgent.AgentResponse>> = []
      for (const request of requests) answers.push(yield* agent.request(request, send(port, request, log, jar)))
      return { answers, log }
    }).pipe(Effect.provide(NodePrimitives.layer))

  const get = (target: string): DigestAgent.AgentRequest => ({
    origin: `http://127.0.0.1:${port}`,
    target,
    method: "GET"
  })

  it.effect(
    "[SEC_CF-AUTH-002] is let in, goes ahead with the next counts, and Apache proves that it knows the secret",
    () =>
      Effect.gen(function* () {
        const { answers, log } = yield* ask(alice.password, [
          get("/index.txt"),
          get("/index.txt?x=%2f"),
          get("/index.txt")
        ])
        for (const { response, serverProved } of answers) {
          assert.strictEqual(response.status, 200)
          assert.strictEqual(new TextDecoder().decode(response.body), "served by apache\n")
          assert.isTrue(serverProved)
        }
        assert.lengthOf(log, 4)
        assert.deepStrictEqual(
          log.slice(1).map((field) => Result.getOrThrow(Authorization.parse([field!]))!.nc),
          ["00000001", "00000002", "00000003"]
        )
      })
  )
  it.effect("a wrong password is refused once and not tried again", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* Effect.flip(ask("wrong", [get("/index.txt")])), { why: "credentials-refused" })
    })
  )
  it.effect("MD5 alone is not answered where the rules want more", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* Effect.flip(ask(alice.password, [get("/index.txt")], ["SHA-256"])), {
        why: "no-acceptable-challenge"
      })
    })
  )
  it.effect("Apache accepts an exact replay, which our gate refuses: the table of R9 bites", () =>
    Effect.gen(function* () {
      const { log } = yield* ask(alice.password, [get("/index.txt")])
      const again = yield* send(port, get("/index.txt"), [], jar)(log.at(-1))
      assert.strictEqual(again.status, 200)
    })
  )
})
