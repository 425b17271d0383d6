/** Counters in this process: the fastest, shared by its clients, gone with it. */
import { Account } from "../account.js";
import type { CounterStore, Edit, Ledger, Marks } from "../store.js";

const PRUNE_EVERY = 10_000;
const NOTHING_KNOWN: ReadonlySet<string> = new Set();

/** Accounts are replaced, never changed; nothing comes between reading one and replacing it. */
export class MemoryLedger implements Ledger {
  readonly viewMs = null;
  readonly survives = false;
  readonly newcomer = new Account();
  readonly snapshots = new Map<string, Account>();
  private readonly marks = new Map<string, number>();
  private pruneAt = PRUNE_EVERY;

  read(customerId: string): Account {
    return this.snapshots.get(customerId) ?? this.newcomer;
  }

  update<T>(customerId: string, marks: Marks, nowUs: number, edit: Edit<T>): T {
    const [after, answer, prepare] = edit(this.read(customerId), this.known(customerId, marks, nowUs));
    if (after !== null) {
      prepare?.();
      this.snapshots.set(customerId, after);
      for (const [mark, until] of marks) {
        this.marks.set(`${customerId}\n${mark}`, until);
      }
      this.prune(nowUs);
    }
    return answer;
  }

  private known(customerId: string, marks: Marks, nowUs: number): ReadonlySet<string> {
    if (marks.size === 0) {
      return NOTHING_KNOWN;
    }
    const isKnown = (mark: string) => (this.marks.get(`${customerId}\n${mark}`) ?? 0) > nowUs;
    return new Set([...marks.keys()].filter(isKnown));
  }

  /** Forgets marks whose time is over. */
  private prune(nowUs: number): void {
    if (this.marks.size <= this.pruneAt) {
      return;
    }
    for (const [mark, until] of this.marks) {
      if (until <= nowUs) {
        this.marks.delete(mark);
      }
    }
    this.pruneAt = this.marks.size + PRUNE_EVERY;
  }
}

/** A store for one process; give the same one to several clients to let them share. */
export class MemoryCounters implements CounterStore {
  private readonly ledgers = new Map<string, MemoryLedger>();

  ledger(namespace: string): MemoryLedger {
    const ledger = this.ledgers.get(namespace) ?? new MemoryLedger();
    this.ledgers.set(namespace, ledger);
    return ledger;
  }

  close(): void {
    // Nothing to give back.
  }
}
