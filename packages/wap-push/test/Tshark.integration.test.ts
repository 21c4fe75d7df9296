import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, it } from "@effect/vitest"
import { describePeer, run, temporaryFolder } from "@oma/peers"
import * as Redacted from "effect/Redacted"
import type { Pdu } from "smpp"
import smpp from "smpp"
import { contentType } from "../src/ContentType.ts"
import { encodePushPdu, type PushPdu, toHeaders } from "../src/PushPdu.ts"
import { segment } from "../src/Segmentation.ts"
import { encodeSic } from "../src/ServiceIndication.ts"
import { encodeSlc } from "../src/ServiceLoading.ts"
import { international, shortCode, typeOfNumber } from "../src/ShortMessage.ts"
import { encodeSmsTpdu } from "../src/SmsTpdu.ts"
import { deliverParameters, submitParameters } from "../src/smpp/SmppMessage.ts"
import { get, toHex } from "./support.ts"

/** What tshark makes of `frames`, each the payload of one packet. */
const dissect = async (
  frames: ReadonlyArray<Uint8Array>,
  wrap: ReadonlyArray<string>,
  options: ReadonlyArray<string>
): Promise<string> => {
  const folder = temporaryFolder({ name: "tshark" })
  const text = Path.join(folder, "frames.txt")
  const capture = Path.join(folder, "frames.pcap")
  Fs.writeFileSync(text, frames.map((frame) => `000000 ${toHex(frame).replace(/../g, "$& ")}\n`).join("\n"))
  const written = await run("text2pcap", ["-q", ...wrap, text, capture])
  assert.strictEqual(written.code, 0, written.output)
  const shown = await run("tshark", ["-r", capture, "-V", ...options], { timeout: 30_000 })
  assert.strictEqual(shown.code, 0, shown.output)
  assert.strictEqual(shown.stdout.match(/^Frame \d+/gm)?.length, frames.length)
  assert.notMatch(shown.stdout, /malformed|\[Expert Info \((Error|Warning)/i)
  return shown.stdout
}

const has = (shown: string, ...lines: ReadonlyArray<string | RegExp>) => {
  for (const line of lines) {
    if (typeof line === "string") assert.include(shown, line)
    else assert.match(shown, line)
  }
}

const pdu = (changed: Partial<PushPdu>): Uint8Array =>
  get(
    encodePushPdu({
      tid: 7,
      confirmed: false,
      contentType: contentType("application/vnd.oma.dcd"),
      headers: [],
      data: new TextEncoder().encode("DCD-TEST-PAYLOAD"),
      ...changed
    })
  )
const udp = ["-4", "127.0.0.1,127.0.0.1", "-u", "9200,2948"]
const asWsp = ["-d", "udp.port==2948,wsp"]
const ports = { destination: 2948, source: 9200, width: 16 } as const
const user0 = (dissector: string) => ["-o", `uat:user_dlts:"User 0 (DLT=147)","${dissector}","0","","0",""`]

describePeer("tshark reads what we write", ["tshark", "text2pcap"], () => {
  it("WSP pushes", { timeout: 60_000 }, async () => {
    const shown = await dissect(
      [
        pdu({ headers: toHeaders({ applicationId: 0x9022, contentLength: 16, encodingVersion: [1, 3] }) }),
        pdu({
          headers: toHeaders({
            applicationId: 7,
            initiatorUri: "http://pi.example.com/",
            contentUri: "http://c.example.com/",
            flags: 7
          })
        }),
        pdu({
          headers: toHeaders({
            date: Date.UTC(2026, 10, 20, 17, 5, 15),
            expires: Date.UTC(2026, 10, 21),
            contentLocation: "here"
          })
        }),
        pdu({ confirmed: true, contentType: contentType("text/plain", [{ name: "charset", value: "utf-8" }]) }),
        pdu({
          contentType: contentType("application/x-of-our-own"),
          headers: toHeaders({ applicationId: "x-mine:ua" })
        }),
        pdu({
          contentType: contentType("text/vnd.wap.connectivity-xml", [
            { name: "sec", value: 1 },
            { name: "mac", value: "0A1B2C" }
          ])
        })
      ],
      udp,
      asWsp
    )
    has(
      shown,
      "PDU Type: Push (0x06)",
      "PDU Type: ConfirmedPush (0x07)",
      "Transaction ID: 0x07",
      "Content-Type: <Unknown media type identifier 0x53>", // younger than its table
      "text/plain",
      "Charset: UTF-8",
      "X-Wap-Application-Id: x-wap-application:syncml.dm",
      "http://pi.example.com/",
      "http://c.example.com/",
      "X-Wap-Application-Id: x-mine:ua",
      "(Initiator URI authenticated) (Content trusted) (Last push message)",
      "Content-Length: 16",
      "Nov 20, 2026 17:05:15",
      "Nov 21, 2026 00:00:00",
      "application/x-of-our-own",
      "Encoding-Version: 1.3",
      "SEC: USERPIN (0x01)",
      "MAC: 0A1B2C"
    )
  })

  it("SI and SL in their binary form", { timeout: 60_000 }, async () => {
    const si = get(
      encodeSic({
        text: "News",
        href: "https://www.example.org/news",
        siId: "1@example.com",
        action: "signal-high",
        created: Date.UTC(1999, 5, 25, 15, 23, 15),
        siExpires: Date.UTC(1999, 5, 30),
        info: [{ class: "a", text: "b" }]
      })
    )
    const sl = get(encodeSlc({ href: "http://www.example.com/a", action: "cache" }))
    const shown = await dissect(
      [
        pdu({ contentType: contentType("application/vnd.wap.sic"), data: si }),
        pdu({ contentType: contentType("application/vnd.wap.slc"), data: sl })
      ],
      udp,
      asWsp
    )
    has(
      shown,
      "SI 1.0",
      "SL 1.0",
      "<indication",
      "signal-high",
      "https://www.",
      "created=",
      "si-expires=",
      "<info>",
      "<item",
      "<sl",
      "action='cache",
      "http://www."
    )
  })

  it("submit_sm and deliver_sm with a push in parts", { timeout: 60_000 }, async () => {
    const parts = get(segment(pdu({ data: new Uint8Array(300).fill(0xa5) }), { ports, reference: 0x1234, width: 16 }))
    const message = (userData: Uint8Array) => ({
      from: shortCode("2948"),
      to: international("+15551230001"),
      protocolId: 0,
      dataCoding: 4,
      hasHeader: true,
      userData
    })
    const octets = (command: string, parameters: Readonly<Record<string, unknown>>, sequence: number) => {
      const made: Pdu = new smpp.PDU(command, { ...parameters, sequence_number: sequence })
      return new Uint8Array(made.toBuffer())
    }
    const bind = {
      system_id: "esme",
      password: Redacted.value(Redacted.make("pw")),
      system_type: "VMA",
      interface_version: 0x34
    }
    const shown = await dissect(
      [
        octets("bind_transceiver", bind, 1),
        ...parts.map((part, i) =>
          octets("submit_sm", submitParameters({ ...message(part), receipt: true, validity: 90_061_000 }), i + 2)
        ),
        octets("deliver_sm", deliverParameters(message(parts[0]!)), 9)
      ],
      ["-4", "127.0.0.1,127.0.0.1", "-T", "40000,2775"],
      ["-d", "tcp.port==2775,smpp"]
    )
    has(
      shown,
      "Bind_transceiver",
      "Submit_sm",
      "Deliver_sm",
      "Originator address: 2948",
      "Recipient address: 15551230001",
      "UDHI indicator",
      "Validity period: 90061.000000000 seconds",
      "Delivery receipt requested"
    )
  })

  it("SMS-DELIVER with ports and parts, from a sender with a name", { timeout: 60_000 }, async () => {
    const parts = get(segment(pdu({ data: new Uint8Array(200).fill(0x5a) }), { ports, reference: 7 }))
    const common = { replyPath: false, hasHeader: true, protocolId: 0, dataCoding: 0xf5 }
    const deliver = {
      ...common,
      _tag: "SmsDeliver",
      from: { number: "Café", ton: typeOfNumber.alphanumeric, npi: 0 },
      moreMessages: true,
      statusReport: false,
      serviceCentreTime: Date.UTC(2026, 10, 20, 17, 5, 15),
      zone: -14
    } as const
    const shown = await dissect(
      parts.map((userData) => get(encodeSmsTpdu({ ...deliver, userData, userDataLength: userData.length }))),
      ["-l", "147"],
      user0("gsm_sms")
    )
    has(
      shown,
      "TP-Originating-Address - (Café)",
      "TP-UDHI: The beginning of the TP UD field contains a Header",
      "Application port addressing scheme, 16 bit address",
      /Destination port: .*\(2948\)/,
      /Originator port: .*\(9200\)/,
      "Message identifier: 7",
      "Message parts: 2",
      "Message part number: 2",
      /Year: 26\n\s+Month: 11\n\s+Day: 20/,
      /Hour: 13\n\s+Minutes: 35\n\s+Seconds: 15/,
      "Timezone: GMT - 3 hours 30 minutes"
    )
  })
})
