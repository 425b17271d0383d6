/** Enforce an AVS config inside your app: cached, signed, exact, and with AVS Brain down. */
export { Recorded, type Reservation } from "./bookkeeping.js";
export { type ChangeListener, Client, type ClientOptions, type RecordOptions, type Status } from "./client.js";
export { Clock } from "./clock.js";
export { FileCounters, type FileCountersOptions } from "./counters/file.js";
export { RedisCounters, type RedisConnection, type RedisCountersOptions } from "./counters/redis.js";
export { MemoryCounters } from "./counters/memory.js";
export type { CountersStatus } from "./counters/steady.js";
export type { Decision } from "./decide.js";
export { Decimal } from "./decimal.js";
export type { Action, Document, PeriodAnchor, Subject } from "./document.js";
export {
  AvsError,
  BadSignature,
  CountersUnavailable,
  DocumentRefused,
  EventsRefused,
  Malformed,
  NeverLoaded,
  Replayed,
  TokenRefused,
  UnknownKey,
  UnknownUnit,
  Unreachable,
} from "./errors.js";
export type { Firing } from "./firing.js";
export type { Mode } from "./follow.js";
export type { GivenEvent } from "./metering.js";
export type { Quantity } from "./numbers.js";
export type { CustomerDay } from "./periods.js";
export type { Log, Problem, ProblemCode } from "./problems.js";
export type { ReasonCode } from "./rules.js";
export type { KeySet, Pinned } from "./signatures.js";
export type { BillLines, PoolUse, Statement, UnitUse } from "./statement.js";
export type { CounterStore, Edit, Ledger, Marks } from "./store.js";
export type { State } from "./types.js";
export type { UsageOptions } from "./usage_events.js";
export type { UnknownUnitPolicy } from "./unknown_units.js";
