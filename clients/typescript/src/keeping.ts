/** What becomes of counting while the counters do not answer: it is kept, and counted once when they answer again. */
import type { Recorded } from "./bookkeeping.js";
import type { Clock } from "./clock.js";
import { type CountersStatus, SteadyLedger } from "./counters/steady.js";
import { CountersUnavailable } from "./errors.js";
import { messageOf } from "./http.js";
import { Journal, type Json, type Machine } from "./journal.js";
import { freshName } from "./names.js";
import type { Edit, Ledger, Order } from "./store.js";

const MOST_IN_MEMORY = 10_000;

/** A change as it is written down: its kind, and what it takes to make it again. */
export interface Keeping {
  readonly kind: "record" | "event" | "commit" | "release" | "approve";
  readonly body: readonly Json[];
}

/** A change that waits. `attempt` is the name under which it is made once. */
export interface Kept extends Keeping {
  readonly attempt: string;
}

export interface KeeperOptions {
  readonly clock: Clock;
  readonly snapshotSeconds: number;
  /** Where the journal's files are, without their number; null: changes are kept in memory. */
  readonly path: string | null;
  readonly told: (problem: string | null) => void;
  readonly warn: (message: string) => void;
}

/** Keeps changes, and has `redo` make them again, in their order, as soon as the store answers. */
export class Keeper {
  readonly ledger: SteadyLedger;
  redo: (kept: Kept) => Promise<unknown> = () =>
    Promise.reject(new CountersUnavailable("Nobody can make it again yet."));
  private readonly waiting = new Waiting();
  private readonly memory = new Map<string, Kept>();
  private journal: Journal | null = null;

  constructor(
    ledger: Ledger,
    private readonly options: KeeperOptions,
  ) {
    const { clock, snapshotSeconds, told } = options;
    this.ledger = new SteadyLedger(ledger, { clock, snapshotSeconds, told, settle: () => this.settle() });
  }

  /** The answer of a change that is not counted yet. Throws CountersUnavailable when it could not be kept. */
  keep<T>(problem: CountersUnavailable, order: Order, edit: Edit<T>, keeping: Keeping): T {
    const { answer, changed } = this.ledger.keep(order.customerId, order.marks, edit);
    if (changed) {
      this.add({ ...keeping, attempt: problem.attempt ?? `${freshName()} 1` });
    }
    return answer;
  }

  /** Counts what another process, or this one before its end, has kept; nothing during an outage. */
  async settleIfAny(): Promise<void> {
    if (!this.ledger.isOut && this.all().length > 0) {
      await this.settle();
    }
  }

  status(): CountersStatus {
    return this.ledger.status(this.waiting.changes.size + this.memory.size, this.memory.size);
  }

  close(): void {
    this.ledger.close();
    if (this.memory.size > 0) {
      this.options.warn(`${this.memory.size} changes that were kept in memory are lost: they were never counted.`);
    }
    this.journal?.close();
  }

  /** Rejects with CountersUnavailable when the store stops to answer; the rest stays kept. */
  private async settle(): Promise<void> {
    const tried = new Set<string>();
    for (let next = this.next(tried); next !== undefined; next = this.next(tried)) {
      tried.add(next.attempt);
      try {
        await this.redo(next);
      } catch (problem) {
        if (problem instanceof CountersUnavailable) {
          throw problem;
        }
        this.options.warn(`A change that was kept cannot be counted and stays kept: ${messageOf(problem)}`);
        continue;
      }
      this.done(next);
    }
  }

  private next(tried: ReadonlySet<string>): Kept | undefined {
    return this.all().find(({ attempt }) => !tried.has(attempt));
  }

  private all(): readonly Kept[] {
    try {
      this.opened()?.catchUp();
    } catch (problem) {
      this.options.warn(`What is kept cannot be read: ${messageOf(problem)}`);
    }
    return [...this.waiting.changes.values(), ...this.memory.values()];
  }

  private add(kept: Kept): void {
    const { attempt, kind, body } = kept;
    try {
      const journal = this.opened();
      if (journal !== null) {
        journal.append(() => ["keep", attempt, kind, body]);
        journal.sync();
        return;
      }
    } catch (problem) {
      this.options.warn(`What is not counted yet cannot be written, and is kept in memory: ${messageOf(problem)}`);
    }
    if (this.memory.size >= MOST_IN_MEMORY) {
      throw new CountersUnavailable(`${MOST_IN_MEMORY} changes wait in memory already: this one was not kept.`);
    }
    this.memory.set(attempt, kept);
  }

  private done({ attempt }: Kept): void {
    if (!this.memory.delete(attempt)) {
      this.opened()?.append(() => ["done", attempt]);
    }
  }

  private opened(): Journal | null {
    if (this.journal === null && this.options.path !== null) {
      this.journal = new Journal(this.options.path, this.waiting);
    }
    return this.journal;
  }
}

/** What the lines of the journal come to: the changes that wait, the oldest first. */
class Waiting implements Machine {
  readonly changes = new Map<string, Kept>();

  reset(): void {
    this.changes.clear();
  }

  apply(entry: Json): boolean {
    if (Array.isArray(entry)) {
      const [what, attempt, kind, body] = entry as [string, string, Kept["kind"], Json[]];
      if (what === "done") {
        this.changes.delete(attempt);
      } else {
        this.changes.set(attempt, { attempt, kind, body });
      }
    }
    return true;
  }

  *entries(): Iterable<Json> {
    for (const { attempt, kind, body } of this.changes.values()) {
      yield ["keep", attempt, kind, body];
    }
  }
}

/** The answer about a change that is kept: nothing of it is counted yet, and nothing has fired. */
export function asKept<T>(answer: T): T {
  const recorded = answer as Partial<Recorded> | undefined;
  return typeof recorded?.keptOf === "function" ? (recorded.keptOf() as T) : answer;
}
