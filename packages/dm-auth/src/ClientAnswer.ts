/**
 * What an HTTP answer is to a session of the device: a message of it, in the terms of the machine, or nothing that can be used.
 *
 * @layer service
 */
import type { Connection } from "@oma/sa-policy"
import { Bytes, type Hash } from "@oma/sa-policy/bytes"
import { HttpExchange } from "@oma/sa-policy/http"
import * as Result from "effect/Result"
import { factsOf, originOf } from "./ClientConnection.ts"
import type { ReceivedAnswer } from "./DmClientAuth.ts"
import { TransportRefused, UnusableAnswer } from "./DmClientError.ts"
import type { Limits } from "./Malformed.ts"
import { headerStatus, msgIdOf, shownOf } from "./MessageFacts.ts"
import type { SyncMl } from "./SyncMl.ts"
import * as SyncMlCodec from "./SyncMlCodec.ts"
import { headerName } from "./SyncmlHmacHeader.ts"

/** A message as it came. */
export interface Received {
  readonly message: SyncMl
  readonly msgId: number
  readonly octets: Uint8Array
  readonly hmacHeader?: string
  readonly connection: Connection.Connection
}

/** What an answer is held against. */
export interface Expected {
  readonly url: string
  readonly sessionId: string
  readonly representation: SyncMlCodec.Representation
  readonly limits: Limits
}

/**
 * The message in `answer`: status 200, in the representation of the request, of the session, with a MsgID.
 *
 * **Fails** with `TransportRefused` for another HTTP status and `UnusableAnswer` for everything else.
 */
export const read = (
  { limits, representation, sessionId, url }: Expected,
  answer: HttpExchange.HttpAnswer
): Result.Result<Received, TransportRefused | UnusableAnswer> => {
  const unusable = (clause: string) => Result.fail(new UnusableAnswer({ clause }))
  if (answer.status !== 200) return Result.fail(new TransportRefused({ status: answer.status, url }))
  const type = SyncMlCodec.mediaType(HttpExchange.fieldOf(answer.fields, "content-type") ?? "")
  if (type?.representation !== representation) return unusable("the answer comes in the type of the request")
  const macs = HttpExchange.fieldsOf(answer.fields, headerName)
  if (macs.length > 1) return unusable(`one ${headerName} at most`)
  const decoded = SyncMlCodec.decode(type, answer.body, limits)
  if (Result.isFailure(decoded)) return unusable(decoded.failure.message)
  const { message, octets } = decoded.success
  const msgId = msgIdOf(message)
  if (message.hdr.sessionId !== sessionId) return unusable("SessionID is that of the session")
  if (msgId === undefined) return unusable("MsgID is a number from 1")
  const { connection } = answer
  return Result.succeed({
    message,
    msgId,
    octets,
    connection,
    ...(macs[0] === undefined ? {} : { hmacHeader: macs[0] })
  })
}

/**
 * What `received` is to the machine, as the answer to the message `msgRef` that went to `url`. With `waiting` the device has more to say,
 * so that the session is not over whatever the server says.
 *
 * **Fails** with `UnusableAnswer` where RespURI is no URI.
 */
export const answerOf = (
  sha256: Hash,
  { connection, hmacHeader, message, msgId, octets }: Received,
  url: string,
  msgRef: string,
  waiting: boolean
): Result.Result<ReceivedAnswer, UnusableAnswer> => {
  const status = headerStatus(message, msgRef)
  const { respUri } = message.hdr
  if (respUri !== undefined && !URL.canParse(respUri, url)) {
    return Result.fail(new UnusableAnswer({ clause: "DM RepPro, RespURI is a URI" }))
  }
  const uri = respUri === undefined ? undefined : new URL(respUri, url).href
  return Result.succeed({
    msgId,
    fingerprint: sha256(Bytes.concat(octets, Bytes.utf8(`\n${hmacHeader ?? ""}`))),
    connection: factsOf(connection),
    shown: shownOf(message, hmacHeader),
    hasCommands: waiting || message.body.commands.some(({ _tag }) => _tag !== "Status"),
    final: message.body.final === true,
    ...(status === undefined ? {} : { status }),
    ...(uri === undefined ? {} : { respUri: { uri, sameOrigin: originOf(uri) === originOf(url) } })
  })
}
