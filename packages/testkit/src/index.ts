export * as PushInbox from "./PushInbox.ts"
