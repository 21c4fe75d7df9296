/**
 * The messages of the Push Access Protocol as values. Times are milliseconds since 1970-01-01 UTC, whole seconds.
 *
 * @spec PAP 2.0, control entity
 * @layer codec
 */

export interface QualityOfService {
  /** Default medium. */
  readonly priority?: "high" | "medium" | "low"
  /** Default notspecified. */
  readonly deliveryMethod?: "confirmed" | "preferconfirmed" | "unconfirmed" | "notspecified"
  readonly network?: string
  /** Default false. */
  readonly networkRequired?: boolean
  readonly bearer?: string
  /** Default false. */
  readonly bearerRequired?: boolean
}

/** Where a push stands. */
export type MessageState =
  | "rejected"
  | "pending"
  | "delivered"
  | "undeliverable"
  | "expired"
  | "aborted"
  | "timeout"
  | "cancelled"
  | "unknown"

/** The initiator asks the gateway to deliver the content entity beside this message. */
export interface PushMessage {
  readonly _tag: "PushMessage"
  /** Unique for each initiator; by custom `local@domain`. */
  readonly pushId: string
  /** PAP 2.x only. */
  readonly replacePushId?: string
  /** PAP 2.x only. */
  readonly replaceMethod?: "pending-only" | "all"
  readonly deliverBeforeTimestamp?: number
  readonly deliverAfterTimestamp?: number
  readonly sourceReference?: string
  /** URI to which the gateway posts the result. */
  readonly ppgNotifyRequestedTo?: string
  /** Default false. */
  readonly progressNotesRequested?: boolean
  /** `PapAddress` in text form, one or more. */
  readonly addresses: ReadonlyArray<string>
  readonly qualityOfService?: QualityOfService
}

export interface ProgressNote {
  readonly stage: string
  readonly note?: string
  readonly time?: number
}

/** A code of `ResultCode` with the gateway's own words. */
export interface ResponseResult {
  readonly code: number
  readonly desc?: string
}

export interface PushResponse {
  readonly _tag: "PushResponse"
  readonly pushId: string
  readonly senderAddress?: string
  readonly senderName?: string
  readonly replyTime?: number
  readonly progressNotes: ReadonlyArray<ProgressNote>
  readonly result: ResponseResult
}

export interface CancelMessage {
  readonly _tag: "CancelMessage"
  readonly pushId: string
  /** None: all recipients. */
  readonly addresses: ReadonlyArray<string>
}

export interface CancelResponse {
  readonly _tag: "CancelResponse"
  readonly pushId: string
  readonly results: ReadonlyArray<ResponseResult & { readonly addresses: ReadonlyArray<string> }>
}

/** The gateway tells what became of a push. */
export interface ResultNotificationMessage {
  readonly _tag: "ResultNotificationMessage"
  readonly pushId: string
  readonly senderAddress?: string
  readonly senderName?: string
  readonly receivedTime?: number
  readonly eventTime?: number
  readonly messageState: MessageState
  readonly code: number
  readonly desc?: string
  readonly address: string
  readonly qualityOfService?: QualityOfService
}

export interface ResultNotificationResponse {
  readonly _tag: "ResultNotificationResponse"
  readonly pushId: string
  readonly code: number
  readonly desc?: string
  readonly address: string
}

export interface StatusQueryMessage {
  readonly _tag: "StatusQueryMessage"
  readonly pushId: string
  /** None: all recipients. */
  readonly addresses: ReadonlyArray<string>
}

export interface StatusQueryResult extends ResponseResult {
  readonly eventTime?: number
  readonly messageState: MessageState
  readonly addresses: ReadonlyArray<string>
  readonly qualityOfService?: QualityOfService
}

export interface StatusQueryResponse {
  readonly _tag: "StatusQueryResponse"
  readonly pushId: string
  readonly results: ReadonlyArray<StatusQueryResult>
}

/** Client capability query. */
export interface CcqMessage {
  readonly _tag: "CcqMessage"
  readonly queryId?: string
  readonly appId?: string
  readonly address: string
}

export interface CcqResponse {
  readonly _tag: "CcqResponse"
  readonly queryId: string
  readonly code: number
  readonly desc?: string
  readonly address: string
}

/** The gateway did not understand a message. */
export interface BadMessageResponse {
  readonly _tag: "BadMessageResponse"
  readonly code: number
  readonly desc?: string
  readonly badMessageFragment: string
}

export type PapMessage =
  | PushMessage
  | PushResponse
  | CancelMessage
  | CancelResponse
  | ResultNotificationMessage
  | ResultNotificationResponse
  | StatusQueryMessage
  | StatusQueryResponse
  | CcqMessage
  | CcqResponse
  | BadMessageResponse
