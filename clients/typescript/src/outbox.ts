/** The way of events to their queue: a full disk stops no count, they wait in memory then, up to a limit. */
import { messageOf } from "./http.js";
import type { EventSink, Outgoing, ProblemLog } from "./types.js";

const MOST_IN_MEMORY = 10_000;

/** In front of one queue, whose `name` says what cannot be written. */
export class Outbox {
  private waiting: readonly Outgoing[] = [];
  private isFailing = false;

  constructor(
    private readonly queue: EventSink,
    private readonly problems: ProblemLog,
    private readonly name: string,
  ) {}

  /** Before a count; where it cannot be written the count is made all the same, and its events are kept after it. */
  hold(events: readonly Outgoing[]): void {
    this.try(() => this.queue.hold(events));
  }

  /** After a count. */
  release(events: readonly Outgoing[]): void {
    if (events.length > 0 && !this.try(() => this.queue.release(events))) {
      this.keep(events);
    }
  }

  /** There was no count. */
  discard(eventIds: readonly string[]): void {
    if (eventIds.length > 0) {
      this.try(() => this.queue.discard(eventIds));
    }
  }

  /** Writes down what could not be written before. */
  catchUp(): void {
    const { waiting } = this;
    if (waiting.length > 0 && this.try(() => this.queue.release(waiting))) {
      this.waiting = [];
    }
  }

  /** How many events are in memory only. */
  get overflowing(): number {
    return this.waiting.length;
  }

  private try(write: () => void): boolean {
    try {
      write();
    } catch (problem) {
      this.isFailing = true;
      const text = `The ${this.name} cannot be written, its events are kept in memory: ${messageOf(problem)}`;
      this.problems.begin("queue_not_written", text);
      return false;
    }
    if (this.isFailing) {
      this.isFailing = false;
      this.problems.end("queue_not_written");
    }
    return true;
  }

  private keep(events: readonly Outgoing[]): void {
    const all = [...this.waiting, ...events];
    this.waiting = all.slice(-MOST_IN_MEMORY);
    if (all.length > MOST_IN_MEMORY) {
      const text = `Events are lost: only the last ${MOST_IN_MEMORY} that cannot be written are kept in memory.`;
      this.problems.begin("events_lost", text);
    }
  }
}
