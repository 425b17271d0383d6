/**
 * One way for all stores to fail: a ledger that does not ask a store which does not answer, and knows what it saw last.
 *
 * While the store does not answer every call fails at once. `snapshot` is then the customer's account as it was seen last,
 * with what this process did since, for as long as it may be used.
 */
import type { Account } from "./account.js";
import type { Clock } from "./clock.js";
import { CountersUnavailable } from "./errors.js";
import type { Answer, Edit, Ledger, Marks } from "./store.js";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
const MOST_SNAPSHOTS = 100_000;
/** Whom a store is asked about to learn whether it answers. */
const NOBODY = "";

/** The store was not even asked: an outage goes on. */
export class NotAsked extends CountersUnavailable {}

/** What a steady ledger needs beside its store. */
export interface Steadying {
  readonly clock: Clock;
  /** For how long decisions may go by what was seen last. */
  readonly snapshotMs: number;
  /** Counts what was kept, when the store answers again and before anybody else asks it. */
  readonly settle: () => Promise<void>;
  /** Called with what is wrong when an outage begins, and with null when it is over. */
  readonly told: (problem: string | null) => void;
}

interface Snapshot {
  readonly account: Account;
  readonly seenMs: number;
}

/** Asks its store until there is no answer; then a timer does, and nobody else, until there is one. */
export class SteadyLedger implements Ledger {
  /** What the store answered last in this outage; null while it answers. */
  problem: CountersUnavailable | null = null;
  /** When the outage began, wall clock in µs. */
  sinceUs = 0;
  readonly viewMs: number | null;
  readonly survives: boolean;
  readonly newcomer: Account;
  readonly snapshots: ReadonlyMap<string, Account>;
  private sinceMs = 0;
  private readonly last = new Map<string, Snapshot>();
  private readonly kept = new Map<string, Snapshot>();
  private readonly keptMarks = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(
    private readonly ledger: Ledger,
    private readonly by: Steadying,
  ) {
    this.viewMs = ledger.viewMs;
    this.survives = ledger.survives;
    this.newcomer = ledger.newcomer;
    this.snapshots = ledger.snapshots;
  }

  /** Whether what was seen last when the outage began may still be used. */
  get isRecent(): boolean {
    return this.by.clock.monotonicMs() - this.sinceMs <= this.by.snapshotMs;
  }

  read(customerId: string): Answer<Account> {
    return this.asked((at) => {
      const account = this.ledger.read(customerId);
      return account instanceof Promise
        ? account.then((read) => this.saw(customerId, read, at))
        : this.saw(customerId, account, at);
    });
  }

  update<T>(customerId: string, marks: Marks, nowUs: number, edit: Edit<T>): Answer<T> {
    let seen = this.newcomer;
    const seeing: Edit<T> = (account, known) => {
      const edited = edit(account, known);
      seen = edited[0] ?? account;
      return edited;
    };
    return this.asked((at) => {
      const answer = this.ledger.update(customerId, marks, nowUs, seeing);
      const settled = (made: T) => {
        this.saw(customerId, this.snapshots.get(customerId) ?? seen, at);
        return made;
      };
      return answer instanceof Promise ? answer.then(settled) : settled(answer);
    });
  }

  /** The account as it was seen last; null when that is too long ago, or never was. */
  snapshot(customerId: string): Account | null {
    const last = this.kept.get(customerId) ?? this.last.get(customerId);
    const isUsable = last !== undefined && this.by.clock.monotonicMs() - last.seenMs <= this.by.snapshotMs;
    return isUsable ? last.account : null;
  }

  /** Changes what decisions go by in an outage; the store learns of it later. A mark that was kept is known. */
  keep<T>(customerId: string, marks: Marks, edit: Edit<T>): readonly [isNew: boolean, answer: T] {
    const last = this.kept.get(customerId) ?? this.last.get(customerId);
    const names = [...marks.keys()];
    const known = names.filter((mark) => this.keptMarks.has(`${customerId}\n${mark}`));
    const [after, answer] = edit(last?.account ?? this.newcomer, new Set(known));
    for (const mark of after === null ? [] : names) {
      this.keptMarks.add(`${customerId}\n${mark}`);
    }
    if (after !== null && last !== undefined) {
      this.kept.set(customerId, { account: after, seenMs: last.seenMs });
    }
    return [after !== null || known.length === 0, answer];
  }

  /** Asks the store no more. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer ?? undefined);
  }

  private asked<T>(ask: (atMs: number) => Answer<T>): Answer<T> {
    if (this.problem !== null) {
      throw new NotAsked(this.problem.message, { cause: this.problem });
    }
    try {
      const answer = ask(this.by.clock.monotonicMs());
      return answer instanceof Promise ? answer.catch((problem: unknown) => this.failed(problem)) : answer;
    } catch (problem) {
      return this.failed(problem);
    }
  }

  private failed(problem: unknown): never {
    if (problem instanceof CountersUnavailable && this.problem === null && !this.closed) {
      this.problem = problem;
      this.sinceUs = this.by.clock.wallUs();
      this.sinceMs = this.by.clock.monotonicMs();
      this.by.told(problem.message);
      this.askLater(FIRST_PAUSE_MS);
    }
    throw problem;
  }

  private askLater(pauseMs: number): void {
    this.timer = setTimeout(() => void this.probe(pauseMs), pauseMs).unref();
  }

  private async probe(pauseMs: number): Promise<void> {
    try {
      await this.ledger.read(NOBODY);
      await this.by.settle();
      this.over();
    } catch (problem) {
      this.problem = problem instanceof CountersUnavailable ? problem : this.problem;
      if (!this.closed) {
        this.askLater(Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
      }
    }
  }

  private over(): void {
    this.problem = null;
    this.kept.clear();
    this.keptMarks.clear();
    this.by.told(null);
  }

  private saw(customerId: string, account: Account, seenMs: number): Account {
    if (this.last.size >= MOST_SNAPSHOTS) {
      this.last.clear();
    }
    this.last.set(customerId, { account, seenMs });
    return account;
  }
}
