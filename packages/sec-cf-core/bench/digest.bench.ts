/**
 * Requests that are authenticated by Digest (MD5, qop=auth, each count once, with the server's proof) by the processor time of the
 * server, against bare `node:http` and against Apache mod_auth_digest, which keeps no counts; the first exchange (401 and 200); and
 * the pure judgement against the two hashes that it needs.
 */
import { hash } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Bench, type Comparison, connect, forkServer, load, processTreeCpu, type Server, work } from "@oma/bench"
import { findProgram, freePort, startPeer, temporaryFolder } from "@oma/peers"
import * as Result from "effect/Result"
import { Authorization, Challenge, DigestComputation, DigestServer, NodeDigestHash } from "../src/digest/index.ts"
import { realm, said, user } from "./digest.server.ts"

const hashes = NodeDigestHash.hashes
const path = "/index.txt"
const cnonce = "NTdmZTliZDI1NTgxYTg5N2FhZjI5YjFi"
const ha1 = (algorithm: "MD5" | "SHA-256") =>
  DigestComputation.ha1(hashes[algorithm], user.username, realm, user.password)

const answer = (algorithm: "MD5" | "SHA-256", nonce: string, count: number): string => {
  const quality = { qop: "auth", nc: DigestComputation.ncText(count), cnonce } as const
  const ha2 = DigestComputation.ha2(hashes[algorithm], "GET", path, undefined)
  const response = DigestComputation.response(hashes[algorithm], ha1(algorithm), nonce, quality, ha2)
  const { username } = user
  return Result.getOrThrow(Authorization.encode({ username, realm, nonce, uri: path, algorithm, response, ...quality }))
}

const judgement = (algorithm: "MD5" | "SHA-256", atLeast: number): Comparison => {
  const nonce = "A".repeat(60)
  const key = ha1(algorithm)
  // as a server receives them: one flat string each
  const fields = Array.from({ length: 256 }, (_, i) => Buffer.from(answer(algorithm, nonce, i + 1)).toString("latin1"))
  const rules = { realms: [realm], algorithms: [algorithm], qop: ["auth"], legacy: false, uri: "exact" } as const
  const facts = { method: "GET", target: path }
  const name = algorithm === "MD5" ? "md5" : "sha256"
  let i = 0
  const judge = (field: string) => {
    const parsed = Result.getOrThrow(Authorization.parse([field]))!
    const examined = Result.getOrThrow(DigestServer.examine(rules, facts, parsed))
    return DigestServer.judge(hashes, facts, examined, { ha1: key, known: true }, "fresh")
  }
  const bare = (count: number) => {
    const ha2 = hash(name, `GET:${path}`, "hex")
    return hash(name, `${key}:${nonce}:${DigestComputation.ncText(count)}:${cnonce}:auth:${ha2}`, "hex")
  }
  return {
    goal: "digest",
    name: `${algorithm}: parse, examine and judge credentials, against the two hashes alone`,
    atLeast,
    ours: work(() => judge(fields[i++ & 255]!), { millis: 400 }),
    baseline: work(() => bare((i++ & 255) + 1), { millis: 400 }),
    check: () => {
      fields.forEach((field, n) => {
        if (judge(field)._tag !== "Proved" || !field.includes(bare(n + 1))) throw new Error("a good answer is refused")
      })
      for (let n = 0; n < 50_000; n++) judge(fields[n & 255]!)
      if (judge(answer(algorithm, "B".repeat(60), 1).replace("B", "A"))._tag === "Proved")
        throw new Error("a bad one passes")
    }
  }
}

/** Apache with mod_auth_digest in its fastest form: one process, threads, no log. */
const apache = async (): Promise<Server> => {
  const folder = temporaryFolder({ unprivileged: true })
  const www = Path.join(folder, "www")
  Fs.chmodSync(folder, 0o755)
  Fs.mkdirSync(www)
  Fs.writeFileSync(Path.join(www, path), said)
  Fs.writeFileSync(Path.join(folder, "users"), `${user.username}:${realm}:${ha1("MD5")}\n`)
  const port = await freePort()
  const modules = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_digest"]
  const config = Path.join(folder, "httpd.conf")
  Fs.writeFileSync(
    config,
    `ServerRoot ${folder}
ServerName naf1.home1.net
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
Mutex file:${folder} default
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
LogLevel crit
${modules.map((each) => `LoadModule ${each}_module /usr/lib/apache2/modules/mod_${each}.so`).join("\n")}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
DocumentRoot ${www}
<Directory ${www}>
  AuthType Digest
  AuthName "${realm}"
  AuthDigestProvider file
  AuthUserFile ${folder}/users
  AuthDigestNonceLifetime 3600
  Require valid-user
</Directory>
`
  )
  const args = ["-D", "FOREGROUND", "-f", config]
  const peer = await startPeer({ program: "apache2", args, cwd: folder, ready: port, unprivileged: true })
  return { port, cpu: async () => processTreeCpu(peer.pid), stop: peer.stop }
}

type Connected = ReturnType<typeof connect>

const challengeOf = async (connection: Connected): Promise<string> => {
  const { headers, status } = await connection.request({ path })
  const challenges = Result.getOrThrow(Challenge.parse([headers["www-authenticate"] ?? ""]))
  if (status !== 401) throw new Error(`${status} without credentials`)
  return challenges[0]!.digest!.nonce
}

/** Requests on one nonce a connection. */
const authenticated = () => {
  const used = new Map<number, { readonly nonce: string; count: number }>()
  return async (connection: Connected): Promise<number> => {
    const known = used.get(connection.number)
    const use = known ?? { nonce: await challengeOf(connection), count: 0 }
    if (known === undefined) used.set(connection.number, use)
    const headers = { authorization: answer("MD5", use.nonce, ++use.count) }
    const { body, status } = await connection.request({ path, headers })
    if (status !== 200 || body.length !== said.length) throw new Error(`${status} with credentials`)
    return 1
  }
}

/** A challenge and its answer. */
const first = async (connection: Connected): Promise<number> => {
  const nonce = await challengeOf(connection)
  const { status } = await connection.request({ path, headers: { authorization: answer("MD5", nonce, 1) } })
  if (status !== 200) throw new Error(`${status} with credentials`)
  return 2
}

const plain = async (connection: Connected): Promise<number> => {
  const { status } = await connection.request({ path })
  if (status !== 200) throw new Error(`${status} from the bare server`)
  return 1
}

/** Whether a server lets in whom it should and nobody else; warms it at the same time. */
const proved = async (server: Server): Promise<void> => {
  const connection = connect(server.port, 0)
  const nonce = await challengeOf(connection)
  const good = await connection.request({ path, headers: { authorization: answer("MD5", nonce, 1) } })
  const bad = await connection.request({
    path,
    headers: { authorization: answer("MD5", nonce, 4_000).replace('"alice"', '"bob"') }
  })
  for (let count = 2; count < 4_000; count++) {
    await connection.request({ path, headers: { authorization: answer("MD5", nonce, count) } })
  }
  connection.close()
  if (good.body.toString() !== said || good.headers["authentication-info"] === undefined || bad.status !== 401) {
    throw new Error("a server does not authenticate")
  }
}

const module = new URL("./digest.server.ts", import.meta.url)

const compare = async (
  name: string,
  atLeast: number,
  other: () => Promise<Server>,
  exchanges: readonly [
    ours: () => (connection: Connected) => Promise<number>,
    other: () => (connection: Connected) => Promise<number>
  ],
  millis: number
): Promise<Comparison> => {
  const [ours, baseline] = await Promise.all([forkServer(module, { kind: "ours" }), other()])
  return {
    goal: "P4",
    name,
    atLeast,
    ours: load(ours, { connections: 1, exchange: exchanges[0](), millis }),
    baseline: load(baseline, { connections: 1, exchange: exchanges[1](), millis }),
    check: async () => {
      await proved(ours)
      if (exchanges[1]() !== plain) await proved(baseline)
      else {
        const connection = connect(baseline.port, 0)
        for (let n = 0; n < 4_000; n++) await plain(connection)
        connection.close()
      }
    },
    end: async () => {
      await Promise.all([ours.stop(), baseline.stop()])
    }
  }
}

const bench: Bench = async () => {
  const bare = () => forkServer(module, { kind: "bare" })
  return [
    judgement("MD5", 0.2),
    judgement("SHA-256", 0.2),
    await compare(
      "Digest requests, replay-safe, against bare node:http",
      0.55,
      bare,
      [authenticated, () => plain],
      600
    ),
    ...(findProgram("apache2") === undefined
      ? []
      : [
          await compare(
            "Digest requests, replay-safe, against Apache mod_auth_digest",
            2.5,
            apache,
            [authenticated, authenticated],
            1500
          ),
          await compare(
            "first exchange by Digest, 401 and 200, against Apache",
            2,
            apache,
            [() => first, () => first],
            1500
          )
        ])
  ]
}
export default bench
