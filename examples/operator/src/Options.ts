/**
 * The flags of the operator.
 *
 * @layer binding
 */

import { Flag } from "effect/cli"
import * as Option from "effect/Option"

/** Flags as `effect/cli` reads them; `--help` prints the descriptions. */
export const flags = {
  port: Flag.Int("port").pipe(
    Flag.withDescription("first port; every server has a fixed place above it, and 0 takes free ones"),
    Flag.withDefault(8400)
  ),
  host: Flag.String("host").pipe(Flag.withDescription("address to listen on"), Flag.withDefault("127.0.0.1")),
  data: Flag.String("data").pipe(
    Flag.withDescription(
      "folder for the database, the keys and the development CA; kept across restarts (.data/operator; --once: a new one)"
    ),
    Flag.optional
  ),
  policy: Flag.String("policy").pipe(
    Flag.withDescription("security policy, YAML or JSON; read again on SIGHUP"),
    Flag.optional
  ),
  readyFile: Flag.String("ready-file").pipe(
    Flag.withDescription("JSON file written once everything listens: endpoints, names, CA, accounts, subscribers"),
    Flag.optional
  ),
  once: Flag.Boolean("once").pipe(
    Flag.withDescription("run every story against the servers, print each exchange, exit 0 only if all held"),
    Flag.withDefault(false)
  ),
  ppg: Flag.String("ppg").pipe(
    Flag.withDescription("push through this gateway instead of the own proxy: http://user:password@host:port/path"),
    Flag.optional
  ),
  showDerivations: Flag.Boolean("show-derivations").pipe(
    Flag.withDescription("print the octets that go into key derivations (demonstration keys only)"),
    Flag.withDefault(false)
  )
}

export interface Options {
  readonly port: number
  readonly host: string
  readonly data: string | undefined
  readonly policy: string | undefined
  readonly readyFile: string | undefined
  readonly once: boolean
  readonly ppg: string | undefined
  readonly showDerivations: boolean
}

/** The parsed flags as plain values. */
export const fromFlags = (given: {
  readonly port: number
  readonly host: string
  readonly data: Option.Option<string>
  readonly policy: Option.Option<string>
  readonly readyFile: Option.Option<string>
  readonly once: boolean
  readonly ppg: Option.Option<string>
  readonly showDerivations: boolean
}): Options => ({
  ...given,
  data: Option.getOrUndefined(given.data),
  policy: Option.getOrUndefined(given.policy),
  ppg: Option.getOrUndefined(given.ppg),
  readyFile: Option.getOrUndefined(given.readyFile)
})
