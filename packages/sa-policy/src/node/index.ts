export * as NodeMasterKeys from "./NodeMasterKeys.ts"
export * as NodePrimitives from "./NodePrimitives.ts"
