/**
 * HTTPS agents, one for each security association: a kept connection belongs to one identity and is never lent to another.
 *
 * @layer binding
 */
import * as Https from "node:https"
import type * as Stream from "node:stream"
import { type ClientOptions, openSecure } from "./SecureClient.ts"

/** What every connection of an agent has in common. */
export interface SecureAgentOptions extends Omit<ClientOptions, "host" | "port"> {
  /** Connections at once to one server; 16. */
  readonly maxSockets?: number
  /** Milliseconds that an idle connection is kept; 60,000. */
  readonly idleTimeout?: number
}

/**
 * An agent for `https.request`: requests go out when the server is authenticated, a kept connection is used again without a
 * handshake, and nothing is resumed. `destroy` closes all. The connection of an answer: `connectionOf(response.socket)`.
 *
 * Requests fail with `TlsFailure` as the error event.
 */
export class SecureAgent extends Https.Agent {
  readonly #secure: SecureAgentOptions
  readonly #open = new Set<() => void>()

  constructor(options: SecureAgentOptions) {
    super({
      keepAlive: true,
      maxSockets: options.maxSockets ?? 16,
      maxCachedSessions: 0,
      timeout: options.idleTimeout ?? 60_000
    })
    this.#secure = options
  }

  override createConnection(
    options: Https.RequestOptions & { readonly servername?: string },
    callback?: (error: Error | null, stream: Stream.Duplex) => void
  ): undefined {
    const { servername, host, port } = options
    const serverName = this.#secure.serverName ?? (servername === "" ? undefined : servername)
    const giveUp = openSecure(
      {
        ...this.#secure,
        host: host ?? "localhost",
        port: Number(port ?? 443),
        ...(serverName === undefined ? {} : { serverName })
      },
      (result) => {
        this.#open.delete(giveUp)
        if ("socket" in result) callback?.(null, result.socket)
        // Node's callback takes the error alone; its type does not say so
        else (callback as ((error: Error) => void) | undefined)?.(result)
      }
    )
    this.#open.add(giveUp)
  }

  override destroy(): void {
    for (const giveUp of this.#open) giveUp()
    this.#open.clear()
    super.destroy()
  }
}

/** The agents of a client, by the id of the security association. */
export interface SecureAgents {
  /** The agent of the association, made at first use. */
  readonly of: (association: string) => SecureAgent
  /** Closes the connections of an association that ended. */
  readonly end: (association: string) => void
  readonly endAll: () => void
}

/**
 * Keeps one agent for each association, at most `limit` (256): the one that was used least lately is closed for a new one.
 * `options` gives what the connections of an association are made with.
 */
export const secureAgents = (options: (association: string) => SecureAgentOptions, limit = 256): SecureAgents => {
  const agents = new Map<string, SecureAgent>()
  const end = (association: string) => {
    agents.get(association)?.destroy()
    agents.delete(association)
  }
  return {
    of: (association) => {
      const agent = agents.get(association) ?? new SecureAgent(options(association))
      agents.delete(association)
      agents.set(association, agent) // last: used most lately
      if (agents.size > limit) for (const oldest of [...agents.keys()].slice(0, agents.size - limit)) end(oldest)
      return agent
    },
    end,
    endAll: () => {
      for (const association of [...agents.keys()]) end(association)
    }
  }
}
