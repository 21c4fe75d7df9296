export {
  type Bench,
  type Comparison,
  defaultRounds,
  measure,
  median,
  type Outcome,
  type Sampler
} from "./Comparison.ts"
export { type Connection, connect, type LoadOptions, load, type Request, type Response } from "./Load.ts"
export { forkServer, processTreeCpu, type Server, type Start } from "./Server.ts"
export { asMarkdown, asText, held, ordered, rate, ratio } from "./Table.ts"
export { asyncWork, sink, type WorkOptions, work } from "./Work.ts"
