/**
 * The messages of Device Profiles Evolution as tables of information elements. Names and layout are a choice of this project: the
 * technical specification could not be read.
 *
 * @layer codec
 */
import {
  defaultLimits,
  type Limits,
  type Malformed,
  Table,
  type TooLarge,
  type Unencodable,
  Xml
} from "@oma/enabler-message"
import type * as Result from "effect/Result"
import * as ConnectionSecurity from "./ConnectionSecurity.ts"
import { types } from "./PropertyType.ts"

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
  some,
  string,
  structure
} = Table

const clause = "dpe 3"
const id = string({ maxLength: 255 })
const name = string({ maxLength: 255 })
const value = string({ maxLength: 65_536 })
const version = string({ pattern: /[0-9]{1,3}\.[0-9]{1,3}/ })
const messageId = mandatory("Message-ID", id)
const sessionId = mandatory("Session-ID", id)
const inSession = { messageId, sessionId }

const status = structure({
  code: mandatory("Code", integer({ min: 100, max: 599 })),
  description: optional("Description", string({ maxLength: 1024 }))
})
const mandatoryStatus = mandatory("Status", status)

const about = {
  type: attribute(optional("type", oneOf(types))),
  time: attribute(optional("time", dateTime)),
  expires: attribute(optional("expires", dateTime)),
  accuracy: attribute(optional("accuracy", string({ maxLength: 32 })))
}
const property = structure({ name: attribute(mandatory("name", name)), ...about, value: content(value) })
const propertyDiff = structure(
  {
    operation: attribute(mandatory("operation", oneOf(["set", "remove"]))),
    name: attribute(mandatory("name", name)),
    ...about,
    value: content(value)
  },
  [{ text: "remove has no value", holds: ({ operation, value }) => operation === "set" || value === "" }]
)
/** A property as DPE-3 shows it: with the interface and the security at which it came. */
const shownProperty = structure({
  name: attribute(mandatory("name", name)),
  ...about,
  interface: attribute(optional("interface", oneOf(["dpe-1", "dpe-2", "dpe-3"]))),
  security: attribute(optional("security", oneOf(ConnectionSecurity.words))),
  value: content(value)
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
        period: attribute(
          conditional("period", "kind is period", integer({ min: 1, max: 31_536_000 }), { note: "seconds" })
        )
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

/** The challenges of a 401, as `WWW-Authenticate` has them. */
const authInfo = structure({
  scheme: mandatory("Scheme", oneOf(["Digest"])),
  challenge: some("Challenge", string({ maxLength: 4096 }))
})

/** Why an authentication was not accepted: a fixed list, so that nothing else can be said to a peer that is not trusted. */
export const reasons = ["expired", "not validated", "name mismatch", "authentication error"] as const

export const protocolTables = protocol({
  root: "dpe-message",
  namespace: "urn:oma:xml:dpe:msg:1.0",
  messages: [
    message("RegistrationRequest", clause, {
      messageId,
      deviceId: mandatory("Device-ID", id),
      version: mandatory("Version", version),
      profileUri: optional("Profile-URI", string({ maxLength: 2048 })),
      property: many("Property", property),
      capabilities: optional(
        "Capabilities",
        structure({
          propertyName: many("Property-Name", name),
          pushAddress: optional("Push-Address", string({ maxLength: 255 }))
        })
      ),
      connectionSecurity: optional("Connection-Security", oneOf(ConnectionSecurity.words))
    }),
    message(
      "RegistrationResponse",
      clause,
      {
        messageId,
        status: mandatoryStatus,
        sessionId: conditional("Session-ID", "the status is 200", id),
        sessionTtl: optional("Session-TTL", integer(), { note: "seconds" }),
        reportRules: many("Report-Rules", reportRule),
        authInfo: conditional("Auth-Info", "the status is 401", authInfo)
      },
      [
        {
          text: "Session-ID comes with status 200 and with no other, Auth-Info with no other than 401",
          holds: ({ sessionId, authInfo, status: { code } }) =>
            (code === 200) === (sessionId !== undefined) && (authInfo === undefined || code === 401)
        }
      ]
    ),
    message("DeregistrationRequest", clause, inSession),
    message("DeregistrationResponse", clause, { ...inSession, status: mandatoryStatus }),
    message(
      "PropertyUpdateRequest",
      clause,
      { ...inSession, property: many("Property", property), propertyDiff: many("Property-Diff", propertyDiff) },
      [
        {
          text: "either Property 1..n or Property-Diff 1..n",
          holds: ({ property = [], propertyDiff = [] }) => property.length > 0 !== propertyDiff.length > 0
        }
      ]
    ),
    message("PropertyUpdateResponse", clause, {
      ...inSession,
      status: mandatoryStatus,
      reportRules: many("Report-Rules", reportRule)
    }),
    message("PropertyRequest", clause, { ...inSession, propertyName: some("Property-Name", name) }),
    message("PropertyResponse", clause, {
      ...inSession,
      property: many("Property", property),
      status: mandatoryStatus
    }),
    message("PropertySubscriptionRequest", clause, { ...inSession, reportRule: some("Report-Rule", reportRule) }),
    message("PropertySubscriptionResponse", clause, { ...inSession, status: mandatoryStatus }),
    message("PropertyReport", clause, {
      ...inSession,
      ruleId: mandatory("Rule-ID", id),
      property: some("Property", property)
    }),
    message("PropertyReportResponse", clause, { ...inSession, status: mandatoryStatus }),
    message("PollRequest", clause, {
      ...inSession,
      wait: optional("Wait", integer({ max: 60 }), { note: "seconds; how long the server may hold the answer back" })
    }),
    message("RequestForRegistration", clause, { messageId, serverId: mandatory("Server-ID", id) }),
    message("AuthenticationError", clause, {
      messageId: optional("Message-ID", id, { note: "of the offending message" }),
      reason: mandatory("Reason", oneOf(reasons)),
      interface: mandatory("Interface", oneOf(["DPE-1", "DPE-2", "DPE-3"]))
    }),
    message(
      "ProfileQuery",
      clause,
      {
        messageId,
        deviceId: conditional("Device-ID", "there is no Subscriber-Alias", id),
        subscriberAlias: conditional("Subscriber-Alias", "there is no Device-ID", id),
        propertyName: some("Property-Name", name),
        maxAge: optional("Max-Age", integer({ max: 31_536_000 }), { note: "seconds" })
      },
      [
        {
          text: "either Device-ID or Subscriber-Alias",
          holds: ({ deviceId, subscriberAlias }) => (deviceId === undefined) !== (subscriberAlias === undefined)
        }
      ]
    ),
    message("ProfileResponse", clause, {
      messageId,
      status: mandatoryStatus,
      property: many("Property", shownProperty)
    })
  ]
})

/** Any message; `_tag` is its `Message-Type`. */
export type DpeMessage = Table.AnyOf<typeof protocolTables>

/** The message of one type. */
export type MessageOf<T extends DpeMessage["_tag"]> = Extract<DpeMessage, { readonly _tag: T }>

/** 128 KiB, and the other bounds of the codec. */
export const limits: Limits = { ...defaultLimits, bytes: 131_072, text: 131_072, elements: 4096 }

/** The message in a document. **Fails** with `Malformed` or, before the work, `TooLarge`. */
export const decode = (octets: Uint8Array, within: Limits = limits): Result.Result<DpeMessage, Malformed | TooLarge> =>
  Xml.decode(protocolTables, octets, within)

/** The document of a message. **Fails** where a value is not of the type of its element. */
export const encode = (value: DpeMessage, within: Limits = limits): Result.Result<Uint8Array, Unencodable | TooLarge> =>
  Xml.encode(protocolTables, value, within)
