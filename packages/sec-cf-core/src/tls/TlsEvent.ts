/**
 * What TLS endpoints tell the operator. Values only: ids, names, addresses and reasons, never a secret. The peer learned a
 * TLS alert or a closed connection.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

/** Why a pre-shared key was not used. */
export type PskRefusal =
  /** The lookup has no key for the identity, or no key any more. */
  | "unknown identity"
  /** The identity is empty, too long or holds control characters. */
  | "malformed identity"
  /** The key is shorter than the least length. */
  | "weak key"
  /** The lookup threw. */
  | "lookup failed"
  /** The suite that would be used could not be told, so that a key bound to the suite cannot be chosen. */
  | "suite not determined"

export type TlsEvent = Data.TaggedEnum<{
  /** A profile with protection that is broken today was switched on. */
  LegacyProfileEnabled: { readonly minVersion: string; readonly suites: ReadonlyArray<string> }
  /** A connection was closed before its handshake. */
  ConnectionRefused: {
    readonly address: string
    readonly reason:
      | "too many unauthenticated"
      | "too many unauthenticated from this address"
      | "no address"
      | "endpoint in use"
  }
  /** What came first was no ClientHello, or not all of it in time. */
  HelloRefused: { readonly address: string; readonly reason: string }
  /** A key was asked for and refused. `identity` is what the peer claimed, shortened. */
  PskRefused: { readonly address: string; readonly identity: string; readonly reason: PskRefusal }
  /** The handshake failed. `identity` is there where a key was found for it: then the key differs, most of the time. */
  HandshakeFailed: {
    readonly address: string
    readonly reason: string
    readonly code: string
    readonly identity?: string
  }
  /** A connection was made, but not by what this server accepts; it was closed before any data was read. */
  NotAuthenticated: { readonly address: string; readonly reason: string; readonly identity?: string }
  /** A key was withdrawn and its connections were closed. */
  IdentityDisconnected: { readonly identity: string; readonly connections: number }
}>
export const TlsEvent = Data.taggedEnum<TlsEvent>()
