/**
 * UDP as RADIUS needs it: the port between the services and the runtime.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The socket cannot be opened: the port is taken, or the address is not of this machine. */
export class BindFailed extends Data.TaggedError("BindFailed")<{
  readonly host: string
  readonly port: number
  readonly cause: unknown
}> {}

export interface Datagram {
  readonly octets: Uint8Array
  /** Of the other side. */
  readonly address: string
  readonly port: number
}

export interface BindOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Datagrams that wait to be taken; 1,024 unless given. Further ones are lost, as on any network. */
  readonly waiting?: number
}

export interface DatagramSocket {
  readonly port: number
  readonly take: Effect.Effect<Datagram>
  /** Sends, or loses it: UDP tells nobody. */
  readonly send: (datagram: Datagram) => Effect.Effect<void>
}

/** Sockets of the runtime; they close with the scope. */
export class Datagrams extends Context.Service<
  Datagrams,
  { readonly bind: (options: BindOptions) => Effect.Effect<DatagramSocket, BindFailed, Scope.Scope> }
>()("@oma/sec-cf-core/Datagrams") {}
