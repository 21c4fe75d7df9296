import { once } from "node:events"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { afterAll, beforeAll } from "vitest"
import { Challenge } from "../../src/digest/index.ts"
import { type Answer, answer } from "./answers.ts"
import { memory, services } from "./gate.ts"
import { startServer, type TestServer } from "./server.ts"

/** What a raw request asks for: the lines between the request line and the empty line, and the body. */
interface Raw {
  readonly line?: string
  readonly fields: ReadonlyArray<string>
  readonly body?: string
}
type Status = "200" | "400" | "401" | "401 stale" | "refused"
/** Name, the clause that decides, what the server says, the request. `refused`: 400 or a closed connection, from Node's parser. */
type Row = readonly [name: string, clause: string, expected: Status, make: (nonce: string) => Raw]

const auth = (value: string): Raw => ({ fields: [`Authorization: ${value}`] })
const good = (nonce: string, given?: Answer) => answer(nonce, given)
/** A good field after an edit that must have changed it. */
const edit = (nonce: string, from: string | RegExp, to: string, given?: Answer): Raw => {
  const before = good(nonce, given)
  const after = before.replace(from, to)
  if (after === before) throw new Error(`${String(from)} is not in ${before}`)
  return auth(after)
}
const at =
  (target: string, given: Answer, method = "GET"): ((nonce: string) => Raw) =>
  (nonce) => ({
    line: `${method} ${target} HTTP/1.1`,
    ...auth(good(nonce, given))
  })

const once9110 = "RFC 9110 11.2: a parameter name occurs once"
const single = "RFC 9110 5.3: Authorization is no list"
const quotes = "RFC 9110 5.6.4"
const quoted = "RFC 7616 3.4: quoted-string syntax"
const uri = "RFC 7616 3.4.6: uri names the resource of the request line"
const count = "RFC 7616 3.4 nc"
const names = ["username", "realm", "nonce", "uri", "response", "cnonce", "qop", "nc", "algorithm"] as const
const quotedNames = ["username", "realm", "nonce", "uri", "response", "cnonce"] as const

const rows: ReadonlyArray<Row> = [
  ["control: a good request", "RFC 7616 3.4", "200", (n) => auth(good(n))],
  [
    "control: parameters in another order",
    "RFC 9110 11.4",
    "200",
    (n) => auth(`Digest ${good(n).slice(7).split(", ").reverse().join(", ")}`)
  ],
  ["control: no spaces", "RFC 9110 5.6.1", "200", (n) => edit(n, /, /g, ",")],
  ["control: scheme in another case", "RFC 9110 11.1", "200", (n) => edit(n, "Digest", "DIGEST")],
  ["control: names in another case", "RFC 9110 11.2", "200", (n) => edit(n, "nonce=", "NONCE=")],
  ["control: empty list elements", "RFC 9110 5.6.1.2", "200", (n) => edit(n, ", ", ", , ,,")],
  [
    "control: quoted qop, nc and algorithm of old clients",
    "RFC 7616 3.4",
    "200",
    (n) => edit(n, /(qop|nc|algorithm)=([^,]+)/g, '$1="$2"')
  ],
  ["control: a quoted-pair in the user name", quotes, "200", (n) => edit(n, '"alice"', '"al\\ice"')],
  ["control: an unknown parameter", "RFC 9110 11.2", "200", (n) => auth(`${good(n)}, ext=1`)],
  [
    "control: absolute-form in both places",
    uri,
    "200",
    at("http://naf1.home1.net/a", { uri: "http://naf1.home1.net/a" })
  ],
  ["control: the same percent-encoding in both places", uri, "200", at("/a%2fb?c=%20", { uri: "/a%2fb?c=%20" })],

  // two of something
  ...names.map(
    (name): Row => [
      `${name} twice, equal`,
      once9110,
      "400",
      (n) => edit(n, new RegExp(`(^Digest |, )(${name}=("[^"]*"|[^,]*))`), "$1$2, $2")
    ]
  ),
  ...names.map(
    (name): Row => [
      `${name} twice, the second in capitals`,
      once9110,
      "400",
      (n) => {
        const match = new RegExp(`(?:^Digest |, )${name}=("[^"]*"|[^,]*)`).exec(good(n))!
        return auth(`${good(n)}, ${name.toUpperCase()}=${match[1]}`)
      }
    ]
  ),
  [
    "uri twice, the first for the request, the second signed",
    once9110,
    "400",
    (n) => ({ line: "GET /secret HTTP/1.1", ...edit(n, "uri=", 'uri="/secret", uri=') })
  ],
  [
    "uri twice, the first signed, the second for the request",
    once9110,
    "400",
    (n) => ({ line: "GET /secret HTTP/1.1", ...auth(`${good(n)}, uri="/secret"`) })
  ],
  ["username twice, another user first", once9110, "400", (n) => edit(n, "username=", 'username="bob", username=')],
  ["username and username*", "RFC 7616 3.4 username*", "400", (n) => auth(`${good(n)}, username*=UTF-8''bob`)],
  [
    "username* with userhash=true",
    "RFC 7616 3.4 username*",
    "400",
    (n) => edit(n, 'username="alice"', "username*=UTF-8''alice, userhash=true")
  ],
  ["an unknown parameter twice", once9110, "400", (n) => auth(`${good(n)}, x=1, x=2`)],
  [
    "two Authorization fields, equal",
    single,
    "400",
    (n) => ({ fields: [`Authorization: ${good(n)}`, `Authorization: ${good(n)}`] })
  ],
  [
    "two Authorization fields, the good one first",
    single,
    "400",
    (n) => ({ fields: [`Authorization: ${good(n)}`, "Authorization: Digest x=1"] })
  ],
  [
    "two Authorization fields, the good one last",
    single,
    "400",
    (n) => ({ fields: ["Authorization: Basic Ym9iOmI=", `Authorization: ${good(n)}`] })
  ],
  [
    "two Authorization fields, one in small letters",
    single,
    "400",
    (n) => ({ fields: [`Authorization: ${good(n)}`, `authorization: ${good(n)}`] })
  ],
  [
    "two Authorization fields, one of them empty",
    single,
    "400",
    (n) => ({ fields: [`Authorization: ${good(n)}`, "Authorization: "] })
  ],
  ["two credentials in one field", single, "400", (n) => auth(`${good(n)}, ${good(n)}`)],
  ["Basic before Digest in one field", single, "401", (n) => auth(`Basic Ym9iOmI=, ${good(n)}`)],
  ["Digest before Basic in one field", single, "400", (n) => auth(`${good(n)}, Basic Ym9iOmI=`)],

  // quoting tricks
  ...quotedNames.map(
    (name): Row => [
      `${name} without quotes`,
      quoted,
      "400",
      (n) => edit(n, new RegExp(`(^Digest |, )${name}="[^"]*"`), `$1${name}=abc`)
    ]
  ),
  ...(["nonce", "uri", "response"] as const).map(
    (name): Row => [`a quoted-pair in ${name}`, quotes, "400", (n) => edit(n, new RegExp(`([ ,]${name}=")`), "$1\\")]
  ),
  ["a quoted-pair in quoted qop", quotes, "400", (n) => edit(n, "qop=auth", 'qop="a\\uth"')],
  ["a quoted-pair in quoted nc", quotes, "400", (n) => edit(n, "nc=0", 'nc="\\0"')],
  ["a quoted-pair in quoted algorithm", quotes, "400", (n) => edit(n, "algorithm=SHA-256", 'algorithm="\\SHA-256"')],
  ["a quoted-pair at the end", quotes, "400", (n) => auth(`${good(n)}, x="\\`)],
  ["an open quote", quotes, "400", (n) => auth(`${good(n)}, x="`)],
  ["an open quote that swallows the next parameter", quotes, "400", (n) => edit(n, '"alice"', '"alice')],
  ["single quotes", quoted, "400", (n) => edit(n, '"alice"', "'alice'")],
  ["text after a quoted-string", "RFC 9110 11.2", "400", (n) => edit(n, '"alice"', '"alice"x')],
  ["two quoted-strings", "RFC 9110 11.2", "400", (n) => edit(n, '"alice"', '"al""ice"')],
  ["a comma in quotes hides nothing", quotes, "401", (n) => edit(n, '"alice"', '"alice, uri=/secret"')],
  [
    "a parameter inside quotes is no parameter",
    "RFC 7616 3.4",
    "400",
    (n) => edit(n, /, uri="\/"/, ', x=", uri=\\"/\\""')
  ],
  ["a quoted name", "RFC 9110 11.2", "400", (n) => edit(n, "username=", '"username"=')],
  ["a colon for the equals sign", "RFC 9110 11.2", "400", (n) => edit(n, "username=", "username:")],
  ["two equals signs", "RFC 9110 11.2", "400", (n) => edit(n, "username=", "username==")],
  ["a semicolon for the comma", "RFC 9110 5.6.1", "400", (n) => edit(n, ", realm", "; realm")],
  ["a space for the comma", "RFC 9110 5.6.1", "400", (n) => edit(n, ", realm", " realm")],
  ["no space after the scheme", "RFC 9110 11.4", "401", (n) => edit(n, "Digest ", "Digest")],
  ["a comma after the scheme instead of a space", "RFC 9110 11.4", "400", (n) => edit(n, "Digest ", "Digest,")],
  ["a scheme that begins like ours", "RFC 9110 11.1", "401", (n) => edit(n, "Digest", "Digest2")],
  ["NUL in a value", quotes, "refused", (n) => edit(n, '"alice"', '"alice\0"')],
  ["a control character in a value", quotes, "refused", (n) => edit(n, '"alice"', '"ali\u0001ce"')],
  ["DEL in a value", quotes, "refused", (n) => edit(n, '"alice"', '"alice\u007f"')],
  ["octets above 127 in the nonce", "RFC 7616 3.4", "400", (n) => edit(n, 'nonce="', 'nonce="\u00e9')],
  ["octets above 127 in the URI", "RFC 7616 3.4", "400", (n) => edit(n, 'uri="/', 'uri="/\u00e9')],
  ["octets above 127 in the cnonce", "RFC 7616 3.4", "400", (n) => edit(n, 'cnonce="', 'cnonce="\u00e9')],
  ["a tab in the nonce", "RFC 7616 3.4", "400", (n) => edit(n, 'nonce="', 'nonce="\t')],
  ["a space in the nonce", "RFC 7616 3.3 nonce", "401", (n) => edit(n, 'nonce="', 'nonce=" ')],
  [
    "a user name that ends in NUL in extended notation",
    "RFC 5987",
    "401",
    (n) => edit(n, 'username="alice"', "username*=UTF-8''alice%00")
  ],
  [
    "username* in another charset",
    "RFC 5987 3.2.1",
    "400",
    (n) => edit(n, 'username="alice"', "username*=iso-8859-1''alice")
  ],
  ["username* in quotes", "RFC 5987 3.2.1", "400", (n) => edit(n, 'username="alice"', "username*=\"UTF-8''alice\"")],
  [
    "username* with a broken escape",
    "RFC 5987 3.2.1",
    "400",
    (n) => edit(n, 'username="alice"', "username*=UTF-8''alic%6")
  ],

  // something missing
  ...names
    .filter((name) => name !== "algorithm")
    .map(
      (name): Row => [
        `${name} missing`,
        "RFC 7616 3.4",
        "400",
        (n) => edit(n, new RegExp(`(?:, )?${name}=("[^"]*"|[^,]*)(, )?`), name === "username" ? "" : "$2")
      ]
    ),
  [
    "algorithm missing: then it is MD5, and this is none",
    "RFC 7616 3.4",
    "401",
    (n) => edit(n, ", algorithm=SHA-256", "")
  ],
  ["qop, nc and cnonce missing (RFC 2069)", "RFC 7616 3.4 qop", "401", (n) => auth(good(n, { legacy: true }))],
  ["no parameters", "RFC 7616 3.4", "400", () => auth("Digest ")],
  ["a token of 68 characters", "RFC 7616 3.4", "400", () => auth("Digest YWxpY2U6d29uZGVybGFuZA==")],
  ["an empty field", "RFC 9110 11.4", "400", () => auth("")],
  [
    "an empty nonce and response",
    "TS 24.109 A.3",
    "401",
    () => auth('Digest username="alice", realm="3GPP-bootstrapping@naf1.home1.net", nonce="", uri="/", response=""')
  ],
  ["an empty response to a good nonce", "RFC 7616 3.4", "401", (n) => edit(n, /response="[^"]*"/, 'response=""')],
  ["a response of another hash's length", "RFC 7616 3.4", "401", (n) => edit(n, /response="[^"]{32}/, 'response="')],
  ["a response cut to 31 digits", "RFC 7616 3.4", "400", (n) => edit(n, /response="[^"]{33}/, 'response="')],
  [
    "a response in capitals",
    "RFC 7616 3.4: lower-case hexadecimal",
    "400",
    (n) => auth(good(n).replace(/response="([^"]*)"/, (_, r: string) => `response="${r.toUpperCase()}"`))
  ],
  ["a response of zeros", "RFC 7616 3.4", "401", (n) => edit(n, /response="[^"]*"/, `response="${"0".repeat(64)}"`)],

  // counts
  ["nc of zero", count, "400", (n) => edit(n, "nc=00000001", "nc=00000000")],
  ["nc of seven digits", count, "400", (n) => edit(n, "nc=00000001", "nc=0000001")],
  ["nc of nine digits", count, "400", (n) => edit(n, "nc=00000001", "nc=000000001")],
  ["nc wraps round 32 bits", count, "400", (n) => auth(good(n, { nc: "100000001" }))],
  ["nc with a sign", count, "400", (n) => auth(good(n, { nc: "+0000001" }))],
  ["nc as 0x", count, "400", (n) => auth(good(n, { nc: "0x000001" }))],
  ["nc with a point", count, "400", (n) => auth(good(n, { nc: "1.000000" }))],
  ["nc in another script's digits", count, "400", (n) => edit(n, "nc=00000001", 'nc="\u00d9\u00a10000001"')],
  ["nc that jumps", "RFC 7616 5.5", "401 stale", (n) => auth(good(n, { nc: "7fffffff" }))],
  ["nc of all ones", "RFC 7616 5.5", "401 stale", (n) => auth(good(n, { nc: "ffffffff" }))],
  ["nc that was not signed", count, "401", (n) => edit(n, "nc=00000001", "nc=00000002")],

  // qop and algorithm
  ["qop that was not offered", "RFC 7616 3.4 qop", "401", (n) => auth(good(n, { qop: "auth-int" }))],
  ["qop nobody knows", "RFC 7616 3.4 qop", "401", (n) => edit(n, "qop=auth", "qop=auth-conf")],
  ["qop list", "RFC 7616 3.4 qop", "401", (n) => edit(n, "qop=auth", 'qop="auth,auth-int"')],
  ["qop in capitals", "RFC 7616 3.4 qop", "401", (n) => edit(n, "qop=auth", "qop=AUTH")],
  ["empty qop", "RFC 7616 3.4 qop", "401", (n) => edit(n, "qop=auth", 'qop=""')],
  ["an algorithm that was not offered", "RFC 7616 3.4", "401", (n) => auth(good(n, { algorithm: "SHA-512-256" }))],
  [
    "a session algorithm that was not offered",
    "RFC 7616 3.4",
    "401",
    (n) => auth(good(n, { algorithm: "SHA-256-sess" }))
  ],
  ["an algorithm nobody knows", "RFC 7616 3.4", "401", (n) => edit(n, "SHA-256", "SHA-1")],
  ["an algorithm with a property's name", "RFC 7616 3.4", "401", (n) => edit(n, "SHA-256", "__proto__")],
  ["MD5 label on a SHA-256 response", "RFC 7616 3.4", "401", (n) => edit(n, "SHA-256", "MD5")],
  ["AKA label on a password response", "RFC 3310 3.4", "401", (n) => edit(n, "SHA-256", "AKAv1-MD5")],
  [
    "auts without AKA changes no password",
    "RFC 3310 3.4",
    "401",
    (n) => auth(`${good(n, { password: "" })}, auts="uoU/PBI8z0TpNZbjVcY="`)
  ],
  ["userhash neither true nor false", "RFC 7616 3.4.4", "400", (n) => auth(`${good(n)}, userhash=maybe`)],
  ["userhash=true on a plain name", "RFC 7616 3.4.4", "401", (n) => auth(`${good(n)}, userhash=true`)],
  [
    "a hashed name without userhash",
    "RFC 7616 3.4.4",
    "401",
    (n) => edit(n, ", userhash=true", "", { userhash: true })
  ],

  // realm and nonce
  ["another realm", "RFC 7616 3.4", "401", (n) => auth(good(n, { realm: "3GPP-bootstrapping@naf2.home1.net" }))],
  [
    "the realm in capitals",
    "RFC 7616 3.4",
    "401",
    (n) => auth(good(n, { realm: "3GPP-BOOTSTRAPPING@NAF1.HOME1.NET" }))
  ],
  [
    "the joined realm of two",
    "TS 24.109 5.2",
    "401",
    (n) => auth(good(n, { realm: "3GPP-bootstrapping@naf1.home1.net;x@y" }))
  ],
  [
    "a nonce of another server",
    "RFC 7616 3.3",
    "401 stale",
    () => auth(good("AQABAAABnM6hXAAAAAAAzNuYxxDaRxq0x5kf3yyx/WmhJXrEOo5lTn4BWkjq"))
  ],
  ["a short nonce", "RFC 7616 3.3", "401 stale", () => auth(good("x"))],
  [
    "a nonce with another last character",
    "RFC 7616 3.3",
    "401 stale",
    (n) => auth(good(`${n.slice(0, -1)}${n.endsWith("A") ? "B" : "A"}`))
  ],
  ["a nonce with padding behind", "RFC 7616 3.3", "401 stale", (n) => auth(good(`${n}==`))],
  ["a nonce in base64url", "RFC 7616 3.3", "401 stale", (n) => auth(good(`-_${n.slice(2)}`))],
  ["a good nonce with a wrong password", "RFC 7616 3.4.6", "401", (n) => auth(good(n, { password: "x" }))],
  ["another user's name", "RFC 7616 3.4.6", "401", (n) => edit(n, '"alice"', '"bob"')],
  ["the name with a space behind", "RFC 7616 3.4", "401", (n) => edit(n, '"alice"', '"alice "')],
  ["the name in capitals", "RFC 7616 3.4", "401", (n) => edit(n, '"alice"', '"ALICE"')],
  ["no name", "RFC 7616 3.4", "401", (n) => auth(good(n, { username: "" }))],

  // URI and method
  ["another URI", uri, "400", at("/secret", { uri: "/public" })],
  ["URI prefix", uri, "400", at("/public/../secret", { uri: "/public" })],
  ["dot segments", uri, "400", at("/secret", { uri: "/public/../secret" })],
  ["percent-encoded letters", uri, "400", at("/secret", { uri: "/%73ecret" })],
  ["percent-encoded slash", uri, "400", at("/a/b", { uri: "/a%2fb" })],
  ["percent-encoding in other case", uri, "400", at("/a%2fb", { uri: "/a%2Fb" })],
  ["two slashes", uri, "400", at("//secret", { uri: "/secret" })],
  ["a trailing slash", uri, "400", at("/secret/", { uri: "/secret" })],
  ["a query that was not signed", uri, "400", at("/secret?admin=1", { uri: "/secret" })],
  ["a signed query that is gone", uri, "400", at("/secret", { uri: "/secret?x" })],
  ["an empty query", uri, "400", at("/secret?", { uri: "/secret" })],
  ["a fragment", uri, "400", at("/secret", { uri: "/secret#x" })],
  ["absolute-form in the request line only", uri, "400", at("http://naf1.home1.net/secret", { uri: "/secret" })],
  [
    "absolute-form of another host in the request line",
    uri,
    "400",
    at("http://evil.example/secret", { uri: "/secret" })
  ],
  ["absolute-form in the directive only", uri, "400", at("/secret", { uri: "http://naf1.home1.net/secret" })],
  ["absolute-form of another host in the directive", uri, "400", at("/secret", { uri: "http://evil.example/secret" })],
  [
    "absolute-form with user information",
    uri,
    "400",
    at("/secret", { uri: "http://naf1.home1.net@evil.example/secret" })
  ],
  ["asterisk-form in the directive", uri, "400", at("/secret", { uri: "*" })],
  ["an empty URI", uri, "400", at("/", { uri: "" })],
  ["another method", "RFC 7616 3.4.3", "401", at("/", { method: "GET" }, "POST")],
  ["HEAD with a GET's response", "RFC 7616 3.4.3", "401", at("/", { method: "GET" }, "HEAD")],
  ["the method in small letters", "RFC 9110 9.1", "refused", at("/", { method: "get" }, "get")],

  // sizes
  [
    "a field of 100 kB",
    "limit: Node's header section",
    "refused",
    (n) => auth(`${good(n)}, x="${"a".repeat(100_000)}"`)
  ],
  ["a field of 9 kB", "limit maxLength", "400", (n) => auth(`${good(n)}, x="${"a".repeat(9000)}"`)],
  [
    "40 parameters",
    "limit maxParameters",
    "400",
    (n) => auth(`${good(n)}${Array.from({ length: 32 }, (_, i) => `, x${i}=1`).join("")}`)
  ],
  ["a user name of 4 kB", "RFC 7616 3.4", "401", (n) => auth(good(n, { username: "a".repeat(4096) }))],

  // framing
  ["obs-fold in the field", "RFC 9112 5.2", "refused", (n) => edit(n, ", realm", ",\r\n realm")],
  ["a bare LF in the field", "RFC 9112 2.2", "refused", (n) => edit(n, ", realm", ",\n realm")],
  ["a bare CR in the field", "RFC 9112 2.2", "refused", (n) => edit(n, ", realm", ",\r realm")],
  ["a space before the colon", "RFC 9112 5.1", "refused", (n) => ({ fields: [`Authorization : ${good(n)}`] })],
  [
    "two Content-Length",
    "RFC 9112 6.3",
    "refused",
    (n) => ({
      line: "POST / HTTP/1.1",
      fields: [`Authorization: ${good(n, { method: "POST" })}`, "Content-Length: 1", "Content-Length: 2"],
      body: "ab"
    })
  ],
  [
    "Content-Length and Transfer-Encoding",
    "RFC 9112 6.1",
    "refused",
    (n) => ({
      line: "POST / HTTP/1.1",
      fields: [`Authorization: ${good(n, { method: "POST" })}`, "Content-Length: 5", "Transfer-Encoding: chunked"],
      body: "0\r\n\r\n"
    })
  ],
  [
    "a field under a name that looks alike",
    "RFC 9110 5.1",
    "401",
    (n) => ({ fields: [`Authorizatio\u00f1: ${good(n)}`.replace("\u00f1", "m")] })
  ],
  [
    "Proxy-Authorization is not for the origin",
    "RFC 9110 11.7.2",
    "401",
    (n) => ({ fields: [`Proxy-Authorization: ${good(n)}`] })
  ]
]

let server: TestServer

const exchange = async (raw: Raw): Promise<{ readonly status: Status | string; readonly head: string }> => {
  const socket = net.connect(server.port, "127.0.0.1")
  socket.on("error", () => undefined)
  await once(socket, "connect")
  let received = ""
  socket.setEncoding("latin1")
  socket.on("data", (data) => {
    received += data
  })
  socket.end(
    `${raw.line ?? "GET / HTTP/1.1"}\r\nHost: naf1.home1.net\r\nConnection: close\r\n${raw.fields.join("\r\n")}\r\n\r\n${raw.body ?? ""}`,
    "latin1"
  )
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve))
  const status = received.slice(9, 12)
  return { status: status === "401" && received.includes("stale=true") ? "401 stale" : status, head: received }
}

const nonceNow = async (): Promise<string> => {
  const { head } = await exchange({ fields: ["X: y"] })
  const fields = [...head.matchAll(/^WWW-Authenticate: (.*)$/gim)].map((match) => match[1]!.trim())
  return Result.getOrThrow(Challenge.parse(fields))[0]!.digest!.nonce
}

describe("R5: requests that try to smuggle themselves in, octet for octet over TCP", () => {
  beforeAll(async () => {
    server = await startServer(services(memory))
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it("the table is long enough and its names are distinct", () => {
    assert.isAtLeast(rows.length, 100)
    assert.lengthOf(new Set(rows.map(([name]) => name)), rows.length)
  })
  for (const [name, clause, expected, make] of rows) {
    it(`[SEC_CF-AUTH-001] ${name}: ${expected} (${clause})`, async () => {
      const { head, status } = await exchange(make(await nonceNow()))
      if (expected === "refused") assert.include(["", "400", "431"], status)
      else assert.strictEqual(status, expected)
      assert.strictEqual(head.includes("hello"), expected === "200")
    })
  }
})
