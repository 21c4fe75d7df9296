/**
 * Zn as the service Nbsp_GBA over HTTP: the side of the bootstrapping server.
 *
 * @layer binding
 * @spec TS 29.309; OMA SEC_CF-SEC-002
 */
import type { Connection } from "@oma/sa-policy"
import type { HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import { Bsf, type NafPrincipal } from "../Bsf.ts"
import * as Nbsp from "../Nbsp.ts"
import type { ZnRefused } from "../Zn.ts"
import { handler, type KeyServiceOptions } from "./KeyServiceServer.ts"

export type ZnServerOptions = KeyServiceOptions

/**
 * The application server that the client certificate names: it answers for the certificate's DNS names and no others.
 */
export const principalByCertificate = ({ peer }: Connection.Connection): NafPrincipal | undefined => {
  const certificate = peer.certificate
  if (certificate === undefined) return undefined
  const names = new Set(certificate.dnsNames.map((name) => name.toLowerCase()))
  return { name: certificate.subject, answersFor: (fqdn) => names.has(fqdn) }
}

/** What an application server is told. Unknown and expired B-TIDs are one. */
export const refusalStatus: Readonly<Record<ZnRefused["reason"], 400 | 403 | 404>> = {
  "transaction identifier invalid": 404,
  "not authorised": 403,
  malformed: 400
}

/** The handler; mount it at `Nbsp.PATH` below the root of the interface. */
export const make = (options: ZnServerOptions): Effect.Effect<HttpHandler.HttpHandler, never, Bsf> =>
  Effect.map(Bsf, (bsf) =>
    handler(
      { decode: Nbsp.decodeRequest, answer: bsf.key, encode: Nbsp.encodeResponse, status: refusalStatus },
      options
    )
  )
