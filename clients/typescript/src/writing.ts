/** The change of one account together with its events: held before it, let go or forgotten after it. */
import type { Account } from "./account.js";
import { CountersUnavailable } from "./errors.js";
import type { Firing } from "./firing.js";
import type { Plan } from "./plan.js";
import type { Reporter } from "./reporting.js";
import type { Answer, Edit, Ledger, Marks } from "./store.js";
import type { Outgoing } from "./types.js";

/** Whose account is changed, by which plan, when, and what counts once. */
export interface Task {
  readonly plan: Plan | null;
  readonly customerId: string;
  readonly marks: Marks;
  readonly nowUs: number;
  /** The name under which a change that was kept is made once; the first time there is none. */
  readonly attempt?: string | undefined;
}

/** The account after a change (null: nothing happened), what to answer, and what fired. */
export type Edited<T> = readonly [account: Account | null, answer: T, firings: readonly Firing[]];

/** What becomes of a change whose store does not answer: the edit of an account that is known may be made instead. */
export type Rescue<T> = (problem: CountersUnavailable, edit: Edit<T>) => T;

/** Events are written down before a count that survives this process, and let go after it. */
export class Writer {
  constructor(
    private readonly ledger: Ledger,
    private readonly reporter: Reporter,
  ) {}

  /** Changes the account; the answer of the edit that was made, or of `rescue` where the store does not answer. */
  update<T>(
    task: Task,
    edit: (account: Account, known: ReadonlySet<string>) => Edited<T>,
    rescue?: Rescue<T>,
  ): Answer<T> {
    const writing = new Writing(this.reporter, this.ledger.survives, task);
    const failed = (problem: unknown): T => {
      if (!(problem instanceof CountersUnavailable) || rescue === undefined || task.attempt !== undefined) {
        return writing.failed(problem);
      }
      return rescue(problem, (account, known) => {
        const [after, answer] = edit(account, known);
        return [after, answer];
      });
    };
    try {
      const made = this.made(task, (account, known) => {
        const [after, answer, firings] = edit(account, known);
        writing.begin();
        return firings.length === 0 ? [after, answer] : [after, answer, () => writing.hold(firings)];
      });
      return made instanceof Promise ? made.then((answer) => writing.done(answer), failed) : writing.done(made);
    } catch (problem) {
      return failed(problem);
    }
  }

  private made<T>(task: Task, edit: Edit<T>): Answer<T> {
    const { customerId, marks, nowUs, attempt } = task;
    return attempt === undefined || this.ledger.redo === undefined
      ? this.ledger.update(customerId, marks, nowUs, edit)
      : this.ledger.redo(attempt, task, edit);
  }
}

const NO_EVENTS: readonly Outgoing[] = [];

/** The events of the last edit, and all that were held: an edit may be made more than once, and of no account at all. */
class Writing {
  private events = NO_EVENTS;
  private held: Map<string, Outgoing> | null = null;

  constructor(
    private readonly reporter: Reporter,
    private readonly survives: boolean,
    private readonly task: Task,
  ) {}

  /** Another edit: what the last one fired did not happen. */
  begin(): void {
    this.events = NO_EVENTS;
  }

  /** What the edit fires, whose account is about to be written. */
  hold(firings: readonly Firing[]): void {
    const { plan, customerId, nowUs } = this.task;
    this.events = plan === null ? NO_EVENTS : this.reporter.events(plan, customerId, firings, nowUs);
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
