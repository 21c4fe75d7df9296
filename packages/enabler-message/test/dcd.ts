/** Messages of Dynamic Content Delivery as tables: activation, deactivation, and the shapes that channels and content need. */
import { Table, Wbxml } from "../src/index.ts"

const {
  attribute,
  base64,
  boolean,
  conditional,
  content,
  dateTime,
  integer,
  many,
  mandatory,
  message,
  oneOf,
  optional,
  protocol,
  secret,
  some,
  string,
  structure
} = Table

const metadata = "urn:oma:xml:dcd:metadata:1.0"
const version = string({ pattern: /[0-9]{1,3}\.[0-9]{1,3}/ })

const status = structure({
  code: mandatory("Code", integer({ min: 100, max: 599 })),
  description: optional("Description", string({ maxLength: 1024 }))
})

const smsProtection = structure(
  {
    saIdentifier: mandatory(
      "SA-Identifier",
      structure({
        type: attribute(mandatory("type", oneOf(["GBA", "non-GBA"]))),
        value: content(string({ maxLength: 255 }))
      })
    ),
    key: conditional("Key", "the SA is made without GBA", secret(base64({ minOctets: 32, maxOctets: 32 }))),
    cipherSuite: optional("Cipher-Suite", string({ pattern: /[0-9a-f]{2}( [0-9a-f]{2})*/, maxLength: 64 })),
    lifetime: optional("Lifetime", integer(), { note: "seconds" }),
    address: optional("Address", string({ pattern: /\+?[0-9]{1,15}/ }))
  },
  [
    {
      text: "Key is there exactly when the type of SA-Identifier is non-GBA",
      holds: ({ saIdentifier, key }) => (saIdentifier.type === "non-GBA") === (key !== undefined)
    }
  ]
)

const inSession = {
  sessionId: mandatory("Session-ID", string({ maxLength: 255 })),
  messageId: mandatory("Message-ID", string({ maxLength: 255 }))
}
const inDeactivation = {
  sessionId: mandatory("Session-ID", string({ maxLength: 255 })),
  messageId: optional("Message-ID", string({ maxLength: 255 }))
}

export const ClientActivationRequest = message("ClientActivationRequest", "DCD 1.0 section 7.1.3.1.1", {
  deviceId: optional("Device-ID", string({ maxLength: 255 })),
  version: mandatory("Version", version, { note: "the highest of the device" }),
  authenticationMode: mandatory(
    "Authentication-Mode",
    oneOf(["AUTH-None", "AUTH-Basic", "AUTH-Digest", "AUTH-TLS", "GBA"], { ignoreCase: true })
  ),
  authInfo: conditional("Auth-Info", "a previous response asked for it", secret(string({ maxLength: 4096 }))),
  smsProtection: optional("SMS-Protection", smsProtection, { aliases: ["SMS-Proctection"] })
})

const ClientActivationResponse = message(
  "ClientActivationResponse",
  "DCD 1.0 section 7.1.3.1.1",
  {
    sessionId: conditional("Session-ID", "the activation succeeded", string({ maxLength: 255 })),
    sessionTtl: optional("Session-TTL", integer(), { note: "seconds; 0 for ever" }),
    authInfo: conditional(
      "Auth-Info",
      "the status is 401",
      structure({
        scheme: mandatory("Scheme", oneOf(["Basic", "Digest", "TLS", "GBA"])),
        challenge: some("Challenge", string({ maxLength: 4096 }))
      })
    ),
    status: optional("Status", status),
    version: optional("Version", version),
    smsProtection: optional(
      "SMS-Protection",
      structure({
        cipherSuite: optional("Cipher-Suite", string({ pattern: /[0-9a-f]{2}/ })),
        lifetime: optional("Lifetime", integer())
      }),
      { aliases: ["SMS-Proctection"] }
    )
  },
  [
    {
      text: "a Session-ID comes with no failure",
      holds: ({ sessionId, status }) => sessionId === undefined || status === undefined || status.code < 400
    }
  ]
)

const RequestForClientActivation = message("RequestForClientActivation", "DCD 1.0 section 7.1.3.1.2", {
  messageId: mandatory("Message-ID", string({ maxLength: 255 })),
  serverId: mandatory("Server-ID", string({ maxLength: 255 })),
  connectionProfile: optional(
    "Connection-Profile",
    structure({
      serverAddress: mandatory("server-address", string({ maxLength: 2048 }), { namespace: metadata }),
      proxy: optional("proxy", string({ maxLength: 2048 }), { namespace: metadata }),
      dataConnection: optional(
        "data-connection",
        structure({
          apn: mandatory("apn", string()),
          username: optional("username", string()),
          password: optional("password", secret(string()))
        }),
        { namespace: metadata }
      ),
      security: optional("security", oneOf(["none", "tls", "psk-tls", "dtls"]), { namespace: metadata })
    })
  )
})

const ClientDeactivationRequest = message("ClientDeactivationRequest", "DCD 1.0 section 7.1.3.2", inDeactivation)
const ClientDeactivationResponse = message("ClientDeactivationResponse", "DCD 1.0 section 7.1.3.2", {
  sessionId: optional("Session-ID", string({ maxLength: 255 })),
  messageId: optional("Message-ID", string({ maxLength: 255 })),
  status: mandatory("Status", oneOf(["Success", "Failure"])),
  reason: optional("Reason", string({ maxLength: 1024 }))
})
const ClientDeactivationNotification = message("ClientDeactivationNotification", "DCD 1.0 section 7.1.3.2.2", {
  ...inDeactivation,
  reason: optional("Reason", string({ maxLength: 1024 }))
})

const contentPackage = structure(
  {
    contentMetadata: optional(
      "Content-Metadata",
      structure({
        contentId: attribute(optional("content-id", string())),
        expiry: optional("expiry", dateTime, { namespace: metadata }),
        category: many("category", string(), { namespace: metadata }),
        block: optional(
          "block",
          structure({
            index: attribute(mandatory("index", integer())),
            total: attribute(mandatory("total", integer({ min: 1 })))
          }),
          { namespace: metadata }
        )
      })
    ),
    contentType: mandatory("Content-Type", string()),
    contentId: mandatory("Content-ID", string()),
    content: optional("Content", base64()),
    contentRef: optional("Content-Ref", string()),
    contentAddress: optional("Content-Address", string())
  },
  [
    {
      text: "one of Content, Content-Ref and Content-Address",
      holds: (p) => [p.content, p.contentRef, p.contentAddress].filter((x) => x !== undefined).length === 1
    }
  ]
)

const ContentUpdatePush = message("ContentUpdatePush", "DCD 1.0, content", {
  ...inSession,
  channelId: mandatory("Channel-ID", string()),
  applicationId: optional("Application-ID", string()),
  contentPackage: some("Content-Package", contentPackage),
  confirmationRequired: optional("Confirmation-Required", boolean)
})

const tables = {
  root: "dcd-message",
  namespace: "urn:oma:xml:dcd:msg:1.0",
  messages: [
    ClientActivationRequest,
    ClientActivationResponse,
    RequestForClientActivation,
    ClientDeactivationRequest,
    ClientDeactivationResponse,
    ClientDeactivationNotification,
    ContentUpdatePush
  ]
} as const

export const dcd = protocol({ ...tables, wbxml: { publicId: 1, pages: Wbxml.codePages(tables) } })
