import * as StoreMemory from "../src/StoreMemory.ts"
import { suite } from "../src/testing/StoreSuite.ts"

suite("memory", StoreMemory.layer)
