/** What the server says, whole message for whole message: every status that matters for authentication, and every package. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { DmAccounts, DmAuthPolicy, type DmAuthType, type DmServer, MessageSummary, type SyncMl } from "../src/index.ts"
import { deviceId, password, requestOf, type Said, send, type Turn, tlsConnection, user } from "./device.ts"
import { lastingStore, serverOn } from "./serverStack.ts"

const md5 = "syncml:auth-md5"
const sha256 = "syncml:auth-sha256"
const mac = "syncml:auth-MAC"
const basic = "syncml:auth-basic"

const alert = (data: string, cmdId = "1"): SyncMl.Command => ({ _tag: "Alert", cmdId, data })
const devInfo: SyncMl.Command = {
  _tag: "Replace",
  cmdId: "2",
  items: [{ source: { locUri: "./DevInfo/DevId" }, data: deviceId }]
}
const package1 = [alert("1201"), devInfo]
const inventory = ["Get ./DevInfo/DevId", "Get ./DevInfo/Man", "Get ./DevInfo/Mod", "Get ./DevDetail/SwV"]

/** The client's Status for the header of the server's message `msgRef`. */
const told = (msgRef: string, data: string, type?: DmAuthType.DmAuthType): SyncMl.Status => ({
  _tag: "Status",
  cmdId: "1",
  msgRef,
  cmdRef: "0",
  cmd: "SyncHdr",
  data,
  ...(type === undefined ? {} : { chal: { type, format: "b64", nextNonce: "Tm9uY2U=" } })
})

interface Step {
  /** SessionID and MsgID, such as `1/2`. */
  readonly at: string
  readonly turn: (last: Said | undefined) => Turn
  /** `MessageSummary.describe` of the answer behind SessionID and MsgID. */
  readonly says: ReadonlyArray<string>
}

interface Row {
  readonly name: string
  readonly check?: Partial<DmAuthPolicy.CheckPolicy>
  readonly mutual?: boolean
  /** The server has credentials of its own. */
  readonly own?: boolean
  readonly steps: ReadonlyArray<Step>
}

const nonceOf = (last: Said | undefined) => (last?.nonce === undefined ? {} : { nonce: last.nonce })
const tokenOf = (last: Said | undefined) => (last?.token === undefined ? {} : { token: last.token })

/** Package 1 with the first nonce of all, which is empty, and what a server without further wishes says to it. */
const logIn = (type: DmAuthType.DmAuthType, status: string): Step => ({
  at: "1/1",
  turn: () => ({ type }),
  says: ["RespURI", status, "Status Alert 200", ...inventory, "Final"]
})

const statuses: ReadonlyArray<Row> = [
  {
    name: "212: the session; Chal gives the nonce of the next one",
    steps: [logIn(md5, `Status SyncHdr 212 Chal ${md5}`)]
  },
  {
    name: "212 without Chal: basic has no nonce",
    steps: [
      {
        at: "1/1",
        turn: () => ({ type: basic, connection: tlsConnection }),
        says: ["RespURI", "Status SyncHdr 212", "Status Alert 200", ...inventory, "Final"]
      }
    ]
  },
  {
    name: "200 without Chal: a message of a session that 212 began",
    steps: [
      logIn(md5, `Status SyncHdr 212 Chal ${md5}`),
      { at: "1/2", turn: (last) => ({ ...tokenOf(last), commands: [] }), says: ["Status SyncHdr 200", "Final"] }
    ]
  },
  {
    name: "200 with Chal: the message; the next one shows credentials over that nonce, and 407 asks where it does not",
    check: { mode: "message" },
    steps: [
      logIn(md5, `Status SyncHdr 200 Chal ${md5}`),
      {
        at: "1/2",
        turn: (last) => ({ type: md5, ...nonceOf(last), ...tokenOf(last), commands: [] }),
        says: [`Status SyncHdr 200 Chal ${md5}`, "Final"]
      },
      {
        at: "1/3",
        turn: () => ({ commands: [alert("1222")] }),
        says: [`Status SyncHdr 407 Chal ${sha256}`, "Status Alert 407", "Final"]
      }
    ]
  },
  {
    name: "200 with Chal, under MAC, for every message; 401 where the header is missing",
    check: { types: [mac] },
    steps: [
      logIn(mac, `Status SyncHdr 200 Chal ${mac}`),
      {
        at: "1/2",
        turn: (last) => ({ ...tokenOf(last), commands: [alert("1222")] }),
        says: [`Status SyncHdr 401 Chal ${mac}`, "Status Alert 401", "Final"]
      }
    ]
  },
  {
    name: "200 without Chal, where configured: the same credentials for the next message of that session alone",
    check: { mode: "repeat" },
    steps: [
      logIn(md5, "Status SyncHdr 200"),
      {
        at: "1/2",
        turn: (last) => ({ type: md5, ...tokenOf(last), commands: [] }),
        says: ["Status SyncHdr 200", "Final"]
      },
      {
        at: "2/1",
        turn: () => ({ type: md5, commands: [alert("1201")] }),
        says: [`Status SyncHdr 401 Chal ${md5}`, "Status Alert 401", "Final"]
      }
    ]
  },
  {
    name: "407: missing; the package again, with the nonce of Chal",
    steps: [
      {
        at: "1/1",
        turn: () => ({ commands: package1 }),
        says: [`Status SyncHdr 407 Chal ${sha256}`, "Status Alert 407", "Status Replace 407", "Final"]
      },
      {
        at: "1/2",
        turn: (last) => ({ type: sha256, ...nonceOf(last), commands: package1 }),
        says: [
          "RespURI",
          `Status SyncHdr 212 Chal ${sha256}`,
          "Status Alert 200",
          "Status Replace 200",
          ...inventory,
          "Final"
        ]
      }
    ]
  },
  {
    name: "401: wrong secret, and again, with a challenge each time",
    steps: [1, 2, 3].map((msgId) => ({
      at: `1/${msgId}`,
      turn: (last) => ({ type: md5, secret: "wrong", ...nonceOf(last) }),
      says: [`Status SyncHdr 401 Chal ${md5}`, "Status Alert 401", "Final"]
    }))
  },
  {
    name: "401: an account that does not exist",
    steps: [
      {
        at: "1/1",
        turn: () => ({ type: md5, device: "IMEI:0", locName: "nobody" }),
        says: [`Status SyncHdr 401 Chal ${md5}`, "Status Alert 401", "Final"]
      }
    ]
  },
  {
    name: "401: a type that is not accepted, on this connection or at all",
    check: { types: [sha256, basic] },
    steps: [
      {
        at: "1/1",
        turn: () => ({ type: md5 }),
        says: [`Status SyncHdr 401 Chal ${sha256}`, "Status Alert 401", "Final"]
      },
      {
        at: "2/1",
        turn: () => ({ type: basic }),
        says: [`Status SyncHdr 401 Chal ${sha256}`, "Status Alert 401", "Final"]
      }
    ]
  },
  {
    name: "403: no type passes on the connection, and none is asked for",
    check: { types: [basic] },
    steps: [{ at: "1/1", turn: () => ({ type: basic }), says: ["Status SyncHdr 403", "Status Alert 403", "Final"] }]
  },
  ...["101", "0", "418", "x"].map(
    (data): Row => ({
      name: `${data} from a client for the server's credentials: they are not accepted, and come again`,
      own: true,
      steps: [
        {
          at: "1/1",
          turn: () => ({ type: md5 }),
          says: [
            "RespURI",
            `Cred ${sha256}`,
            `Status SyncHdr 212 Chal ${md5}`,
            "Status Alert 200",
            ...inventory,
            "Final"
          ]
        },
        {
          at: "1/2",
          turn: (last) => ({ ...tokenOf(last), status: told("1", data), commands: [] }),
          says: [`Cred ${sha256}`, "Status SyncHdr 200", "Final"]
        }
      ]
    })
  ),
  ...["403", "405", "406", "415", "500", "503", "506", "511", "513", "212"].map(
    (data): Row => ({
      name: `${data} from a client for the server's credentials: they do not come again`,
      own: true,
      steps: [
        {
          at: "1/1",
          turn: () => ({ type: md5 }),
          says: [
            "RespURI",
            `Cred ${sha256}`,
            `Status SyncHdr 212 Chal ${md5}`,
            "Status Alert 200",
            ...inventory,
            "Final"
          ]
        },
        {
          at: "1/2",
          turn: (last) => ({ ...tokenOf(last), status: told("1", data), commands: [] }),
          says: ["Status SyncHdr 200", "Final"]
        }
      ]
    })
  )
]

const accepted = `Status SyncHdr 212 Chal ${md5}`
const packages: ReadonlyArray<Row> = [
  {
    name: "1 to 4: Status for SyncHdr first, commands once, then Final alone, which is the end",
    steps: [
      {
        at: "1/1",
        turn: () => ({ type: md5, commands: package1 }),
        says: ["RespURI", accepted, "Status Alert 200", "Status Replace 200", ...inventory, "Final"]
      },
      {
        at: "1/2",
        turn: (last) => ({
          ...tokenOf(last),
          status: told("1", "200"),
          commands: [
            {
              _tag: "Results",
              cmdId: "2",
              msgRef: "1",
              cmdRef: "4",
              items: [{ source: { locUri: "./DevInfo/Man" }, data: "M" }]
            }
          ]
        }),
        says: ["Status SyncHdr 200", "Final"]
      }
    ]
  },
  {
    name: "1 again under another SessionID and MsgID 1: the nonce is that of the account",
    steps: [
      {
        at: "1/1",
        turn: () => ({}),
        says: [`Status SyncHdr 407 Chal ${sha256}`, "Status Alert 407", "Final"]
      },
      {
        at: "2/1",
        turn: (last) => ({ type: sha256, ...nonceOf(last) }),
        says: ["RespURI", `Status SyncHdr 212 Chal ${sha256}`, "Status Alert 200", ...inventory, "Final"]
      }
    ]
  },
  {
    name: "3 at the old address instead of RespURI: asked for credentials, as anybody could have sent it",
    steps: [
      logIn(md5, accepted),
      {
        at: "1/2",
        turn: () => ({ commands: [alert("1222")] }),
        says: [`Status SyncHdr 407 Chal ${sha256}`, "Status Alert 407", "Final"]
      }
    ]
  },
  {
    name: "3 with Alert 1223: the end; what follows stands on its own",
    steps: [
      logIn(md5, accepted),
      {
        at: "1/2",
        turn: (last) => ({ ...tokenOf(last), commands: [alert("1223")] }),
        says: ["Status SyncHdr 200", "Status Alert 200", "Final"]
      }
    ]
  },
  {
    name: "2 with the server's Cred, 3 with the client's challenge, 4 with Cred under it; mutual: commands only once it is accepted",
    own: true,
    mutual: true,
    steps: [
      {
        at: "1/1",
        turn: () => ({ type: md5, commands: package1 }),
        says: ["RespURI", `Cred ${sha256}`, accepted, "Status Alert 200", "Status Replace 200", "Final"]
      },
      {
        at: "1/2",
        turn: (last) => ({ ...tokenOf(last), status: told("1", "401", md5), commands: [] }),
        says: [`Cred ${md5}`, "Status SyncHdr 200", "Final"]
      },
      {
        at: "1/3",
        turn: (last) => ({ ...tokenOf(last), status: told("2", "212") }),
        says: ["Status SyncHdr 200", "Status Alert 200", ...inventory, "Final"]
      }
    ]
  },
  {
    name: "2 where both must authenticate and the server has nothing to show: no command of it",
    mutual: true,
    steps: [
      {
        at: "1/1",
        turn: () => ({ type: md5 }),
        says: ["RespURI", accepted, "Status Alert 200", "Final"]
      }
    ]
  }
]

const play = ({ check = {}, mutual = false, own = false, steps }: Row) =>
  Effect.gen(function* () {
    const { defaultCheck, defaultServerPolicy } = DmAuthPolicy
    const policy = { ...defaultServerPolicy, check: { ...defaultCheck, ...check }, mutual }
    const options: DmServer.DmServerOptions = { policy }
    yield* Effect.gen(function* () {
      const accounts = yield* DmAccounts.DmAccounts
      const server = { user: "dm.example.net", secret: Redacted.make("server secret") }
      const client = { user, secret: Redacted.make(password) }
      yield* accounts.add({ device: deviceId, client, ...(own ? { server } : {}) })
      let last: Said | undefined
      for (const { at, says, turn } of steps) {
        const [sessionId = "", msgId = ""] = at.split("/")
        const said = yield* send(requestOf("application/vnd.syncml.dm+xml", sessionId, Number(msgId), turn(last)))
        assert.deepStrictEqual(MessageSummary.describe(said.message), [
          `SessionID ${sessionId} MsgID ${msgId}`,
          ...says
        ])
        // the address of a session stays until another one is given
        last = { ...said, ...(said.token === undefined ? tokenOf(last) : {}) }
        const [header] = last.message.body.commands
        assert.deepInclude(header, { _tag: "Status", cmdRef: "0", cmd: "SyncHdr", msgRef: msgId })
      }
    }).pipe(Effect.provide(serverOn(yield* lastingStore, options)))
  })

describe("statuses", () => {
  for (const row of statuses) it.effect(row.name, () => play(row))
})

describe("package flow", () => {
  for (const row of packages) it.effect(row.name, () => play(row))
})
