/**
 * The parts of a server's message that answer a header.
 *
 * @layer machine
 */
import * as Chal from "./Chal.ts"
import type { Challenge } from "./DmServerAuth.ts"
import type { Status, SyncHdr } from "./SyncMl.ts"

/** The header of an answer to a message with the header `hdr`. */
export const headerOf = (hdr: Omit<SyncHdr, "cred">, msgId: number, respUri: string | undefined): SyncHdr => ({
  verDtd: hdr.verDtd,
  verProto: hdr.verProto,
  sessionId: hdr.sessionId,
  msgId: `${msgId}`,
  target: { locUri: hdr.source.locUri },
  source: { locUri: hdr.target.locUri },
  ...(respUri === undefined ? {} : { respUri })
})

/** The Status for the SyncHdr `hdr`: the first command of the answer. */
export const headerStatusOf = (hdr: Omit<SyncHdr, "cred">, status: number, chal: Challenge | undefined): Status => ({
  _tag: "Status",
  cmdId: "1",
  msgRef: hdr.msgId,
  cmdRef: "0",
  cmd: "SyncHdr",
  targetRefs: [hdr.target.locUri],
  sourceRefs: [hdr.source.locUri],
  ...(chal === undefined ? {} : { chal: Chal.make(chal.type, chal.nonce) }),
  data: `${status}`
})
