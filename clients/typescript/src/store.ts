/**
 * Where usage is counted. One `Ledger` per workspace and environment; one account per customer.
 *
 * A store is anything with these methods. `update` is the only way to change an account, and it is atomic for everybody
 * who shares the store. A store may answer at once (memory, a file) or later (Redis): whoever calls it takes both.
 */
import type { Account } from "./account.js";

/** An answer now, or a promise of one. */
export type Answer<T> = T | Promise<T>;

/** Things that count once, by name, and until when (wall clock, µs) the store must remember them. */
export type Marks = ReadonlyMap<string, number>;

/**
 * From the account as it is and those of the marks that are known already to the account as it shall be, or null when
 * nothing happened: then nothing is written and no mark remembered. `prepare`, where there is one, is called before that
 * account is written. An edit may be made more than once and changes nothing, for it is also made of accounts that nobody
 * has, to learn what would become of them.
 */
export type Edit<T> = (
  account: Account,
  known: ReadonlySet<string>,
) => readonly [after: Account | null, answer: T, prepare?: () => void];

/** The accounts of one workspace and environment. */
export interface Ledger {
  /** For how long, in milliseconds, a decision made from an account may be used again; null: until it changes. */
  readonly viewMs: number | null;
  /** Whether counts outlive the process. */
  readonly survives: boolean;
  /** The account of everybody who is not in `snapshots`. */
  readonly newcomer: Account;
  /** Accounts as this process last saw them. */
  readonly snapshots: ReadonlyMap<string, Account>;

  /** The account now; an empty one for somebody new. Throws, or rejects with, CountersUnavailable. */
  read(customerId: string): Answer<Account>;

  /**
   * Changes the account and remembers the marks, both or neither. Throws, or rejects with, CountersUnavailable, after
   * which it is not known whether the change was made: the same marks again make repeating harmless.
   */
  update<T>(customerId: string, marks: Marks, nowUs: number, edit: Edit<T>): Answer<T>;

  /** `update` under the name of an attempt whose outcome is not known: the change is made once. Else `update` does it. */
  redo?<T>(attempt: string, order: Order, edit: Edit<T>): Answer<T>;

  /** Throws, or rejects with, CountersUnavailable unless the store answers and takes changes. */
  probe?(): Answer<void>;
}

/** Whose account is changed, what counts once, and when (wall clock, µs). */
export interface Order {
  readonly customerId: string;
  readonly marks: Marks;
  readonly nowUs: number;
}

/** What a client is given. */
export interface CounterStore {
  /** The ledger of this name; the same accounts for everybody who asks. */
  ledger(namespace: string): Ledger;

  /** Gives back files and connections. */
  close(): Answer<void>;
}

/** Goes on with an answer when it is there: at once where it is there already. */
export function andThen<T, U>(answer: Answer<T>, next: (value: T) => Answer<U>): Answer<U> {
  return answer instanceof Promise ? answer.then(next) : next(answer);
}
