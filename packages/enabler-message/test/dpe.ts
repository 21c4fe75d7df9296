/** All messages of Device Profiles Evolution as tables. */
import { Table, Wbxml } from "../src/index.ts"

const {
  attribute,
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

const clause = "DPE 1.0, messages"
const id = string({ maxLength: 255 })
const name = string({ maxLength: 255 })
const level = oneOf(["none", "tls", "tls-mutual", "dtls"])
const messageId = mandatory("Message-ID", id)
const inSession = { messageId, sessionId: mandatory("Session-ID", id) }

const status = structure({
  code: mandatory("Code", integer({ min: 100, max: 599 })),
  description: optional("Description", string({ maxLength: 1024 }))
})

const property = structure({
  name: attribute(mandatory("name", name)),
  type: attribute(optional("type", oneOf(["string", "integer", "decimal", "boolean", "dateTime", "list"]))),
  time: attribute(optional("time", dateTime)),
  expires: attribute(optional("expires", dateTime)),
  accuracy: attribute(optional("accuracy", string({ maxLength: 32 }))),
  value: content(string({ maxLength: 65_536 }))
})
const propertyDiff = structure({
  operation: attribute(mandatory("operation", oneOf(["set", "remove"]))),
  name: attribute(mandatory("name", name)),
  value: content(string({ maxLength: 65_536 }))
})

const reportRule = structure({
  ruleId: mandatory("Rule-ID", id),
  propertyName: some("Property-Name", name),
  trigger: mandatory(
    "Trigger",
    structure(
      {
        kind: attribute(mandatory("kind", oneOf(["onChange", "threshold", "period"]))),
        threshold: attribute(conditional("threshold", "kind is threshold", integer({ min: -Number.MAX_SAFE_INTEGER }))),
        period: attribute(conditional("period", "kind is period", integer({ min: 1 }), { note: "seconds" }))
      },
      [
        {
          text: "threshold and period are there exactly for their kinds",
          holds: ({ kind, threshold, period }) =>
            (kind === "threshold") === (threshold !== undefined) && (kind === "period") === (period !== undefined)
        }
      ]
    )
  ),
  expiry: optional("Expiry", dateTime)
})

const challenge = structure({
  scheme: mandatory("Scheme", oneOf(["Digest", "TLS"])),
  challenge: some("Challenge", string({ maxLength: 4096 }))
})

const query = {
  messageId,
  deviceId: conditional("Device-ID", "there is no Subscriber-Alias", id),
  subscriberAlias: conditional("Subscriber-Alias", "there is no Device-ID", id)
}
const target = {
  text: "either Device-ID or Subscriber-Alias",
  holds: (value: { readonly deviceId?: string; readonly subscriberAlias?: string }) =>
    (value.deviceId === undefined) !== (value.subscriberAlias === undefined)
}

const RegistrationRequest = message("RegistrationRequest", clause, {
  messageId,
  deviceId: mandatory("Device-ID", id),
  version: mandatory("Version", string({ pattern: /[0-9]{1,3}\.[0-9]{1,3}/ })),
  profileUri: optional("Profile-URI", string({ maxLength: 2048 })),
  property: many("Property", property),
  capabilities: optional(
    "Capabilities",
    structure({
      propertyName: many("Property-Name", name),
      pushAddress: optional("Push-Address", string({ maxLength: 255 }))
    })
  ),
  connectionSecurity: optional("Connection-Security", level),
  authInfo: conditional("Auth-Info", "a previous response asked for it", secret(string({ maxLength: 4096 })))
})

const RegistrationResponse = message(
  "RegistrationResponse",
  clause,
  {
    messageId,
    status: mandatory("Status", status),
    sessionId: conditional("Session-ID", "the status is 200", id),
    sessionTtl: optional("Session-TTL", integer()),
    reportRules: many("Report-Rules", reportRule),
    authInfo: conditional("Auth-Info", "the status is 401", challenge)
  },
  [
    {
      text: "Session-ID comes with status 200 and with no other",
      holds: ({ sessionId, status: { code } }) => (code === 200) === (sessionId !== undefined)
    }
  ]
)

const answer = { ...inSession, status: mandatory("Status", status) }

const PropertyUpdateRequest = message(
  "PropertyUpdateRequest",
  clause,
  {
    ...inSession,
    property: many("Property", property),
    propertyDiff: many("Property-Diff", propertyDiff)
  },
  [
    {
      text: "either Property 1..n or Property-Diff 1..n",
      holds: ({ property = [], propertyDiff = [] }) => property.length > 0 !== propertyDiff.length > 0
    }
  ]
)

const PropertyReport = message("PropertyReport", clause, {
  ...inSession,
  ruleId: mandatory("Rule-ID", id),
  property: some("Property", property)
})

const AuthenticationError = message("AuthenticationError", clause, {
  messageId,
  offendingMessageId: optional("Offending-Message-ID", id),
  reason: mandatory("Reason", oneOf(["expired", "not validated", "name mismatch", "authentication error"])),
  interface: mandatory("Interface", oneOf(["DPE-1", "DPE-2", "DPE-3"]))
})

const tables = {
  root: "dpe-message",
  namespace: "urn:oma:xml:dpe:msg:1.0",
  correlation: "Message-ID",
  messages: [
    RegistrationRequest,
    RegistrationResponse,
    message("DeregistrationRequest", clause, inSession),
    message("DeregistrationResponse", clause, answer),
    PropertyUpdateRequest,
    message("PropertyUpdateResponse", clause, { ...answer, reportRules: many("Report-Rules", reportRule) }),
    message("PropertyRequest", clause, { ...inSession, propertyName: some("Property-Name", name) }),
    message("PropertyResponse", clause, { ...answer, property: many("Property", property) }),
    message("PropertySubscriptionRequest", clause, { ...inSession, reportRule: some("Report-Rule", reportRule) }),
    message("PropertySubscriptionResponse", clause, answer),
    PropertyReport,
    message("PropertyReportResponse", clause, answer),
    message("PollRequest", clause, inSession),
    message("RequestForRegistration", clause, { messageId, serverId: mandatory("Server-ID", id) }),
    AuthenticationError,
    message(
      "ProfileQuery",
      clause,
      { ...query, propertyName: many("Property-Name", name), maxAge: optional("Max-Age", integer()) },
      [target]
    ),
    message("ProfileResponse", clause, {
      messageId,
      status: mandatory("Status", status),
      property: many("Property", property)
    }),
    message("ProfileSubscription", clause, { ...query, reportRule: some("Report-Rule", reportRule) }, [target]),
    message("ProfileSubscriptionResponse", clause, { messageId, status: mandatory("Status", status) }),
    message("ProfileNotification", clause, { messageId, property: many("Property", property) }),
    message("ProfileNotificationResponse", clause, { messageId, status: mandatory("Status", status) })
  ]
} as const

export const dpe = protocol({ ...tables, wbxml: { publicId: 1, pages: Wbxml.codePages(tables) } })
