/** Sending enforcement events: in batches, oldest first, again and again until AVS Brain says what became of them. */
import type { Brain, SendResult } from "./brain.js";
import { EventsRefused } from "./errors.js";
import type { EventQueue, Numbered } from "./events.js";
import type { Problems } from "./problems.js";

/** Per request: what AVS Brain takes. */
const MAX_EVENTS = 1_000;
const REJECTED = "rejected";

export interface SenderOptions {
  readonly queue: EventQueue;
  readonly brain: Brain | null;
  readonly problems: Problems;
  readonly numbered: boolean;
}

/**
 * `numbered`: whether events carry client_id and sequence, by which AVS Brain counts gaps. One that does not know these
 * fields is sent the events without them. With no AVS Brain to send to, events wait.
 */
export class Sender {
  private sending: Promise<number> | null = null;
  private readonly queue: EventQueue;
  private readonly brain: Brain | null;
  private readonly problems: Problems;
  private numbered: boolean;

  constructor(options: SenderOptions) {
    this.queue = options.queue;
    this.brain = options.brain;
    this.problems = options.problems;
    this.numbered = options.numbered;
  }

  /**
   * Sends everything that waits; how many events AVS Brain has taken. Rejects with Unreachable, and nothing is lost: an
   * event whose answer was lost on the way is sent again with the same id, and AVS Brain accepts it once.
   */
  flush(): Promise<number> {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  private async sendAll(): Promise<number> {
    let taken = 0;
    if (this.brain === null) {
      return taken;
    }
    let batch = MAX_EVENTS;
    for (let events = this.queue.waiting(batch); events.length > 0; events = this.queue.waiting(batch)) {
      try {
        const results = await this.brain.sendEvents(events.map((event) => this.bodyOf(event)));
        taken += this.settle(events, results);
        batch = Math.min(batch * 2, MAX_EVENTS);
      } catch (problem) {
        if (!(problem instanceof EventsRefused)) {
          throw problem;
        }
        this.refuseOnly(events, problem.message);
        batch = Math.max(Math.floor(events.length / 2), 1);
      }
    }
    return taken;
  }

  /** A batch that is refused is sent in halves, until the one event is known that AVS Brain does not take. */
  private refuseOnly(events: readonly Numbered[], problem: string): void {
    const [event] = events;
    if (event !== undefined && events.length === 1) {
      this.refuse(event, problem);
    }
  }

  private refuse(event: Numbered, problem: string): void {
    this.problems.begin(
      "events_refused",
      `AVS Brain does not take enforcement event ${event.eventId}, which is set aside: ${problem}`,
    );
    this.queue.refuse(event, problem);
  }

  private bodyOf({ body, sequence }: Numbered): string {
    if (!this.numbered) {
      return body;
    }
    return `${body.slice(0, -1)},"client_id":${JSON.stringify(this.queue.clientId)},"sequence":${sequence}}`;
  }

  private settle(events: readonly Numbered[], results: readonly SendResult[]): number {
    if (this.numbered && results.some(doesNotKnowNumbers)) {
      this.problems.log("warn", "This AVS Brain does not know client_id and sequence: events go without them.");
      this.numbered = false;
      return 0;
    }
    const done = events.filter((event, at) => {
      const result = results[at];
      if (result?.status !== REJECTED) {
        return true;
      }
      this.refuse(event, JSON.stringify(result.errors));
      return false;
    });
    this.queue.done(done);
    return done.length;
  }
}

function doesNotKnowNumbers(result: SendResult): boolean {
  const pointers = result.errors.map((error) => error.pointer);
  return result.status === REJECTED && (pointers.includes("/client_id") || pointers.includes("/sequence"));
}
