export {
  type FakeMessage,
  fakeMessages,
  fakeSmsc,
  type Kannel,
  kannelPrograms,
  smppSmsc,
  startFakeSmsc,
  startKannel
} from "./Kannel.ts"
export { type Peer, type PeerOptions, peer, type Ready, startPeer } from "./Peer.ts"
export { PeerFailed, PeerMissing } from "./PeerError.ts"
export { freePort, loopback } from "./Ports.ts"
export { findProgram, programFolders } from "./Program.ts"
export { describePeer, peersRequired, peerTest, type Requirement, requirePeer } from "./Require.ts"
export { type Ran, type RunOptions, run } from "./Run.ts"
export { temporaryFolder, unprivileged } from "./TemporaryFolder.ts"
