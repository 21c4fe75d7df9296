/**
 * Kannel, the WAP and SMS gateway: started with a push proxy, on an SMS centre of ours or on its own fake one.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Peer, startPeer } from "./Peer.ts"
import { freePort } from "./Ports.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

/** The programs of a running gateway. */
export const kannelPrograms = ["bearerbox", "wapbox", "fakesmsc"]

/**
 * A loopback address of our own: the gateway's UDP ports cannot be chosen, so runs beside each other need addresses
 * beside each other.
 */
const ownAddress = (): string => `127.${1 + (process.pid % 200)}.${1 + (Math.floor(process.pid / 200) % 200)}.1`

export interface Kannel extends AsyncDisposable {
  /** Address for PAP, without credentials. */
  readonly url: string
  /** Where a terminal on UDP listens, port 2948. */
  readonly terminal: string
  readonly account: { readonly user: string; readonly password: string }
  /** What bearerbox and wapbox printed. */
  readonly output: () => string
}

/** Starts bearerbox and wapbox with the SMSC group `smsc`. */
export const startKannel = async (smsc: string): Promise<Kannel> => {
  const folder = temporaryFolder({ name: "kannel" })
  const [admin, smsbox, wapbox, ppg] = await Promise.all(Array.from({ length: 4 }, () => freePort()))
  const address = ownAddress()
  const file = Path.join(folder, "kannel.conf")
  Fs.writeFileSync(
    file,
    `group = core
admin-port = ${admin}
admin-password = test
admin-interface = 127.0.0.1
smsbox-port = ${smsbox}
smsbox-interface = 127.0.0.1
wapbox-port = ${wapbox}
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
wdp-interface-name = "${address}"
log-file = "${folder}/bearerbox.log"
log-level = 0
dlr-storage = internal

${smsc}

group = wapbox
bearerbox-host = 127.0.0.1
log-file = "${folder}/wapbox.log"
log-level = 0
timer-freq = 10

group = ppg
ppg-url = /wappush
ppg-port = ${ppg}
concurrent-pushes = 10
users = 10
trusted-pi = false
service-name = ppg
global-sender = 2948

group = wap-push-user
wap-push-user = dcd
ppg-username = dcd
ppg-password = secret
allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
`
  )
  const peers: Array<Peer> = []
  const stop = async () => {
    for (const peer of peers.reverse()) await peer.stop()
  }
  try {
    peers.push(await startPeer({ program: "bearerbox", args: ["-v", "1", file], ready: wapbox! }))
    peers.push(await startPeer({ program: "wapbox", args: ["-v", "1", file], ready: ppg! }))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url: `http://127.0.0.1:${ppg}/wappush`,
    terminal: address,
    account: { user: "dcd", password: "secret" },
    output: () => peers.map((peer) => peer.output()).join("\n"),
    [Symbol.asyncDispose]: stop
  }
}

/** The SMSC group of Kannel's fake SMS centre. */
export const fakeSmsc = (port: number): string => `group = smsc
smsc = fake
smsc-id = FAKE
port = ${port}
connect-allow-ip = 127.0.0.1`

/** The SMSC group of an SMS centre that speaks SMPP; `extra` goes at its end. */
export const smppSmsc = (port: number, extra = ""): string => `group = smsc
smsc = smpp
smsc-id = SMPP
host = 127.0.0.1
port = ${port}
transceiver-mode = true
smsc-username = esme
smsc-password = pw
system-type = VMA
interface-version = 34
source-addr-ton = 0
source-addr-npi = 1
dest-addr-ton = 1
dest-addr-npi = 1
enquire-link-interval = 30${extra}`

/** Starts the fake SMS centre that Kannel was told of. It may come before Kannel listens, and is then started again. */
export const startFakeSmsc = async (kannel: Kannel, port: number): Promise<Peer> => {
  for (let attempt = 1; ; attempt++) {
    const smsc = await startPeer({
      program: "fakesmsc",
      args: ["-H", "127.0.0.1", "-r", String(port), "-m", "0", "1 2 text x"],
      ready: /Connecting to/
    })
    const refused = await smsc.waitFor(/PANIC/, 200).then(
      () => true,
      () => false
    )
    if (!refused) return smsc
    await smsc.stop()
    if (attempt === 20) throw new Error(`no fake SMS centre: ${kannel.output()}`)
  }
}

const decode = (text: string): Uint8Array =>
  Uint8Array.from(text.matchAll(/\+|%([0-9A-Fa-f]{2})|./gs), ([found, escaped]) =>
    found === "+" ? 0x20 : escaped === undefined ? found.charCodeAt(0) : Number.parseInt(escaped, 16)
  )

export interface FakeMessage {
  readonly from: string
  readonly to: string
  readonly udh: Uint8Array
  readonly body: Uint8Array
}

/** The messages with a header that the fake SMS centre printed. */
export const fakeMessages = (output: string): ReadonlyArray<FakeMessage> =>
  Array.from(output.matchAll(/Got message \d+: <(\S+) (\S+) udh (\S+) data (\S+)>/g), ([, from, to, udh, body]) => ({
    from: from!,
    to: to!,
    udh: decode(udh!),
    body: decode(body!)
  }))
