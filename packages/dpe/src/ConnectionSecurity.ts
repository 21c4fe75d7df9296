/**
 * The words with which DPE messages speak of the security of a connection.
 *
 * @layer codec
 * @spec dpe 5.4: none < tls < tls-mutual; dtls counts as tls for datagrams
 */
import { type Connection, Level } from "@oma/sa-policy"

export const words = ["none", "tls", "tls-mutual", "dtls"] as const

export type ConnectionSecurity = (typeof words)[number]

const ranks: Readonly<Record<ConnectionSecurity, number>> = { none: 0, tls: 1, dtls: 1, "tls-mutual": 2 }

/** Whether `actual` gives at least what `least` says. */
export const satisfies = (actual: ConnectionSecurity, least: ConnectionSecurity): boolean =>
  ranks[actual] >= ranks[least]

/** The stronger of both; of two that are equal the first. */
export const stronger = (a: ConnectionSecurity, b: ConnectionSecurity): ConnectionSecurity => (satisfies(a, b) ? a : b)

/** What a connection gives, as the server sees it: anything less than integrity and confidentiality counts as none. */
export const ofConnection = ({ protection, peer }: Connection.Connection): ConnectionSecurity => {
  if (!Level.satisfies(protection.level, Level.full)) return "none"
  if (peer.certificate !== undefined || peer.pskIdentity !== undefined) return "tls-mutual"
  return protection.protocol === "dtls" ? "dtls" : "tls"
}

/** The same as a client sees it: the certificate is the server's, and what the client brought itself it knows. */
export const ofClientConnection = ({ protection }: Connection.Connection): ConnectionSecurity => {
  if (!Level.satisfies(protection.level, Level.full)) return "none"
  return protection.protocol === "dtls" ? "dtls" : "tls"
}

/** The word for a level of the policy: every protection is asked for as TLS. */
export const ofLevel = (level: Level.Level): ConnectionSecurity => (level === Level.none ? "none" : "tls")

/** The least level of a connection that satisfies the word. */
export const levelOf = (word: ConnectionSecurity): Level.Level => (word === "none" ? Level.none : Level.full)

/** `text` as a word, or `undefined`. */
export const parse = (text: string): ConnectionSecurity | undefined => words.find((word) => word === text)
