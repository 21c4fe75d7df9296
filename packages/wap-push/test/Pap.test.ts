import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { formatContentType, formatHttpDate, parseContentType, parseHttpDate } from "../src/MimeHeader.ts"
import { chooseBoundary, decodeMultipart, encodeMultipart } from "../src/Multipart.ts"
import { formatPapAddress, isIpv6, parsePapAddress, plmnAddress } from "../src/PapAddress.ts"
import { decodePapBody, encodeControl, encodePushBody } from "../src/PapBody.ts"
import { decodePap, encodePap, papDoctypes } from "../src/PapCodec.ts"
import type { PapMessage, PushMessage } from "../src/PapMessage.ts"
import * as Push from "../src/Push.ts"
import { judge, resultCodes } from "../src/ResultCode.ts"
import * as Timestamp from "../src/Timestamp.ts"
import { parseXml } from "../src/Xml.ts"
import { ascii, bitFlips, fuzzRuns, get, hex, papVectors, prefixes, pushVectors, toHex } from "./support.ts"

const at = Date.UTC(2026, 10, 20, 17, 5, 15)
const address = "WAPPUSH=+15551230001/TYPE=PLMN@ppg.example.com"
const pushMessage: PushMessage = {
  _tag: "PushMessage",
  pushId: "dcd-2@pi.example.com",
  replacePushId: "dcd-1@pi.example.com",
  replaceMethod: "pending-only",
  deliverBeforeTimestamp: at + 60_000,
  deliverAfterTimestamp: at,
  sourceReference: 'a <b> & "c"',
  ppgNotifyRequestedTo: "http://127.0.0.1:9/notify?a=1&b=2",
  progressNotesRequested: true,
  addresses: [address, "WAPPUSH=127.0.0.1/TYPE=IPV4@ppg.example.com"],
  qualityOfService: {
    priority: "low",
    deliveryMethod: "unconfirmed",
    network: "gsm",
    networkRequired: true,
    bearer: "sms",
    bearerRequired: false
  }
}

const messages: ReadonlyArray<PapMessage> = [
  pushMessage,
  { _tag: "PushMessage", pushId: "x", addresses: [address] },
  {
    _tag: "PushResponse",
    pushId: "x",
    senderAddress: "/wappush",
    senderName: "ppg",
    replyTime: at,
    progressNotes: [{ stage: "compiled", note: "done", time: at }, { stage: "sent" }],
    result: { code: 1001, desc: "accepted" }
  },
  { _tag: "CancelMessage", pushId: "x", addresses: [] },
  { _tag: "CancelResponse", pushId: "x", results: [{ code: 2008, desc: "too late", addresses: [address] }] },
  {
    _tag: "ResultNotificationMessage",
    pushId: "x",
    senderAddress: "/wappush",
    senderName: "ppg",
    receivedTime: at,
    eventTime: at + 1000,
    messageState: "delivered",
    code: 1000,
    desc: "OK",
    address,
    qualityOfService: { deliveryMethod: "confirmed" }
  },
  { _tag: "ResultNotificationResponse", pushId: "x", code: 1000, address },
  { _tag: "StatusQueryMessage", pushId: "x", addresses: [address] },
  {
    _tag: "StatusQueryResponse",
    pushId: "x",
    results: [
      { eventTime: at, messageState: "pending", code: 1001, addresses: [address], qualityOfService: {} },
      { messageState: "unknown", code: 2004, desc: "no", addresses: [] }
    ]
  },
  { _tag: "CcqMessage", queryId: "q", appId: "7", address },
  { _tag: "CcqResponse", queryId: "q", code: 3001, address },
  { _tag: "BadMessageResponse", code: 2000, desc: "bad", badMessageFragment: "<pap>" }
]

describe("PAP messages", () => {
  for (const vector of papVectors) {
    it(vector.name, () => {
      const { message, version } = get(decodePap(ascii(vector.input.body)))
      assert.strictEqual(version, "1.0")
      if (message._tag === "PushResponse") {
        assert.deepStrictEqual(message.result, { code: 1001, desc: "The request has been accepted for processing" })
        assert.strictEqual(message.pushId, "si-1@pi.example.com")
        assert.strictEqual(message.replyTime, at)
      } else if (message._tag === "BadMessageResponse") {
        assert.strictEqual(message.code, 2000)
        assert.strictEqual(message.badMessageFragment, "application/xml")
      } else assert.fail(message._tag)
    })
  }
  for (const message of messages) {
    it(`${message._tag}: decodes what it encodes`, () => {
      const document = get(decodePap(get(encodePap(message, { productName: "ours" }))))
      assert.deepStrictEqual(document, { message, productName: "ours", version: "2.0" })
    })
    it(`${message._tag}: every prefix is refused`, () => {
      const octets = get(encodePap(message))
      for (const prefix of prefixes(octets.subarray(0, -1))) assert.isTrue(Result.isFailure(decodePap(prefix)))
    })
    it(`${message._tag}: every single-bit change is refused or a message`, () => {
      for (const flipped of bitFlips(get(encodePap(message)))) {
        const decoded = decodePap(flipped)
        if (Result.isSuccess(decoded))
          assert.deepStrictEqual(
            get(decodePap(get(encodePap(decoded.success.message)))).message,
            decoded.success.message
          )
      }
    })
  }
  it("carries the document type of the version that was asked for", () => {
    for (const version of ["1.0", "2.0", "2.1"] as const) {
      const octets = get(encodePap(messages[1]!, { version }))
      const text = Buffer.from(octets).toString()
      for (const id of papDoctypes[version]) assert.include(text, id)
      assert.strictEqual(text.includes("wap-pap-ver"), version !== "1.0")
      assert.strictEqual(get(decodePap(octets)).version, version)
    }
  })
  it("PAP 1.0 cannot replace", () => assert.isTrue(Result.isFailure(encodePap(pushMessage, { version: "1.0" }))))

  const wrapped = (inner: string) => decodePap(ascii(`<pap>${inner}</pap>`))
  it("refuses what lacks a required part or holds another value", () => {
    for (const bad of [
      "",
      "<push-message push-id='a'/>",
      `<push-message><address address-value="a"/></push-message>`,
      `<push-message push-id="a"><address/></push-message>`,
      `<push-message push-id="a" deliver-before-timestamp="2026-02-30T00:00:00Z"><address address-value="a"/></push-message>`,
      `<push-message push-id="a" deliver-before-timestamp="2026-02-03 00:00:00"><address address-value="a"/></push-message>`,
      `<push-message push-id="a"><address address-value="a"/><quality-of-service priority="urgent"/></push-message>`,
      `<push-response push-id="a"><response-result code="10"/></push-response>`,
      `<push-response push-id="a"><response-result code="6000"/></push-response>`,
      `<push-response push-id="a"/>`,
      `<cancel-response push-id="a"/>`,
      `<statusquery-message push-id="a"/><cancel-message push-id="a"/>`,
      `<toString/>`
    ]) {
      assert.isTrue(Result.isFailure(wrapped(bad)), bad)
    }
  })
})

describe("XML limits", () => {
  const refused = (text: string) => assert.isTrue(Result.isFailure(parseXml(ascii(text))), text.slice(0, 80))
  it("knows every document type of PAP, and none", () => {
    const inner = `<pap><cancel-message push-id="a"/></pap>`
    for (const [publicId, systemId] of Object.values(papDoctypes)) {
      for (const subset of ["", " []", ' [<?wap-pap-ver supported-versions="2.0,1.*"?>]']) {
        assert.isTrue(
          Result.isSuccess(decodePap(ascii(`<!DOCTYPE pap PUBLIC "${publicId}" "${systemId}"${subset}>${inner}`)))
        )
      }
    }
    assert.isTrue(Result.isSuccess(decodePap(ascii(`<!DOCTYPE pap SYSTEM 'pap.dtd'>${inner}`))))
    assert.isTrue(Result.isSuccess(decodePap(ascii(inner))))
  })
  it("refuses declarations in the internal subset", () => {
    for (const subset of [
      '<!ENTITY a "b">',
      '<!ENTITY % a SYSTEM "file:///etc/passwd">',
      '<!ATTLIST pap a CDATA "b">',
      "<!ELEMENT pap ANY>",
      "<!-- [ -->",
      "%a;",
      "<?other a?>"
    ]) {
      refused(`<!DOCTYPE pap [${subset}]><pap/>`)
    }
    refused('<!DOCTYPE pap [<!ENTITY a "b">]><pap>&a;</pap>')
    refused("<pap>&a;</pap>")
    refused(`<!DOCTYPE pap [${" ".repeat(1900)}x]><pap/>`)
    refused(`<!DOCTYPE pap [${" ".repeat(5000)}]><pap/>`)
  })
  it("refuses what is too deep, too wide, too long or not UTF-8", () => {
    refused("<a>".repeat(9) + "</a>".repeat(9))
    refused("<a>".repeat(50_000))
    refused(`<a>${"<b/>".repeat(4096)}</a>`)
    refused(`<a ${Array.from({ length: 33 }, (_, i) => `b${i}=""`).join(" ")}/>`)
    refused(`<a b="${"x".repeat(16_385)}"/>`)
    refused(`<a>${"x".repeat(16_385)}</a>`)
    refused(`<a>${"&#65;".repeat(16_385)}</a>`)
    refused(`<a>${" ".repeat(262_144)}</a>`)
    refused('<?xml version="1.0" encoding="utf-16"?><a/>')
    refused('<?xml version="1.1"?><a b="&#1;"/>')
    refused("<a b='&#1;'/>")
    refused("<a b='&#xd800;'/>")
    refused("<a b='&#xffff;'/>")
    refused("<a>\xff</a>")
    refused("<a>\0</a>")
    refused("<a b='1' b='2'/>")
    refused("<a/><b/>")
    refused("")
  })
  it("never throws", () => {
    const bits = fc.constantFrom(
      "<",
      ">",
      "/",
      "a",
      "pap",
      "=",
      '"',
      "'",
      " ",
      "&",
      ";",
      "#",
      "!DOCTYPE",
      "[",
      "]",
      "?",
      "é",
      "\0"
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(bits).map((found) => found.join(""))
        ),
        (text) => {
          decodePap(new TextEncoder().encode(text))
        }
      ),
      { numRuns: fuzzRuns }
    )
  })
  it("costs no more than its length", () => {
    const cost = (n: number) => {
      const text = ascii(`<a>${"<b c='d'/>".repeat(n)}</a>`)
      const begin = performance.now()
      for (let i = 0; i < 20; i++) parseXml(text)
      return performance.now() - begin
    }
    cost(1000)
    assert.isBelow(cost(4000) / cost(1000), 12)
  })
})

describe("multipart/related", () => {
  const parts = [
    { headers: [["Content-Type", "application/xml"]] as const, content: ascii("<a/>") },
    { headers: [["Content-Type", "application/octet-stream"]] as const, content: hex("0d0a2d2d0d0a0d0a00ff2d2d") },
    { headers: [], content: hex("") }
  ]
  it("decodes what it encodes, octet for octet", () => {
    const boundary = chooseBoundary(parts)
    assert.deepStrictEqual(get(decodeMultipart(get(encodeMultipart(parts, boundary)), boundary)), parts)
  })
  it("passes over what stands outside, and padding behind a boundary", () => {
    const body = ascii("before\r\n--b \t\r\nA: 1\r\n\r\nx\r\n--b--\r\nafter")
    assert.deepStrictEqual(get(decodeMultipart(body, "b")), [{ headers: [["A", "1"]], content: ascii("x") }])
  })
  it("refuses what does not end, folds a header, or exceeds a limit", () => {
    for (const bad of [
      "",
      "--b",
      "--b\r\nA: 1\r\n\r\nx",
      "--b\r\nA: 1\r\n 2\r\n\r\nx\r\n--b--",
      "--b\r\nA\r\n\r\nx\r\n--b--",
      "--b\nA: 1\n\nx\n--b--",
      `--b\r\nA: ${"x".repeat(9000)}\r\n\r\nx\r\n--b--`,
      `--b\r\n${"A: 1\r\n".repeat(65)}\r\nx\r\n--b--`,
      `${"--b\r\n\r\nx\r\n".repeat(9)}--b--`
    ]) {
      assert.isTrue(Result.isFailure(decodeMultipart(ascii(bad), "b")), bad.slice(0, 40))
    }
    assert.isTrue(Result.isFailure(decodeMultipart(ascii("--b--"), "b\r\n")))
    assert.isTrue(Result.isFailure(encodeMultipart([{ headers: [], content: ascii("--b") }], "b")))
    assert.isTrue(Result.isFailure(encodeMultipart([{ headers: [["A", "1\r\nB: 2"]], content: ascii("") }], "b")))
  })
  it("finds a boundary whatever the contents are", () => {
    const content = ascii(Array.from({ length: 500 }, (_, i) => `oma-push-${i.toString(36).padStart(5, "0")}`).join(""))
    const boundary = chooseBoundary([{ headers: [], content }])
    assert.strictEqual(boundary, `oma-push-${(500).toString(36).padStart(5, "0")}`)
    assert.isTrue(Result.isSuccess(encodeMultipart([{ headers: [], content }], boundary)))
  })
  it("is total, and keeps any contents", () => {
    const content = fc.oneof(
      fc.uint8Array(),
      fc.array(fc.constantFrom("--", "\r\n", "oma-push-00000", "x")).map((found) => ascii(found.join("")))
    )
    fc.assert(
      fc.property(fc.array(content, { maxLength: 8 }), (contents) => {
        const sent = contents.map((found) => ({ headers: [["X-A", "b"]] as const, content: found }))
        const boundary = chooseBoundary(sent)
        assert.deepStrictEqual(get(decodeMultipart(get(encodeMultipart(sent, boundary)), boundary)), sent)
        for (const found of contents) decodeMultipart(found, "x")
      }),
      { numRuns: fuzzRuns }
    )
  })
})

describe("PAP bodies", () => {
  for (const vector of pushVectors) {
    it(`carries ${vector.name}`, () => {
      const { contentType, applicationId, contentHex } = vector.input
      const media = parseContentType(contentType)!
      const sent = { ...Push.push(media.media, hex(contentHex)), ...(applicationId === null ? {} : { applicationId }) }
      const body = get(encodePushBody(pushMessage, Push.toEntity(sent)))
      const request = get(decodePapBody(body))
      assert.deepStrictEqual(request.document.message, pushMessage)
      assert.strictEqual(toHex(request.content!.content), contentHex)
      assert.strictEqual(get(Push.fromEntity(request.content!)).contentType.media, media.media)
    })
  }
  it("capabilities travel as the third part", () => {
    const capabilities = { headers: [["Content-Type", "application/xml"]] as const, content: ascii("<rdf/>") }
    const sent = get(encodePushBody(pushMessage, Push.toEntity(Push.push("text/plain", ascii("x"))), { capabilities }))
    assert.deepStrictEqual(get(decodePapBody(sent)).capabilities, capabilities)
  })
  it("every prefix is refused, every single-bit change is refused or a message", () => {
    const sent = get(
      encodePushBody(
        { _tag: "PushMessage", pushId: "x", addresses: [address] },
        Push.toEntity(Push.push("text/plain", ascii("x")))
      )
    )
    const end = sent.body.length - 4 // without the dashes of the last boundary
    for (const body of prefixes(sent.body.subarray(0, end))) {
      assert.isTrue(Result.isFailure(decodePapBody({ ...sent, body })))
    }
    for (const body of bitFlips(sent.body)) {
      const decoded = decodePapBody({ ...sent, body })
      if (Result.isSuccess(decoded) && decoded.success.content !== undefined) Push.fromEntity(decoded.success.content)
    }
  })
  it("is total on any body under any type", () => {
    const type = fc.constantFrom(
      "application/xml",
      "multipart/related; boundary=b",
      'multipart/related; boundary="b c"',
      "x",
      ""
    )
    const pieces = fc.constantFrom(
      "--b",
      "\r\n",
      "--",
      "Content-Type: application/xml",
      ": ",
      "<pap>",
      "<push-message push-id='a'>",
      "x",
      "\0"
    )
    fc.assert(
      fc.property(type, fc.array(pieces, { maxLength: 30 }), (contentType, found) => {
        decodePapBody({ contentType, body: ascii(found.join("")) })
      }),
      { numRuns: fuzzRuns }
    )
  })
  it("operations without content are a lone control entity", () => {
    const body = get(encodeControl({ _tag: "StatusQueryMessage", pushId: "x", addresses: [] }))
    assert.strictEqual(body.contentType, "application/xml")
    assert.strictEqual(get(decodePapBody(body)).document.message._tag, "StatusQueryMessage")
  })
  it("refuses a push without content, another type, and a control entity that is none", () => {
    const lone = get(encodeControl(pushMessage))
    assert.isTrue(Result.isFailure(decodePapBody(lone)))
    assert.isTrue(Result.isFailure(decodePapBody({ ...lone, contentType: "text/plain" })))
    assert.isTrue(Result.isFailure(decodePapBody({ ...lone, contentType: "multipart/related" })))
    const body = ascii("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--")
    assert.isTrue(Result.isFailure(decodePapBody({ contentType: "multipart/related; boundary=b", body })))
  })
  it("headers of a push come through the content entity", () => {
    const sent: Push.Push = {
      ...Push.push("application/vnd.oma.dcd", ascii("x")),
      applicationId: 0x9022,
      contentUri: "http://a/",
      initiatorUri: "http://b/",
      contentLocation: "c",
      flags: 7,
      date: at,
      expires: at + 1000
    }
    const entity = Push.toEntity(sent)
    assert.deepInclude(entity.headers, ["X-Wap-Application-Id", "36898"])
    assert.deepStrictEqual(get(Push.fromEntity(entity)), sent)
    assert.deepInclude(Push.toEntity({ ...sent, applicationId: 7 }).headers, [
      "X-Wap-Application-Id",
      "x-wap-application:syncml.dm"
    ])
  })
})

describe("addresses", () => {
  it("the examples of the specification", () => {
    for (const [text, user, type] of [
      ["WAPPUSH=+15551230001/TYPE=PLMN@ppg.example.com", "+15551230001", "PLMN"],
      ["WAPPUSH=127.0.0.1/TYPE=IPV4@ppg.example.com", "127.0.0.1", "IPV4"],
      ["WAPPUSH=john%40example.com/TYPE=USER@ppg.example.com", "john@example.com", "USER"],
      ["WAPPUSH=::1/TYPE=IPV6@ppg.example.com", "::1", "IPV6"],
      ["WAPPUSH=a/TYPE=b/TYPE=IMSI@ppg.example.com", "a/TYPE=b", "IMSI"]
    ] as const) {
      const parsed = get(parsePapAddress(text))
      assert.deepStrictEqual(parsed, { user, type, domain: "ppg.example.com" })
      assert.strictEqual(get(formatPapAddress(parsed)), text)
    }
  })
  it("types are compared without case", () =>
    assert.strictEqual(get(parsePapAddress("wappush=+1/type=plmn@a")).type, "PLMN"))
  it("refuses what is none", () => {
    for (const bad of [
      "",
      "+15551230001",
      "WAPPUSH=+1555/TYPE=PLMN",
      "WAPPUSH=john/TYPE=PLMN@a",
      "WAPPUSH=256.0.0.1/TYPE=IPV4@a",
      "WAPPUSH=1.2.3/TYPE=IPV4@a",
      "WAPPUSH=1:2/TYPE=IPV6@a",
      "WAPPUSH=%zz/TYPE=USER@a",
      "WAPPUSH=/TYPE=USER@a",
      "WAPPUSH=+1/TYPE=PLMN@a b",
      `WAPPUSH=${"1".repeat(600)}/TYPE=X@a`
    ]) {
      assert.isTrue(Result.isFailure(parsePapAddress(bad)), bad)
    }
    assert.isTrue(Result.isFailure(formatPapAddress({ user: "\ud800", type: "USER", domain: "a" })))
  })
  it("IPv6 text forms", () => {
    for (const good of ["::", "::1", "1::", "fe80::1:2", "1:2:3:4:5:6:7:8", "::ffff:127.0.0.1"])
      assert.isTrue(isIpv6(good), good)
    for (const bad of [
      "",
      ":",
      ":::",
      "1:2:3:4:5:6:7:8:9",
      "1::2::3",
      "12345::",
      "127.0.0.1",
      "1:2:3:4:5:6:7::8",
      ":1::"
    ]) {
      assert.isFalse(isIpv6(bad), bad)
    }
  })
  it("any user name comes back", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 60 }), (user) => {
        const found = { user, type: "USER", domain: "a" }
        assert.deepStrictEqual(get(parsePapAddress(get(formatPapAddress(found)))), found)
      }),
      { numRuns: fuzzRuns }
    )
    assert.strictEqual(plmnAddress("1555", "a").user, "+1555")
  })
})

describe("result codes", () => {
  it("success is not repeated, the initiator's faults never are", () => {
    for (const [code] of resultCodes) {
      const judged = judge(code)!
      assert.isTrue(judged.known)
      if (judged.class === "success" || judged.class === "initiator") assert.isFalse(judged.retry, String(code))
    }
    for (const code of [3000, 4000, 4001]) assert.isTrue(judge(code)!.retry)
    for (const code of [3001, 3002, 3005, 3011]) assert.isFalse(judge(code)!.retry)
  })
  it("unknown codes are judged by class", () => {
    assert.deepInclude(judge(1999), { class: "success", retry: false, known: false })
    assert.deepInclude(judge(2999), { class: "initiator", retry: false, known: false })
    assert.deepInclude(judge(3999), { class: "gateway", retry: true, known: false })
    assert.deepInclude(judge(4999), { class: "service", retry: true, known: false })
    assert.deepInclude(judge(5234), { class: "terminal", retry: false, known: false })
    for (const bad of [0, 999, 6000, 1000.5, Number.NaN]) assert.isUndefined(judge(bad))
  })
})

describe("times and types", () => {
  it("agree with the platform's calendar", () => {
    const time = fc.integer({ min: Date.UTC(0, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 }).map((s) => s * 1000)
    fc.assert(
      fc.property(time, (ms) => {
        assert.strictEqual(Timestamp.format(ms), new Date(ms).toISOString().replace(".000", ""))
        assert.strictEqual(Timestamp.parse(Timestamp.format(ms)), ms)
        assert.strictEqual(formatHttpDate(ms), new Date(ms).toUTCString())
        assert.strictEqual(parseHttpDate(formatHttpDate(ms)), ms)
      }),
      { numRuns: fuzzRuns }
    )
    for (const bad of [
      "2026-02-29T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T00:00:60Z"
    ]) {
      assert.isUndefined(Timestamp.parse(bad), bad)
    }
    assert.isDefined(Timestamp.parse("2024-02-29T00:00:00Z"))
  })
  it("Content-Type fields are read in one way, whatever they hold", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseContentType(text)
        if (parsed !== undefined) assert.deepStrictEqual(parseContentType(formatContentType(parsed)), parsed)
        parseHttpDate(text)
        parsePapAddress(`WAPPUSH=${text}`)
      }),
      { numRuns: fuzzRuns }
    )
    assert.isUndefined(parseContentType(`text/${"x".repeat(2000)}`))
    assert.strictEqual(formatContentType({ media: "a/b", parameters: [{ name: "n", value: 5 }] }), "a/b; n=5")
  })
  it("Content-Type fields", () => {
    const parsed = parseContentType('multipart/Related; boundary="a;\\"b"; type="application/xml";')
    assert.deepStrictEqual(parsed, {
      media: "multipart/related",
      parameters: [
        { name: "boundary", value: 'a;"b' },
        { name: "type", value: "application/xml" }
      ]
    })
    assert.strictEqual(formatContentType(parsed!), 'multipart/related; boundary="a;\\"b"; type="application/xml"')
    for (const bad of ["", "text", "text/", "text/plain; a", "text/plain; a=", 'text/plain; a="', "text/plain x"]) {
      assert.isUndefined(parseContentType(bad), bad)
    }
  })
})
