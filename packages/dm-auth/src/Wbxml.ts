/**
 * The WBXML representation: octets to message and back.
 *
 * @layer codec
 */
import * as Result from "effect/Result"
import { version } from "./CodePages.ts"
import { defaultLimits, type Limits, Malformed, TooLarge, Unencodable } from "./Malformed.ts"
import * as MessageWriter from "./MessageWriter.ts"
import type { SyncMl } from "./SyncMl.ts"
import * as WbxmlReader from "./WbxmlReader.ts"
import { WbxmlWriter } from "./WbxmlWriter.ts"

/**
 * The message in the WBXML document `octets`.
 *
 * Read are WBXML 1.1 to 1.3 in UTF-8 with the public identifier of SyncML 1.0, 1.1 or 1.2, as a number, as text in the
 * string table, or unknown. A DevInf document inside `Data` becomes elements. Other OPAQUE octets are views into `octets`.
 *
 * **Fails** with `Malformed` and the place of the fault, or with `TooLarge` before the work beyond a limit is done. Time and
 * memory grow with the length of `octets` and no faster.
 *
 * @spec WAP-192-WBXML 1.3; SyncML code pages as in the reference toolkit and libwbxml
 */
export const decode = (
  octets: Uint8Array,
  limits: Limits = defaultLimits
): Result.Result<SyncMl, Malformed | TooLarge> => {
  if (octets.length > limits.bytes) {
    return Result.fail(new TooLarge({ limit: "bytes", max: limits.bytes, offset: limits.bytes }))
  }
  try {
    return Result.succeed(WbxmlReader.read(octets, limits))
  } catch (fault) {
    if (fault instanceof Malformed || fault instanceof TooLarge) return Result.fail(fault)
    throw fault
  }
}

/**
 * `message` as a WBXML 1.2 document in UTF-8 with the numeric public identifier of its VerDTD. Text goes out as inline
 * strings, octets as OPAQUE, a DevInf element in `Data` as a document of its own.
 *
 * **Fails** with `Unencodable` for a NUL or an unpaired surrogate in text, for an `Invalid` command and for an empty
 * identifier.
 */
export const encode = (message: SyncMl): Result.Result<Uint8Array, Unencodable> => {
  try {
    const writer = new WbxmlWriter(version(message.hdr.verDtd).publicId)
    MessageWriter.write(writer, message)
    return Result.succeed(writer.finish())
  } catch (fault) {
    if (fault instanceof Unencodable) return Result.fail(fault)
    throw fault
  }
}
