/**
 * What a server role of the operator gives once it listens.
 *
 * @layer codec
 */
import type { Story } from "./Story.ts"

/** A demonstration account of an enabler, as the ready file tells it. */
export interface DemoAccount {
  readonly enabler: string
  readonly user: string
  readonly secret: string
  readonly modes: ReadonlyArray<string>
  readonly device?: string
  readonly serverId?: string
  readonly serverSecret?: string
}

/** A demonstration subscriber: keys are published test keys, in hexadecimal. */
export interface DemoSubscriber {
  readonly impi: string
  readonly impu: string
  readonly msisdn: string
  /** MILENAGE where it is not said. */
  readonly algorithm?: "tuak"
  readonly k: string
  /** OPc, or TOPc of TUAK. */
  readonly opc: string
  readonly amf: string
}

export interface Role {
  /** What it is, for the table of addresses. */
  readonly title: string
  /** Addresses by the names of the ready file. */
  readonly endpoints: Readonly<Record<string, string>>
  /** The names that the role answers for. */
  readonly names: Readonly<Record<string, string>>
  readonly accounts: ReadonlyArray<DemoAccount>
  readonly subscribers: ReadonlyArray<DemoSubscriber>
  readonly stories: ReadonlyArray<Story>
}
