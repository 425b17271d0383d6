/** The change of one account together with its events: held before it, let go or forgotten after it. */
import type { Account } from "./account.js";
import { CountersUnavailable } from "./errors.js";
import type { Firing } from "./firing.js";
import type { Plan } from "./plan.js";
import type { Reporter } from "./reporting.js";
import type { Answer, Ledger, Marks } from "./store.js";
import type { Outgoing } from "./types.js";

/** Whose account is changed, by which plan, when, and what counts once. */
export interface Task {
  readonly plan: Plan | null;
  readonly customerId: string;
  readonly marks: Marks;
  readonly nowUs: number;
}

/** The account after a change (null: nothing happened), what to answer, and what fired. */
export type Edited<T> = readonly [account: Account | null, answer: T, firings: readonly Firing[]];

/** Events are written down before a count that survives this process, and let go after it. */
export class Writer {
  constructor(
    private readonly ledger: Ledger,
    private readonly reporter: Reporter,
  ) {}

  /** Changes the account; the answer of the edit that was made. */
  update<T>(task: Task, edit: (account: Account, known: ReadonlySet<string>) => Edited<T>): Answer<T> {
    const writing = new Writing(this.reporter, this.ledger.survives, task);
    try {
      const made = this.ledger.update(task.customerId, task.marks, task.nowUs, (account, known) => {
        const [after, answer, firings] = edit(account, known);
        writing.hold(firings);
        return [after, answer] as const;
      });
      return made instanceof Promise
        ? made.then(
            (answer) => writing.done(answer),
            (problem: unknown) => writing.failed(problem),
          )
        : writing.done(made);
    } catch (problem) {
      return writing.failed(problem);
    }
  }
}

const NO_EVENTS: readonly Outgoing[] = [];

/** The events of the last edit, and all that were held: an edit may be made more than once. */
class Writing {
  private events = NO_EVENTS;
  private held: Map<string, Outgoing> | null = null;

  constructor(
    private readonly reporter: Reporter,
    private readonly survives: boolean,
    private readonly task: Task,
  ) {}

  hold(firings: readonly Firing[]): void {
    const { plan, customerId, nowUs } = this.task;
    this.events =
      plan === null || firings.length === 0 ? NO_EVENTS : this.reporter.events(plan, customerId, firings, nowUs);
    if (this.survives && this.events.length > 0) {
      this.reporter.hold(this.events);
      this.held = new Map([...(this.held ?? []), ...this.events.map((event) => [event.eventId, event] as const)]);
    }
  }

  done<T>(answer: T): T {
    if (this.events.length > 0) {
      this.reporter.release(this.events);
    }
    if (this.held !== null) {
      const released = new Set(this.events.map((event) => event.eventId));
      this.reporter.discard([...this.held.keys()].filter((name) => !released.has(name)));
    }
    return answer;
  }

  /** Whether an unanswered change was made is not known yet: what is held is settled later. */
  failed(problem: unknown): never {
    if (!(problem instanceof CountersUnavailable) && this.held !== null) {
      this.reporter.discard([...this.held.keys()]);
    }
    throw problem;
  }
}
