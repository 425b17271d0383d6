/** What becomes of counting while the counters do not answer: it is kept, and settled once when they answer again. */
import { CountersUnavailable } from "./errors.js";
import { type Kept, KeptChanges } from "./kept.js";
import { freshName } from "./names.js";
import { NotAsked, SteadyLedger, type Steadying } from "./steady.js";
import type { Answer, Edit, Ledger, Marks } from "./store.js";

/**
 * How the counters are. `state`: ok, snapshot (they do not answer, decisions go by what was seen last) or unavailable (not
 * even that is recent enough, each rail does as `on_counters_unavailable` says). `since`: when the outage began. `kept`:
 * how many changes wait to be counted, `keptInMemory` how many of them would be lost with the process.
 */
export interface CountersStatus {
  readonly state: "ok" | "snapshot" | "unavailable";
  readonly since: Date | null;
  readonly problem: string | null;
  readonly kept: number;
  readonly keptInMemory: number;
}

/** How counters are that cannot fail. */
export const COUNTING: CountersStatus = { state: "ok", since: null, problem: null, kept: 0, keptInMemory: 0 };

/** A change that can be made again: whose, what counts once, how, and as it is written down. */
export interface Keepable<T> {
  readonly customerId: string;
  readonly marks: Marks;
  readonly edit: Edit<T>;
  readonly kind: Kept["kind"];
  readonly body: () => Kept["body"];
  /** Whether making it twice is the same as making it once. */
  readonly isRepeatable: boolean;
}

/** Keeps changes, and has `redo` make them again, in their order, as soon as the store answers. */
export class Keeper {
  readonly ledger: SteadyLedger;
  redo: (kept: Kept) => Answer<unknown> = () => {
    throw new CountersUnavailable("Nobody can make this change again yet.");
  };
  private readonly changes: KeptChanges;

  constructor(ledger: Ledger, path: string | null, by: Omit<Steadying, "settle">) {
    this.changes = new KeptChanges(path);
    this.ledger = new SteadyLedger(ledger, { ...by, settle: () => this.settle() });
  }

  /**
   * Makes a change, or keeps it in an outage. What failed while it was made, and would count again when repeated, is the
   * caller's to repeat.
   */
  orKept<T>(change: Keepable<T>, make: () => Answer<T>): Answer<T> {
    return this.orElse(make, (problem) => {
      if (!change.isRepeatable && !(problem instanceof NotAsked)) {
        throw problem;
      }
      return this.keep(change);
    });
  }

  /** What is made, or what there is instead in an outage. */
  orElse<T>(make: () => Answer<T>, instead: (problem: CountersUnavailable) => T): Answer<T> {
    const failed = (problem: unknown): T => {
      if (problem instanceof CountersUnavailable) {
        return instead(problem);
      }
      throw problem;
    };
    try {
      const made = make();
      return made instanceof Promise ? made.catch(failed) : made;
    } catch (problem) {
      return failed(problem);
    }
  }

  /** Makes all that is kept again. Rejects with CountersUnavailable when the store stops to answer; the rest is kept. */
  async settle(): Promise<void> {
    for (const kept of this.changes.all()) {
      await this.redo(kept);
      this.changes.done(kept);
    }
  }

  /** What another process, or this one before its end, has kept; nothing during an outage. */
  async settleIfAny(): Promise<void> {
    if (this.ledger.problem !== null || this.changes.all().length === 0) {
      return;
    }
    try {
      await this.settle();
    } catch (problem) {
      if (!(problem instanceof CountersUnavailable)) {
        throw problem;
      }
    }
  }

  get status(): CountersStatus {
    const { problem, sinceUs, isRecent } = this.ledger;
    const counts = { kept: this.changes.size, keptInMemory: this.changes.inMemory };
    if (problem === null) {
      return { ...COUNTING, ...counts };
    }
    const state = isRecent ? "snapshot" : "unavailable";
    return { state, since: new Date(sinceUs / 1000), problem: problem.message, ...counts };
  }

  /** Counts what it can, and asks no more. */
  async close(): Promise<void> {
    await this.settleIfAny();
    this.ledger.close();
    this.changes.close();
  }

  private keep<T>({ customerId, marks, edit, kind, body }: Keepable<T>): T {
    const [isNew, answer] = this.ledger.keep(customerId, marks, edit);
    if (isNew) {
      this.changes.add({ name: freshName(), kind, body: body() });
    }
    return answer;
  }
}
