// Says in plain words when the Node that runs the tools is too old, instead of failing somewhere inside them.
const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `These tools need Node 22.19 or newer; ${process.versions.node} is on PATH and no packaged Node exists for ` +
      `${process.platform}-${process.arch}. Install Node 24 and run the command again.`
  )
  process.exit(1)
}
