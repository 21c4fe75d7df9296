/**
 * What both ends of Ub by GBA_Digest have in common: the extract of the TLS connection, and the form of the nonce.
 *
 * The label of the exporter, that the password goes into A1 as raw octets, and that the nonce is base64 of 16 octets are our own choices:
 * both ends must be of this library, or be given the same label.
 *
 * @layer codec
 * @spec TS 33.220 Annex B.5, B.6; TS 24.109 Annex I.2
 */
import type { Connection } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"

/** The algorithms of Ub; each uses H(A1) of the subscriber's SIP Digest credentials made with its own hash. */
export type GbaDigestAlgorithm = "SHA-256" | "MD5"

/** The label under which TLS_MK_Extr is exported; our own choice, from the range that RFC 5705 leaves to experiments. */
export const EXPORTER_LABEL = "EXPERIMENTAL oma gba digest"

/** Octets of TLS_MK_Extr. @spec TS 33.220 B.5 */
export const EXTRACT_LENGTH = 48

/** On which connections the extract is taken, and how; the same at both ends. */
export interface ExtractOptions {
  /** The label of the TLS exporter; our own choice unless given. */
  readonly exporterLabel?: string | undefined
  /**
   * Takes TLS 1.2 as well as 1.3; no unless given. There the exporter tells connections apart only with the extended master secret, and
   * Node does not say whether that was negotiated.
   *
   * @spec RFC 7627 1, 5.4
   */
  readonly tls12?: boolean | undefined
}

/** TLS_MK_Extr of a connection; `undefined` where it is not inside TLS with full protection, of a version that is taken, or closed. */
export const masterKeyExtract = (
  { exporter, protection: { level, protocol, version } }: Connection.Connection,
  options: ExtractOptions = {}
): Uint8Array | undefined =>
  protocol === "tls" && level === 3 && (version === "TLSv1.3" || (options.tls12 === true && version === "TLSv1.2"))
    ? exporter?.(options.exporterLabel ?? EXPORTER_LABEL, EXTRACT_LENGTH)
    : undefined

/** The nonce on Ub that carries the 16 octets which stand where other bootstrappings have RAND. */
export const encodeNonce = (rand: Uint8Array): string => Bytes.toBase64(rand)

/** Those octets, or `undefined` where the nonce is none of these. */
export const decodeNonce = (nonce: string): Uint8Array | undefined => {
  const octets = nonce.length === 24 ? Bytes.fromBase64(nonce) : undefined
  return octets !== undefined && Result.isSuccess(octets) && octets.success.length === 16 ? octets.success : undefined
}
