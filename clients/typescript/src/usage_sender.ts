/** Sending usage events: in batches, oldest first, again and again until AVS Brain says what became of them. */
import type { Brain } from "./brain.js";
import { EventsRefused } from "./errors.js";
import type { EventQueue, Numbered } from "./events.js";
import type { ProblemLog } from "./types.js";

/** Per request: what AVS Brain names the rejected rows of. */
const MAX_EVENTS = 1_000;

/** With no AVS Brain to send to, events wait. */
export class UsageSender {
  private sending: Promise<number> | null = null;

  constructor(
    private readonly queue: EventQueue,
    private readonly brain: Brain | null,
    private readonly problems: ProblemLog,
  ) {}

  /** Sends all that wait; how many AVS Brain has taken. Rejects with Unreachable, and nothing is lost. */
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
    for (let events = this.queue.waiting(MAX_EVENTS); events.length > 0; events = this.queue.waiting(MAX_EVENTS)) {
      taken += await this.sendOrHalve(this.brain, events);
    }
    return taken;
  }

  /** Where AVS Brain refuses a whole batch, finds the events that it cannot take. */
  private async sendOrHalve(brain: Brain, events: readonly Numbered[]): Promise<number> {
    try {
      return this.settle(events, await brain.sendUsage(events.map((event) => event.body)));
    } catch (problem) {
      const [event] = events;
      if (!(problem instanceof EventsRefused) || event === undefined) {
        throw problem;
      }
      if (events.length === 1) {
        this.refuse(event, problem.message);
        return 0;
      }
    }
    const half = Math.floor(events.length / 2);
    return (await this.sendOrHalve(brain, events.slice(0, half))) + (await this.sendOrHalve(brain, events.slice(half)));
  }

  private settle(events: readonly Numbered[], rejects: ReadonlyMap<number, string>): number {
    for (const [index, reason] of rejects) {
      const event = events[index];
      if (event !== undefined) {
        this.refuse(event, reason);
      }
    }
    const taken = events.filter((_, index) => !rejects.has(index));
    this.queue.done(taken);
    return taken.length;
  }

  private refuse(event: Numbered, reason: string): void {
    this.queue.refuse(event, reason);
    const text = `AVS Brain does not take usage event ${event.eventId}, which is set aside: ${reason}`;
    this.problems.begin("events_refused", text);
  }
}
