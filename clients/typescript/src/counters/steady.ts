/**
 * One way for all stores to fail: a ledger that asks its store through a breaker and knows what it saw last.
 *
 * While the store does not answer every call fails with CountersUnavailable at once, and a timer asks the store until it
 * answers. `snapshot` is then the customer's account as it was seen last, with what this process did since, for as long
 * as it may be used.
 */
import type { Account } from "../account.js";
import type { Clock } from "../clock.js";
import { CountersUnavailable } from "../errors.js";
import { messageOf } from "../http.js";
import type { Answer, Edit, Ledger, Marks, Order } from "../store.js";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
const MOST_SNAPSHOTS = 100_000;

/**
 * `state`: ok, snapshot (the store does not answer, decisions go by what was seen last) or unavailable (not even that is
 * recent enough, each rail does as `on_counters_unavailable` says). `since`: when the outage began; `problem`: what the
 * store answered last. `kept`: how many changes wait to be counted, `keptInMemory` how many of them would be lost with
 * the process.
 */
export interface CountersStatus {
  readonly state: "ok" | "snapshot" | "unavailable";
  readonly since: Date | null;
  readonly problem: string | null;
  readonly kept: number;
  readonly keptInMemory: number;
}

export interface SteadyOptions {
  readonly clock: Clock;
  /** For how long decisions may go by what was seen last. */
  readonly snapshotSeconds: number;
  /** Counts what was kept, once the store answers and before anybody else may ask it. */
  readonly settle: () => Promise<void>;
  /** Told what is wrong when an outage begins, and null when it is over. */
  readonly told: (problem: string | null) => void;
}

interface Snapshot {
  readonly account: Account;
  readonly seenMs: number;
}

interface Outage {
  readonly since: Date;
  readonly sinceMs: number;
  readonly problem: string;
}

export class SteadyLedger implements Ledger {
  private readonly last = new Map<string, Snapshot>();
  private readonly kept = new Map<string, Snapshot>();
  private readonly keptMarks = new Set<string>();
  private outage: Outage | null = null;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(
    private readonly store: Ledger,
    private readonly options: SteadyOptions,
  ) {}

  get viewMs(): number | null {
    return this.store.viewMs;
  }

  get survives(): boolean {
    return this.store.survives;
  }

  get newcomer(): Account {
    return this.store.newcomer;
  }

  get snapshots(): ReadonlyMap<string, Account> {
    return this.store.snapshots;
  }

  /** Whether the store does not answer. */
  get isOut(): boolean {
    return this.outage !== null;
  }

  read(customerId: string): Answer<Account> {
    this.refuseInOutage();
    return this.asked(customerId, () => this.store.read(customerId));
  }

  update<T>(customerId: string, marks: Marks, nowUs: number, edit: Edit<T>): Answer<T> {
    this.refuseInOutage();
    return this.asked(customerId, () => this.store.update(customerId, marks, nowUs, edit));
  }

  /** A change that was kept, though the outage may not be over yet. */
  redo<T>(attempt: string, order: Order, edit: Edit<T>): Answer<T> {
    const { customerId, marks, nowUs } = order;
    return this.asked(customerId, () =>
      this.store.redo === undefined || attempt === ""
        ? this.store.update(customerId, marks, nowUs, edit)
        : this.store.redo(attempt, order, edit),
    );
  }

  /** The account as it was seen last; null when that is too long ago, or never was. */
  snapshot(customerId: string): Account | null {
    const last = this.kept.get(customerId) ?? this.last.get(customerId);
    const ageMs = this.options.clock.monotonicMs() - (last?.seenMs ?? Number.NEGATIVE_INFINITY);
    return last === undefined || ageMs > this.options.snapshotSeconds * 1000 ? null : last.account;
  }

  /** Changes what decisions go by in an outage; the store learns of it later. A mark that was kept is known. */
  keep<T>(customerId: string, marks: Marks, edit: Edit<T>): { readonly answer: T; readonly changed: boolean } {
    const last = this.kept.get(customerId) ?? this.last.get(customerId);
    const known = new Set([...marks.keys()].filter((mark) => this.keptMarks.has(`${customerId}\n${mark}`)));
    const [after, answer] = edit(last?.account ?? this.newcomer, known);
    if (after !== null) {
      for (const mark of marks.keys()) {
        this.keptMarks.add(`${customerId}\n${mark}`);
      }
      if (last !== undefined) {
        this.kept.set(customerId, { account: after, seenMs: last.seenMs });
      }
    }
    return { answer, changed: after !== null || known.size === 0 };
  }

  /** How the store is doing. */
  status(kept: number, keptInMemory: number): CountersStatus {
    const { outage } = this;
    if (outage === null) {
      return { state: "ok", since: null, problem: null, kept, keptInMemory };
    }
    const ageMs = this.options.clock.monotonicMs() - outage.sinceMs;
    const state = ageMs <= this.options.snapshotSeconds * 1000 ? "snapshot" : "unavailable";
    return { state, since: outage.since, problem: outage.problem, kept, keptInMemory };
  }

  /** Asks the store no more. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer ?? undefined);
  }

  private refuseInOutage(): void {
    if (this.outage !== null) {
      throw new CountersUnavailable(this.outage.problem);
    }
  }

  private asked<T>(customerId: string, ask: () => Answer<T>): Answer<T> {
    const seenMs = this.options.clock.monotonicMs();
    const seen = (answer: T) => {
      this.saw(customerId, seenMs);
      return answer;
    };
    try {
      const answer = ask();
      return answer instanceof Promise ? answer.then(seen, (problem: unknown) => this.failed(problem)) : seen(answer);
    } catch (problem) {
      return this.failed(problem);
    }
  }

  private saw(customerId: string, seenMs: number): void {
    if (this.last.size >= MOST_SNAPSHOTS) {
      this.last.clear();
    }
    this.last.set(customerId, { account: this.snapshots.get(customerId) ?? this.newcomer, seenMs });
  }

  private failed(problem: unknown): never {
    if (problem instanceof CountersUnavailable) {
      this.begin(problem.message);
    }
    throw problem;
  }

  private begin(problem: string): void {
    if (this.outage !== null || this.closed) {
      return;
    }
    this.outage = { since: new Date(), sinceMs: this.options.clock.monotonicMs(), problem };
    this.options.told(problem);
    this.askLater(FIRST_PAUSE_MS);
  }

  private askLater(pauseMs: number): void {
    if (!this.closed) {
      this.timer = setTimeout(() => void this.ask(pauseMs), pauseMs).unref();
    }
  }

  private async ask(pauseMs: number): Promise<void> {
    try {
      await this.store.probe?.();
      await this.options.settle();
    } catch (problem) {
      if (this.outage !== null) {
        this.outage = { ...this.outage, problem: messageOf(problem) };
      }
      this.askLater(Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
      return;
    }
    this.outage = null;
    this.kept.clear();
    this.keptMarks.clear();
    this.options.told(null);
  }
}
