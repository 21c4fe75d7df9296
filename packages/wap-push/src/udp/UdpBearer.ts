/**
 * Pushes over UDP, both sides: one WSP PDU a datagram, without a user data header.
 *
 * @spec WAP-259-WDP over IP
 * @layer binding
 */
import * as Dgram from "node:dgram"
import * as Net from "node:net"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { BearerError, WdpBearer, type WdpBearerShape } from "../Bearer.ts"
import type { IpDatagram } from "../PushReceiver.ts"
import { wapPort } from "../Udh.ts"

/** A socket could not be had. */
export class CannotBind extends Data.TaggedError("CannotBind")<{
  readonly host: string
  readonly port: number
  readonly cause: unknown
}> {
  override get message(): string {
    return `cannot bind ${this.host}:${this.port}`
  }
}

export interface UdpBearerOptions {
  /** Local address; 127.0.0.1 by default, so that nothing leaves the machine unless it is meant to. */
  readonly host?: string
  /** Local port; a free one by default. On the open network terminals may insist on 9200. */
  readonly port?: number
  /** Port of the terminals where it is not the datagram's own, as for several on one machine. */
  readonly portOf?: (address: string, destinationPort: number) => number
  /** Octets of a datagram; 1,400, which every path carries in one piece. */
  readonly maxOctets?: number
}

const socket = (host: string, port: number): Effect.Effect<Dgram.Socket, CannotBind, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Dgram.Socket, CannotBind>((resume) => {
      const made = Dgram.createSocket(Net.isIPv6(host) ? "udp6" : "udp4")
      made.once("error", (cause) => {
        made.close()
        resume(Effect.fail(new CannotBind({ host, port, cause })))
      })
      made.bind(port, host, () => {
        made.removeAllListeners("error")
        made.on("error", () => undefined) // an unreachable terminal shows as an error on the socket
        resume(Effect.succeed(made))
      })
    }),
    (made) => Effect.callback<void>((resume) => void made.close(() => resume(Effect.void)))
  )

/** The bearer over UDP. It cannot tell whether a datagram arrived. */
export const make = Effect.fnUntraced(function* (
  options: UdpBearerOptions = {}
): Effect.fn.Return<WdpBearerShape, CannotBind, Scope.Scope> {
  const made = yield* socket(options.host ?? "127.0.0.1", options.port ?? 0)
  const maxOctets = options.maxOctets ?? 1400
  let count = 0
  return {
    reports: false,
    send: ({ to, destinationPort, data }) => {
      const refused = (reason: BearerError["reason"], detail: string, cause?: unknown) =>
        Effect.fail(
          new BearerError({
            reason,
            detail,
            retryable: reason === "unavailable",
            ...(cause !== undefined ? { cause } : {})
          })
        )
      if (to._tag !== "Ip" || Net.isIP(to.address) === 0) return refused("unsupported address", "not an IP address")
      if (data.length > maxOctets) return refused("too long", `more than ${maxOctets} octets`)
      const port = options.portOf?.(to.address, destinationPort) ?? destinationPort
      return Effect.callback((resume) => {
        made.send(data, port, to.address, (cause) =>
          resume(
            cause === null ? Effect.succeed({ ids: [String(++count)] }) : refused("unavailable", cause.message, cause)
          )
        )
      })
    }
  }
})

/** The bearer over UDP as a layer. */
export const layer = (options?: UdpBearerOptions): Layer.Layer<WdpBearer, CannotBind> =>
  Layer.effect(WdpBearer, make(options))

/** Listens for datagrams, as a terminal does on port 2948, until the scope closes. Port 0 takes a free one. */
export const listen = Effect.fnUntraced(function* (
  options: { readonly host?: string; readonly port?: number },
  receive: (datagram: IpDatagram) => Effect.Effect<void>
): Effect.fn.Return<{ readonly port: number }, CannotBind, Scope.Scope> {
  const made = yield* socket(options.host ?? "127.0.0.1", options.port ?? wapPort.pushConnectionless)
  const run = Effect.runForkWith(yield* Effect.context())
  made.on("message", (data, { address }) => {
    // a listener on another port than the usual one stands for the usual one
    const destinationPort = wapPort.pushConnectionless
    run(receive({ from: address, destinationPort, data: new Uint8Array(data) }))
  })
  return { port: made.address().port }
})
