export * as PolicyDocument from "./PolicyDocument.ts"
export * as PolicyFile from "./PolicyFile.ts"
