/**
 * Counters in a journal: shared by the Node processes of one machine, and there again after a restart.
 *
 * Nothing is locked: an account is changed by a line that says which line it was made from, and of two that were made
 * from the same one the first counts. Every process keeps all accounts in memory.
 */
import { Account } from "../account.js";
import { dumped, loaded } from "../account_text.js";
import { CountersUnavailable } from "../errors.js";
import { messageOf } from "../http.js";
import { Journal, type Json, type Machine } from "../journal.js";
import type { CounterStore, Edit, Ledger, Marks } from "../store.js";

const PER_ENTRY = 1_000;

/** An account as its line has it; `account` once somebody wanted it. */
interface Row {
  readonly version: number;
  readonly text: string;
  account: Account | null;
}

/** [ledger, customer, the version it was made from, the account, its marks and until when (µs) they are known]. */
type Change = readonly ["account", string, string, number, string, readonly (readonly [string, number])[]];
/** Marks by `markKey`, as they stand in a file that took the place of another. */
type Known = readonly ["marks", readonly (readonly [string, number])[]];

/** What the lines of the journal come to. */
class Accounts implements Machine {
  readonly rows = new Map<string, Row>();
  readonly marks = new Map<string, number>();

  reset(): void {
    this.rows.clear();
    this.marks.clear();
  }

  apply(given: Json, at: number): boolean {
    const entry = given as unknown as Change | Known;
    switch (entry[0]) {
      case "account":
        return this.change(entry, at);
      case "marks":
        for (const [key, until] of entry[1]) {
          this.marks.set(key, until);
        }
        return true;
      default:
        return false; // the header
    }
  }

  *entries(): Iterable<Json> {
    for (const [key, { text }] of this.rows) {
      const [ledger = "", customerId = ""] = JSON.parse(key) as string[];
      yield ["account", ledger, customerId, 0, text, []];
    }
    const nowUs = Date.now() * 1000;
    const known = [...this.marks].filter(([, until]) => until > nowUs);
    for (let at = 0; at < known.length; at += PER_ENTRY) {
      yield ["marks", known.slice(at, at + PER_ENTRY)];
    }
  }

  private change([, ledger, customerId, version, text, marks]: Change, at: number): boolean {
    const key = rowKey(ledger, customerId);
    if ((this.rows.get(key)?.version ?? 0) !== version) {
      return false;
    }
    this.rows.set(key, { version: at, text, account: null });
    for (const [mark, until] of marks) {
      this.marks.set(markKey(key, mark), until);
    }
    return true;
  }
}

/** Reads what other processes wrote each time; nothing here waits for anybody. */
class FileLedger implements Ledger {
  readonly viewMs = 0;
  readonly survives = true;
  readonly newcomer = new Account();
  readonly snapshots = new Map<string, Account>();

  constructor(
    private readonly name: string,
    private readonly file: () => { journal: Journal; accounts: Accounts },
    private readonly durable: boolean,
  ) {}

  read(customerId: string): Account {
    return available(() => {
      const { journal, accounts } = this.file();
      journal.catchUp();
      return this.seen(customerId, accounts);
    });
  }

  update<T>(customerId: string, marks: Marks, nowUs: number, edit: Edit<T>): T {
    const problemOfEdit: { problem?: unknown } = {};
    let outcome: ReturnType<Edit<T>> | undefined;
    try {
      const { journal, accounts } = this.file();
      journal.append(() => {
        try {
          outcome = edit(this.seen(customerId, accounts), this.known(customerId, marks, nowUs, accounts));
          outcome[2]?.();
        } catch (problem) {
          problemOfEdit.problem = problem;
          throw problem;
        }
        const [after] = outcome;
        const version = accounts.rows.get(rowKey(this.name, customerId))?.version ?? 0;
        return after === null ? undefined : ["account", this.name, customerId, version, dumped(after), [...marks]];
      });
      if (this.durable) {
        journal.sync();
      }
      return this.settled(customerId, outcome as unknown as ReturnType<Edit<T>>, accounts);
    } catch (problem) {
      if ("problem" in problemOfEdit) {
        throw problem;
      }
      throw unavailable(problem);
    }
  }

  probe(): void {
    available(() => this.file().journal.catchUp());
  }

  private settled<T>(customerId: string, [after, answer]: ReturnType<Edit<T>>, accounts: Accounts): T {
    const row = accounts.rows.get(rowKey(this.name, customerId));
    if (after !== null && row !== undefined) {
      row.account = after;
      this.snapshots.set(customerId, after);
    }
    return answer;
  }

  private seen(customerId: string, accounts: Accounts): Account {
    const row = accounts.rows.get(rowKey(this.name, customerId));
    if (row === undefined) {
      return this.newcomer;
    }
    row.account ??= loaded(row.text);
    this.snapshots.set(customerId, row.account);
    return row.account;
  }

  private known(customerId: string, marks: Marks, nowUs: number, accounts: Accounts): ReadonlySet<string> {
    const key = rowKey(this.name, customerId);
    const isKnown = (mark: string) => (accounts.marks.get(markKey(key, mark)) ?? 0) > nowUs;
    return new Set([...marks.keys()].filter(isKnown));
  }
}

/** `synchronous`: "full" also lets the disk have every count, soon after it is made; "normal" leaves that to the system. */
export interface FileCountersOptions {
  readonly synchronous?: "full" | "normal";
}

/**
 * A store in a journal beginning with `path`. A folder that cannot be written now may be written later: whoever counts
 * until then is told CountersUnavailable.
 */
export class FileCounters implements CounterStore {
  private readonly ledgers = new Map<string, FileLedger>();
  private readonly accounts = new Accounts();
  private journal: Journal | null = null;

  constructor(
    private readonly path: string,
    private readonly options: FileCountersOptions = {},
  ) {}

  ledger(namespace: string): Ledger {
    const open = () => this.open();
    const ledger = this.ledgers.get(namespace) ?? new FileLedger(namespace, open, this.options.synchronous === "full");
    this.ledgers.set(namespace, ledger);
    return ledger;
  }

  close(): void {
    this.journal?.close();
    this.journal = null;
  }

  private open(): { journal: Journal; accounts: Accounts } {
    this.journal ??= new Journal(this.path, this.accounts);
    return { journal: this.journal, accounts: this.accounts };
  }
}

function available<T>(read: () => T): T {
  try {
    return read();
  } catch (problem) {
    throw unavailable(problem);
  }
}

function unavailable(problem: unknown): CountersUnavailable {
  return new CountersUnavailable(`The counters' file does not answer: ${messageOf(problem)}`, { cause: problem });
}

function rowKey(ledger: string, customerId: string): string {
  return JSON.stringify([ledger, customerId]);
}

function markKey(key: string, mark: string): string {
  return `${key}${mark}`;
}
