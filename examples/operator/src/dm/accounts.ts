/**
 * The demonstration accounts of the DM server: one for every scheme, one of them with server credentials.
 *
 * @layer codec
 */
import type { DemoAccount } from "../Role.ts"

const account = (user: string, device: string, secret: string, ...modes: ReadonlyArray<string>): DemoAccount => ({
  enabler: "dm",
  user,
  device,
  secret,
  modes
})

/** `Bruce2` is the user of the published example. */
export const demoAccounts: ReadonlyArray<DemoAccount> = [
  account("Bruce2", "IMEI:493005100592800", "OhBehave", "syncml:auth-md5", "syncml:auth-sha256"),
  account("basil", "IMEI:493005100592801", "Exposition-1", "syncml:auth-basic"),
  account("vanessa", "IMEI:493005100592802", "Kensington-2", "syncml:auth-sha256"),
  account("felicity", "IMEI:493005100592803", "Shagwell-3", "syncml:auth-MAC"),
  {
    ...account("foxxy", "IMEI:493005100592804", "Cleopatra-4", "syncml:auth-md5"),
    serverId: "mgmt.example.net",
    serverSecret: "Goldmember-5"
  }
]
