/** A scripted device: it says what a test tells it to, in XML or WBXML. */
import { Bytes } from "@oma/sa-policy/bytes"
import { Effect, Result } from "effect"
import {
  Chal,
  Cred,
  CredDigest,
  type DmAuthType,
  DmServer,
  MessageFacts,
  MessageMac,
  type SyncMl,
  SyncMlCodec,
  SyncmlHmacHeader
} from "../src/index.ts"
import { md5, sha256 } from "./crypto.ts"

export interface Turn {
  readonly type?: DmAuthType.DmAuthType
  readonly nonce?: Uint8Array
  readonly secret?: string
  readonly token?: string
  readonly connection?: DmServer.DmRequest["connection"]
  readonly source?: string
  readonly commands?: ReadonlyArray<SyncMl.Command>
  readonly status?: SyncMl.Status
  readonly device?: string
  readonly locName?: string | null
  readonly verProto?: string
}

export interface Said {
  readonly message: SyncMl.SyncMl
  readonly code: number
  readonly chal?: Chal.Chal
  readonly nonce?: Uint8Array
  readonly token?: string
  readonly reply: DmServer.DmReply
  /** The status codes of the other commands. */
  readonly others: ReadonlyArray<string>
  readonly gets: number
}

export const openConnection = { id: "c1", integrity: false, confidentiality: false }
export const tlsConnection = { id: "t1", integrity: true, confidentiality: true }
export const deviceId = "IMEI:493005100592800"
export const user = "Bruce2"
export const password = "OhBehave"

const alert: SyncMl.Command = { _tag: "Alert", cmdId: "1", data: "1201" }

/** The request that `turn` makes. */
export const requestOf = (media: string, sessionId: string, msgId: number, turn: Turn): DmServer.DmRequest => {
  const { locName = user, nonce = new Uint8Array(0), secret = password, type, verProto = "DM/1.2" } = turn
  const hash = type === "syncml:auth-sha256" ? sha256 : md5
  const octets =
    type === undefined || type === "syncml:auth-MAC"
      ? undefined
      : type === "syncml:auth-basic"
        ? Bytes.utf8(`${user}:${secret}`)
        : CredDigest.digestFor(verProto, hash, user, secret, nonce)
  const mediaType = SyncMlCodec.mediaType(media)!
  const message: SyncMl.SyncMl = {
    hdr: {
      verDtd: verProto === "SyncML/1.0" ? "1.0" : "1.2",
      verProto,
      sessionId,
      msgId: `${msgId}`,
      target: { locUri: "http://dm.example.net/dm" },
      source: { locUri: turn.device ?? deviceId, ...(locName === null ? {} : { locName }) },
      ...(octets === undefined ? {} : { cred: Cred.make(type!, octets) })
    },
    body: {
      commands: [...(turn.status === undefined ? [] : [turn.status]), ...(turn.commands ?? [alert])],
      final: true
    }
  }
  const body = Result.getOrThrow(SyncMlCodec.encode(mediaType, message))
  const mac =
    type === "syncml:auth-MAC"
      ? MessageMac.encode(MessageMac.nested(md5, CredDigest.storedKey(md5, user, secret), nonce, body))
      : undefined
  return {
    octets: body,
    mediaType,
    connection: turn.connection ?? openConnection,
    source: turn.source ?? "127.0.0.1",
    respUri: (token) => `http://dm.example.net/dm?s=${token}`,
    ...(turn.token === undefined ? {} : { token: turn.token }),
    ...(mac === undefined
      ? {}
      : { hmacHeader: Result.getOrThrow(SyncmlHmacHeader.build({ algorithm: "MD5", username: user, mac })) })
  }
}

/** What the server said to `request`. */
export const send = Effect.fnUntraced(function* (request: DmServer.DmRequest) {
  const server = yield* DmServer.DmServer
  const reply = yield* server.receive(request)
  const { message } = Result.getOrThrow(SyncMlCodec.decode(request.mediaType, reply.octets))
  const status = MessageFacts.headerStatus(
    message,
    Result.getOrThrow(SyncMlCodec.decode(request.mediaType, request.octets)).message.hdr.msgId
  )
  const first = message.body.commands.find((command) => command._tag === "Status")
  const chal = first?.chal
  const nonce = chal === undefined ? undefined : Chal.nonce(chal)
  const token = message.hdr.respUri?.split("s=")[1]
  const said: Said = {
    message,
    code: status?.code ?? 0,
    reply,
    others: message.body.commands.flatMap((command) =>
      command._tag === "Status" && command.cmdRef !== "0" ? [command.data] : []
    ),
    gets: message.body.commands.filter((command) => command._tag === "Get").length,
    ...(chal === undefined ? {} : { chal }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(token === undefined ? {} : { token })
  }
  return said
})
