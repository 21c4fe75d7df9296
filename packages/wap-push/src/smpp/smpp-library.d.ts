/**
 * What this package uses of the library `smpp`, which brings no types.
 *
 * @layer binding
 */
declare module "smpp" {
  import type { EventEmitter } from "node:events"
  import type * as Net from "node:net"
  import type * as Tls from "node:tls"

  interface Pdu {
    readonly command: string
    readonly command_length: number
    readonly command_id: number
    readonly command_status: number
    readonly sequence_number: number
    readonly isResponse: () => boolean
    readonly response: (options?: Readonly<Record<string, unknown>>) => Pdu
    readonly toBuffer: () => Buffer
    /** Parameters by name; those of the wire are unknown until looked at. */
    readonly [parameter: string]: unknown
  }

  interface Session extends EventEmitter {
    readonly socket: Net.Socket
    /** `false` where the connection takes nothing any more. */
    readonly send: (pdu: Pdu, onResponse?: (response: Pdu) => void) => boolean
    readonly close: () => void
    readonly destroy: () => void
  }

  type Server = Net.Server

  const smpp: {
    readonly PDU: {
      new (command: string, parameters?: Readonly<Record<string, unknown>>): Pdu
      readonly fromBuffer: (octets: Buffer) => Pdu | false
    }
    readonly connect: (options: Tls.ConnectionOptions & { readonly tls?: boolean }) => Session
    readonly createServer: (options: Tls.TlsOptions, onSession: (session: Session) => void) => Server
  }

  export type { Pdu, Server, Session }
  export default smpp
}
