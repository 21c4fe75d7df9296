import { Redacted } from "effect"
import type { Table } from "../src/index.ts"
import { Wbxml, Xml } from "../src/index.ts"
import { type ClientActivationRequest, dcd } from "./dcd.ts"
import { dpe } from "./dpe.ts"
import { got, utf8 } from "./support.ts"

export const activation: Table.MessageOf<typeof ClientActivationRequest> = {
  _tag: "ClientActivationRequest",
  deviceId: "acme/phone1 dcd-client/1.0",
  version: "1.0",
  authenticationMode: "GBA",
  smsProtection: {
    saIdentifier: { type: "GBA", value: "bXktcmFuZC1pcy0xNi1ieQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org" }
  }
}

export const dcdMessages: ReadonlyArray<Table.AnyOf<typeof dcd>> = [
  activation,
  {
    _tag: "ClientActivationRequest",
    version: "1.0",
    authenticationMode: "AUTH-Digest",
    authInfo: Redacted.make('Digest username="a", realm="dcd.example.net", response="00"'),
    smsProtection: {
      saIdentifier: { type: "non-GBA", value: "0123456789abcdef" },
      key: Redacted.make(Uint8Array.from({ length: 32 }, (_, i) => i)),
      cipherSuite: "02 01",
      lifetime: 86_400,
      address: "+15551230001"
    }
  },
  { _tag: "ClientActivationResponse", sessionId: "s-1", sessionTtl: 0 },
  {
    _tag: "ClientActivationResponse",
    authInfo: { scheme: "Digest", challenge: ['Digest realm="r", nonce="n"', "Digest algorithm=MD5"] },
    status: { code: 401, description: "Unauthorised" }
  },
  {
    _tag: "RequestForClientActivation",
    messageId: "1",
    serverId: "dcd.example.net",
    connectionProfile: {
      serverAddress: "https://dcd.example.net/dcd",
      dataConnection: { apn: "internet", password: Redacted.make("p") },
      security: "psk-tls"
    }
  },
  { _tag: "ClientDeactivationResponse", status: "Failure", reason: "später & <anders>" },
  { _tag: "ClientDeactivationNotification", sessionId: "s-1" },
  {
    _tag: "ContentUpdatePush",
    sessionId: "s-1",
    messageId: "m-2",
    channelId: "news",
    contentPackage: [
      {
        contentType: "text/plain",
        contentId: "c1",
        content: utf8("hello"),
        contentMetadata: {
          contentId: "c1",
          expiry: 1_767_225_600_000,
          category: ["a", "b"],
          block: { index: 0, total: 2 }
        }
      },
      { contentType: "image/png", contentId: "c2", contentRef: "cid:2@x" }
    ],
    confirmationRequired: true
  }
]

export const dpeMessages: ReadonlyArray<Table.AnyOf<typeof dpe>> = [
  {
    _tag: "RegistrationRequest",
    messageId: "1",
    deviceId: "d",
    version: "1.0",
    property: [{ name: "batteryLevel", type: "integer", time: 1_767_225_600_000, value: "80" }],
    capabilities: { propertyName: ["batteryLevel"], pushAddress: "+15551230001" },
    connectionSecurity: "tls"
  },
  {
    _tag: "RegistrationResponse",
    messageId: "1",
    status: { code: 200 },
    sessionId: "s",
    reportRules: [
      { ruleId: "r", propertyName: ["batteryLevel"], trigger: { kind: "threshold", threshold: -20 }, expiry: 0 }
    ]
  },
  {
    _tag: "PropertyUpdateRequest",
    messageId: "2",
    sessionId: "s",
    propertyDiff: [{ operation: "remove", name: "x", value: "" }]
  },
  { _tag: "AuthenticationError", messageId: "3", reason: "name mismatch", interface: "DPE-2" },
  { _tag: "ProfileQuery", messageId: "4", deviceId: "d", propertyName: ["a", "b"], maxAge: 60 }
]

export interface Sample {
  readonly protocol: Table.Protocol<Table.AnyMessage>
  readonly isXml: boolean
  readonly octets: Uint8Array
}

/** Valid documents in both representations. */
export const corpus: ReadonlyArray<Sample> = [
  ...dcdMessages.flatMap((message) => [
    { protocol: dcd, isXml: true, octets: got(Xml.encode(dcd, message)) },
    { protocol: dcd, isXml: false, octets: got(Wbxml.encode(dcd, message)) }
  ]),
  ...dpeMessages.flatMap((message) => [
    { protocol: dpe, isXml: true, octets: got(Xml.encode(dpe, message)) },
    { protocol: dpe, isXml: false, octets: got(Wbxml.encode(dpe, message)) }
  ])
]
