export * as UdpBearer from "./UdpBearer.ts"
