/**
 * A handset of programs that others wrote: curl speaks HTTP, osmo-auc-gen is the card, openssl computes digests and keys. What stands here
 * is the text of the standards, and nothing of the packages' sources.
 */
import { run } from "@oma/peers"
import type { Ready } from "./operator.ts"

const program = async (name: string, args: ReadonlyArray<string>, input?: Uint8Array): Promise<string> =>
  (await run(name, args, input === undefined ? {} : { input })).stdout

const openssl = async (args: ReadonlyArray<string>, input: Uint8Array): Promise<string> =>
  (await program("openssl", ["dgst", ...args], input)).trim().split(" ").at(-1)!

const md5 = (...parts: ReadonlyArray<string | Uint8Array>) =>
  openssl(["-md5"], Buffer.concat(parts.map((part) => Buffer.from(part))))

const card = async (k: string, opc: string, sqn: string, rand: Uint8Array) => {
  const said = await program("osmo-auc-gen", [
    ...["-3", "-a", "milenage", "-k", k, "-o", opc, "-f", "0000", "-s", sqn, "-r", Buffer.from(rand).toString("hex")]
  ])
  return Object.fromEntries(Array.from(said.matchAll(/^([\w .]+):\s*(\S+)/gm), ([, key, value]) => [key, value!]))
}

/** What a bootstrapping leaves in the handset. */
export interface Bootstrapping {
  readonly btid: string
  readonly impi: string
  readonly rand: Uint8Array
  readonly ks: string
  readonly sqn: number
}

/** Bootstraps on Ub; throws where something is not as TS 24.109 has it. */
export const bootstrap = async ({ endpoints, names }: Ready, subscriber: Ready["subscribers"][number]) => {
  const { impi, k, opc } = subscriber
  const bsf = names.bsf
  const curl = (authorization: string) =>
    program("curl", [
      "-sS",
      "-i",
      "-A",
      "handset/1 3gpp-gba-tmpi",
      "-H",
      `Authorization: Digest ${authorization}`,
      endpoints.ub
    ])
  const first = await curl(`username="${impi}", realm="${bsf}", nonce="", uri="/", response=""`)
  const nonce = /nonce="([^"]*)"/.exec(first)?.[1]
  const opaque = /opaque="([^"]*)"/.exec(first)?.[1]
  if (!first.startsWith("HTTP/1.1 401") || nonce === undefined) throw new Error(first)
  const octets = Buffer.from(nonce, "base64")
  const rand = octets.subarray(0, 16)
  // with SQN 0 the first six octets of AUTN are AK
  const ak = Buffer.from((await card(k, opc, "0", rand))["AUTN"]!.slice(0, 12), "hex")
  const sqn = octets.subarray(16, 22).map((octet, i) => octet ^ ak[i]!)
  const number = Number.parseInt(Buffer.from(sqn).toString("hex"), 16)
  const vector = await card(k, opc, String(number), rand)
  if (octets.subarray(16).toString("hex") !== vector["AUTN"]) throw new Error("the network is not the one of the card")
  const a1 = await md5(impi, ":", bsf, ":", Buffer.from(vector["RES"]!, "hex"))
  const a2 = await md5("GET:/:", await md5(""))
  const response = await md5(`${a1}:${nonce}:00000001:0a4f113b:auth-int:${a2}`)
  const second = await curl(
    `username="${impi}", realm="${bsf}", nonce="${nonce}", uri="/", qop=auth-int, nc=00000001, cnonce="0a4f113b", response="${response}", opaque="${opaque}", algorithm=AKAv1-MD5`
  )
  const body = second.slice(second.indexOf("\r\n\r\n") + 4)
  const proof = await md5(`${a1}:${nonce}:00000001:0a4f113b:auth-int:${await md5(":/:", await md5(body))}`)
  if (!second.startsWith("HTTP/1.1 200") || !second.includes(`rspauth="${proof}"`)) throw new Error(second)
  const btid = /<btid>(.*)<\/btid>/.exec(body)?.[1] ?? ""
  const made: Bootstrapping = { btid, impi, rand, ks: `${vector["CK"]}${vector["IK"]}`, sqn: number }
  return made
}

const part = (text: string | Uint8Array): Uint8Array => {
  const octets = Buffer.from(text)
  return Buffer.concat([octets, Buffer.from([octets.length >> 8, octets.length & 255])])
}

/** S of a key for an application server; `ua` is the identifier of the protocol, ten hexadecimal digits. */
export const input = ({ impi, rand }: Bootstrapping, naf: string, ua: string): Uint8Array =>
  Buffer.concat([
    Uint8Array.of(1),
    part("gba-me"),
    part(rand),
    part(impi),
    part(Buffer.concat([Buffer.from(naf), Buffer.from(ua, "hex")]))
  ])

/** Ks_NAF in hexadecimal. */
export const ksNaf = (bootstrapping: Bootstrapping, naf: string, ua: string): Promise<string> =>
  openssl(["-sha256", "-mac", "HMAC", "-macopt", `hexkey:${bootstrapping.ks}`], input(bootstrapping, naf, ua))
