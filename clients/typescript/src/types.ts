/** What the deciding half of a client needs of its delivering half, and the shapes that pass between them. */
import type { Subject } from "./document.js";
import type { Plan } from "./plan.js";

export type { Answer, CounterStore, Edit, Ledger, Marks } from "./store.js";
export type { Subject };

/** How the config is doing. */
export type State = "fresh" | "stale" | "expired" | "never_loaded";

/** What decides until `untilMs` (monotonic): a plan, null without one, and the state of its config. */
export interface Force {
  readonly plan: Plan | null;
  readonly state: State;
  readonly untilMs: number;
}

/** The config in force. */
export interface ConfigInForce {
  /** What decided last; it still does while the monotonic clock is before its `untilMs`. */
  readonly force: Force;
  /** What decides now. */
  current(): Force;
}

/** An event on its way: its id, its JSON without numbering, and `proof` (namespace, customer, mark) of its count. */
export interface Outgoing {
  readonly eventId: string;
  readonly body: string;
  readonly proof: readonly [namespace: string, customerId: string, mark: string];
}

/**
 * Where enforcement events wait, in order. Every method works at once and throws when the disk is full or broken.
 *
 * An event that belongs to a count is first held, then the count is made, then the event is released: whatever dies in
 * between, the queue finds out afterwards from the counters whether it happened.
 */
export interface EventSink {
  /** Writes events down before the count that they belong to is made. */
  hold(events: readonly Outgoing[]): void;
  /** The count was made: numbers the events and lets them go. An id that waits or was sent is not taken again. */
  release(events: readonly Outgoing[]): void;
  /** The count was not made: forgets the events. */
  discard(eventIds: readonly string[]): void;
}

/** A document as it came: nothing about it has been checked. */
export interface Delivered {
  readonly body: Uint8Array;
  readonly signature: string;
  readonly etag: string;
}

/** Where a config comes from. Every method rejects with Unreachable when it cannot be had there. */
export interface Source {
  /** The active document; null when it is still the one with this etag. */
  config(subject: Subject, etag?: string | null, waitSeconds?: number): Promise<Delivered | null>;
  /** The published JSON Web Key Set. */
  keys(): Promise<Readonly<Record<string, unknown>>>;
  /** Documents as they become active; null for a heartbeat. Ends when the server ends it. */
  stream(subject: Subject, lastEventId?: string | null): AsyncIterable<Delivered | null>;
  close(): Promise<void>;
}

/** What is wrong with a client now: each problem from when it began until it is over, and logged once. */
export interface ProblemLog {
  begin(code: string, text: string): void;
  end(...codes: readonly string[]): void;
}
