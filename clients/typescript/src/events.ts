/**
 * The queue of enforcement events: in a journal on disk, each with an id and a number, none lost, none sent as two.
 *
 * An event that belongs to a count is first held, then the count is made, then the event is released: whatever dies in
 * between, `settle` finds out afterwards from the counters whether it happened.
 */
import { randomBytes } from "node:crypto";

import { Journal, type Json, type Machine } from "./journal.js";
import type { Answer } from "./store.js";
import type { EventSink, Outgoing } from "./types.js";

const LONGEST_COUNT_MS = 120_000;
/** How many ids of sent events are kept, so that what fires again is not sent again. */
const REMEMBERED = 100_000;
const PER_ENTRY = 1_000;

/** A waiting event: `sequence` counts from 1 without gaps, per queue. */
export interface Numbered {
  readonly sequence: number;
  readonly eventId: string;
  readonly body: string;
}

/** Whether the count that an event belongs to was made. */
export type Happened = (namespace: string, customerId: string, mark: string) => Answer<boolean>;

/**
 * Waiting events in a journal beginning with `path`, or in memory when there is none.
 *
 * Several processes may share one journal: they are one client to AVS Brain, with one numbering. Errors of the file
 * system pass through when the disk is full or broken.
 */
export class EventQueue implements EventSink {
  private readonly state = new QueueState();
  private readonly journal: Journal | null;

  constructor(path: string | null = null) {
    this.journal = path === null ? null : new Journal(path, this.state);
    if (this.journal === null) {
      this.state.apply({ avs_journal: 1, id: randomBytes(12).toString("hex") });
    }
  }

  hold(events: readonly Outgoing[]): void {
    const since = Date.now();
    this.append(["hold", events.map(({ eventId, body, proof }) => [eventId, body, [...proof], since])]);
  }

  release(events: readonly Outgoing[]): void {
    this.append(["release", events.map(({ eventId, body }) => [eventId, body])]);
  }

  discard(eventIds: readonly string[]): void {
    this.append(["discard", eventIds]);
  }

  /**
   * Releases or discards what a process that died left held. What did not happen may still be about to: it is discarded
   * only when no count can take that long.
   */
  async settle(happened: Happened): Promise<void> {
    this.catchUp();
    for (const [eventId, { body, proof, since }] of [...this.state.held]) {
      if (await happened(...proof)) {
        this.release([{ eventId, body, proof }]);
      } else if (Date.now() - since > LONGEST_COUNT_MS) {
        this.discard([eventId]);
      }
    }
  }

  /** The oldest events, in order of their numbers. */
  waiting(most: number): readonly Numbered[] {
    this.catchUp();
    return [...this.state.waiting.values()].slice(0, most);
  }

  /** AVS Brain has these now. */
  done(events: readonly Numbered[]): void {
    if (events.length > 0) {
      this.append(["done", events.map(({ sequence }) => sequence)]);
    }
  }

  /** AVS Brain will never take this one: it is kept aside with the reason, and does not hold up the others. */
  refuse(event: Numbered, problem: string): void {
    this.append(["refuse", [event.sequence, problem]]);
  }

  /** Why, by event id, of every event that AVS Brain did not take. */
  get refused(): ReadonlyMap<string, string> {
    return new Map([...this.state.refused].map(([eventId, { problem }]) => [eventId, problem]));
  }

  /** Who this queue is to AVS Brain, made when the journal was. */
  get clientId(): string {
    return this.state.clientId;
  }

  /** How many events wait. */
  get size(): number {
    return this.state.waiting.size;
  }

  /** Where a damaged journal was put; undefined where there was none. */
  get aside(): string | undefined {
    return this.journal?.aside;
  }

  /** Takes up what other processes did. */
  catchUp(): void {
    this.journal?.catchUp();
  }

  close(): void {
    this.journal?.close();
  }

  private append(entry: Json): void {
    if (this.journal === null) {
      this.state.apply(entry);
      return;
    }
    this.journal.append(() => entry);
    this.journal.sync();
  }
}

interface HeldEvent {
  readonly body: string;
  readonly proof: Outgoing["proof"];
  readonly since: number;
}

/** The kinds of lines: the first five are what happens, the others what a file that took another's place begins with. */
interface Entries {
  readonly hold: readonly (readonly [eventId: string, body: string, proof: Outgoing["proof"], since: number])[];
  readonly release: readonly (readonly [eventId: string, body: string])[];
  readonly discard: readonly string[];
  readonly done: readonly number[];
  readonly refuse: readonly [sequence: number, problem: string];
  readonly client: readonly [clientId: string, last: number];
  readonly waiting: readonly (readonly [sequence: number, eventId: string, body: string])[];
  readonly sent: readonly (readonly [eventId: string, sequence: number])[];
  readonly refused: readonly (readonly [eventId: string, body: string, problem: string])[];
}

/** What the lines of the queue's journal come to. */
class QueueState implements Machine {
  clientId = "";
  readonly held = new Map<string, HeldEvent>();
  readonly waiting = new Map<number, Numbered>();
  readonly refused = new Map<string, { body: string; problem: string }>();
  private last = 0;
  private readonly waitingIds = new Set<string>();
  private readonly sent = new Map<string, number>();
  private readonly kinds: { readonly [kind in keyof Entries]: (items: Entries[kind]) => void } = {
    hold: each(([eventId, body, proof, since]) => this.held.set(eventId, { body, proof, since })),
    release: each(([eventId, body]) => this.number(eventId, body)),
    discard: each((eventId) => this.held.delete(eventId)),
    done: (sequences) => this.done(sequences),
    refuse: ([sequence, problem]) => this.refuse(sequence, problem),
    client: ([clientId, last]) => {
      this.clientId = clientId;
      this.last = last;
    },
    waiting: each(([sequence, eventId, body]) => this.wait({ sequence, eventId, body })),
    sent: each(([eventId, sequence]) => this.sent.set(eventId, sequence)),
    refused: each(([eventId, body, problem]) => this.refused.set(eventId, { body, problem })),
  };

  reset(): void {
    this.clientId = "";
    this.last = 0;
    for (const part of [this.held, this.waiting, this.refused, this.waitingIds, this.sent]) {
      part.clear();
    }
  }

  apply(entry: Json): boolean {
    if (Array.isArray(entry)) {
      const [kind, items] = entry as unknown as readonly [keyof Entries, never];
      this.kinds[kind](items);
    } else {
      this.clientId = `cli_${String((entry as { readonly id: Json }).id)}`; // the header
    }
    return true;
  }

  *entries(): Iterable<Json> {
    yield ["client", [this.clientId, this.last]];
    yield* inEntries(
      "hold",
      [...this.held].map(([id, event]) => [id, event.body, [...event.proof], event.since]),
    );
    yield* inEntries(
      "waiting",
      [...this.waiting.values()].map((event) => [event.sequence, event.eventId, event.body]),
    );
    yield* inEntries("sent", [...this.sent]);
    yield* inEntries(
      "refused",
      [...this.refused].map(([id, { body, problem }]) => [id, body, problem]),
    );
  }

  /** An id that waits, was sent or was refused gets no other number. */
  private number(eventId: string, body: string): void {
    this.held.delete(eventId);
    if (!this.waitingIds.has(eventId) && !this.sent.has(eventId) && !this.refused.has(eventId)) {
      this.last += 1;
      this.wait({ sequence: this.last, eventId, body });
    }
  }

  private wait(event: Numbered): void {
    this.waiting.set(event.sequence, event);
    this.waitingIds.add(event.eventId);
  }

  private done(sequences: readonly number[]): void {
    for (const sequence of sequences) {
      const event = this.taken(sequence);
      if (event !== undefined) {
        this.sent.set(event.eventId, sequence);
      }
    }
    for (const [eventId, sequence] of this.sent) {
      if (this.sent.size <= REMEMBERED) {
        break;
      }
      if (sequence <= this.last - REMEMBERED) {
        this.sent.delete(eventId);
      }
    }
  }

  private refuse(sequence: number, problem: string): void {
    const event = this.taken(sequence);
    if (event !== undefined) {
      this.refused.set(event.eventId, { body: event.body, problem });
    }
  }

  private taken(sequence: number): Numbered | undefined {
    const event = this.waiting.get(sequence);
    if (event !== undefined) {
      this.waiting.delete(sequence);
      this.waitingIds.delete(event.eventId);
    }
    return event;
  }
}

function each<T>(take: (item: T) => unknown): (items: readonly T[]) => void {
  return (items) => {
    for (const item of items) {
      take(item);
    }
  };
}

/** Entries of a thousand items each. */
function* inEntries(name: string, items: readonly Json[]): Iterable<Json> {
  for (let at = 0; at < items.length; at += PER_ENTRY) {
    yield [name, items.slice(at, at + PER_ENTRY)];
  }
}
