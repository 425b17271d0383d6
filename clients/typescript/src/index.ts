/** Enforce an AVS config inside your app: cached, signed, exact, and with AVS Brain down. */
export { Clock } from "./clock.js";
export { MemoryCounters } from "./counters/memory.js";
export { Decimal } from "./decimal.js";
export type { Action, Document, Subject } from "./document.js";
export {
  AvsError,
  BadSignature,
  CountersUnavailable,
  DocumentRefused,
  Malformed,
  NeverLoaded,
  Replayed,
  UnknownKey,
  Unreachable,
} from "./errors.js";
export type { Quantity } from "./numbers.js";
export type { CounterStore, Edit, Ledger, Marks } from "./store.js";
export type { State } from "./types.js";
