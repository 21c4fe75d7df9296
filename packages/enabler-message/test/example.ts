import { Table, Xml } from "@oma/enabler-message"
import { Result } from "effect"

const { attribute, base64, content, dateTime, many, mandatory, oneOf, optional, secret, string, structure } = Table
const reading = structure({ at: attribute(mandatory("at", dateTime)), value: content(string({ maxLength: 64 })) })
const Report = Table.message("Report", "Weather 1.0 section 2", {
  station: mandatory("Station-ID", string({ maxLength: 64 })),
  unit: mandatory("Unit", oneOf(["C", "F"])),
  reading: many("Reading", reading),
  token: optional("Token", secret(base64({ maxOctets: 32 })))
})
const weather = Table.protocol({ root: "weather", namespace: "urn:example:weather:1.0", messages: [Report] })

const octets = Result.getOrThrow(
  Xml.encode(weather, { _tag: "Report", station: "s1", unit: "C", reading: [{ at: 0, value: "-3" }] })
)
const message = Result.getOrThrow(Xml.decode(weather, octets)) // Table.MessageOf<typeof Report>
console.log(`${message.station}: ${message.reading?.[0]?.value} ${message.unit}`)
const bad = Xml.decode(weather, new TextEncoder().encode('<weather xmlns="urn:example:weather:1.0"/>'))
if (Result.isFailure(bad)) console.log(bad.failure.message)
