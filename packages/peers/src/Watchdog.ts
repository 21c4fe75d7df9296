/**
 * Ends what a test left behind, however the test process ended. A small shell waits on a pipe from this process: when the
 * pipe closes (a normal end, a crash, SIGKILL) it stops the process groups and removes the folders it was told of.
 *
 * @layer binding
 */
import * as ChildProcess from "node:child_process"

const script = `
trap '' HUP INT TERM
groups=" "
folders=""
while read -r verb value; do
  case $verb in
    group) groups="$groups$value " ;;
    ended) groups=$(printf '%s' "$groups" | sed "s/ $value / /") ;;
    folder) folders="$folders$value
" ;;
  esac
done
for group in $groups; do kill -TERM -"$group" 2>/dev/null; done
[ "$groups" = " " ] || sleep 2
for group in $groups; do kill -KILL -"$group" 2>/dev/null; done
printf '%s' "$folders" | while read -r folder; do rm -rf "$folder"; done
`

let tell: ((line: string) => void) | undefined

const start = (): ((line: string) => void) => {
  const shell = ChildProcess.spawn("/bin/sh", ["-c", script], { detached: true, stdio: ["pipe", "ignore", "ignore"] })
  shell.on("error", () => undefined)
  shell.stdin.on("error", () => undefined)
  shell.unref()
  // the pipe is a net.Socket, though its type says only Writable
  if ("unref" in shell.stdin && typeof shell.stdin.unref === "function") shell.stdin.unref()
  return (line) => shell.stdin.write(`${line}\n`)
}

const say = (line: string): void => {
  tell ??= start()
  tell(line)
}

/** The process group `pid` is stopped when this process ends. */
export const watchGroup = (pid: number): void => say(`group ${pid}`)

/** The process group `pid` is gone: its number may belong to somebody else from now on. */
export const forgetGroup = (pid: number): void => say(`ended ${pid}`)

/** `folder` is removed when this process ends. */
export const watchFolder = (folder: string): void => say(`folder ${folder}`)
