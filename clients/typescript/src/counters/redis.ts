/**
 * Counters in Redis: shared by all machines, and by clients in every language. Needs the package `redis`, which the app
 * installs: it is the one that Redis itself keeps up.
 *
 * Whatever is asked of an account is one call of one script: no lock is ever held, and nothing is left behind by a
 * process that dies. clients/ACCOUNT.md describes the keys and the script.
 */
import { randomBytes } from "node:crypto";

import { Account } from "../account.js";
import { CountersUnavailable } from "../errors.js";
import type { CounterStore, Edit, Ledger, Marks, Order } from "../store.js";
import { livePeriod, readSeen, renumbered, type Seen, unitsOf, unwritten, written } from "./redis_account.js";
import { type Addition, addedTo, addition, type Limits, limitsOf, measureOf, unitsAddedTo } from "./redis_adding.js";
import { type RedisConnection, Wire } from "./redis_wire.js";

export type { RedisConnection };

const TIMEOUT_MS = 250;
const VIEW_MS = 100;
const MOST_SNAPSHOTS = 100_000;
const ATTEMPTS = 500;
/** For how long a sum of reservations counts that nobody has read one by one since. */
const RESERVED_US = 600_000_000;

export interface RedisCountersOptions {
  /** What all keys begin with; "avs" unless said, the same for every app that shares the accounts. */
  readonly prefix?: string;
  /** Checks may answer from what was seen this long ago; reservations and records never do. 100 unless said. */
  readonly viewMs?: number;
  /** How long one call may take before the counters count as unavailable. 250 unless said. */
  readonly timeoutMs?: number;
}

/**
 * A store on a Redis server: by its URL, or by a connection of your own, which you close yourself. Accounts have no
 * expiry: use a Redis that does not evict them.
 */
export class RedisCounters implements CounterStore {
  private readonly wire: Wire;
  private readonly ledgers = new Map<string, RedisLedger>();

  constructor(
    server: string | RedisConnection,
    private readonly options: RedisCountersOptions = {},
  ) {
    this.wire = new Wire(server, options.timeoutMs ?? TIMEOUT_MS);
  }

  ledger(namespace: string): Ledger {
    const { prefix = "avs", viewMs = VIEW_MS } = this.options;
    const ledger = this.ledgers.get(namespace) ?? new RedisLedger(this.wire, `${prefix}:${namespace}`, viewMs);
    this.ledgers.set(namespace, ledger);
    return ledger;
  }

  close(): Promise<void> {
    return this.wire.close();
  }
}

/** `viewMs`: for how long a decision may be made from what this process saw last. */
class RedisLedger implements Ledger {
  readonly survives = true;
  readonly newcomer = new Account();
  readonly snapshots = new Map<string, Account>();
  private readonly seen = new Map<string, Seen>();
  private readonly turns = new Map<string, Promise<unknown>>();
  private writer = randomBytes(8).toString("hex");
  private count = 0;

  constructor(
    readonly wire: Wire,
    private readonly prefix: string,
    readonly viewMs: number,
  ) {}

  async read(customerId: string): Promise<Account> {
    const [seen] = await this.load(customerId, []);
    return seen.account;
  }

  /** Changes of one account follow each other, as the script wants of a writer. */
  update<T>(customerId: string, marks: Marks, nowUs: number, edit: Edit<T>): Promise<T> {
    return this.inTurn({ customerId, marks, nowUs, edit, writer: null });
  }

  redo<T>(attempt: string, order: Order, edit: Edit<T>): Promise<T> {
    const [id = "", sequence = ""] = attempt.split(" ");
    return this.inTurn({ ...order, edit, writer: [id, sequence] });
  }

  /** Reads would answer where nothing can be written. */
  async probe(): Promise<void> {
    await this.wire.ask(["SET", `${this.prefix}:probe`, "1", "PX", "1000"]);
  }

  private inTurn<T>(wish: Wish<T>): Promise<T> {
    const { customerId } = wish;
    const before = this.turns.get(customerId) ?? Promise.resolve();
    const turn = before.then(() => this.made(wish));
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.turns.set(customerId, settled);
    void settled.then(() => {
      if (this.turns.get(customerId) === settled) {
        this.turns.delete(customerId);
      }
    });
    return turn;
  }

  /** As it was seen last; undefined when it never was. */
  lastSeen(customerId: string): Seen | undefined {
    return this.seen.get(customerId);
  }

  /** The account as it is in Redis, and which of the marks are known there. One that has gone is as it was. */
  async load(customerId: string, marks: readonly string[]): Promise<readonly [Seen, ReadonlySet<string>]> {
    const key = this.key(customerId);
    const known = marks.map((mark) => ["EXISTS", `${key}:${mark}`]);
    const answers = await this.wire.ask(["HGETALL", `${key}:account`], ["HMGET", key, "version", "body"], ...known);
    const [hash, earlier, ...exist] = answers as [unknown, (string | null)[], ...unknown[]];
    const read = readSeen(pairsOf(hash), earlier);
    const seen = read ?? unwritten(this.seen.get(customerId)?.account ?? this.newcomer);
    this.keep(customerId, seen);
    return [seen, new Set(marks.filter((_, at) => Number(exist[at]) === 1))];
  }

  /** As the newest that is known; a reader that was overtaken does not bring the past back. */
  keep(customerId: string, seen: Seen): void {
    const last = this.seen.get(customerId);
    if (last !== undefined && last.epoch === seen.epoch && seen.epoch !== null && +last.changes > +seen.changes) {
      return;
    }
    if (this.seen.size >= MOST_SNAPSHOTS) {
      this.seen.clear();
      this.snapshots.clear();
    }
    this.seen.set(customerId, seen);
    this.snapshots.set(customerId, seen.account);
  }

  /** What was kept of an account is not to be gone by. */
  forget(customerId: string): void {
    this.seen.delete(customerId);
  }

  /** The braces keep an account and its marks on one node of a cluster. */
  key(customerId: string): string {
    return `${this.prefix}:{${customerId}}`;
  }

  private async made<T>(wish: Wish<T>): Promise<T> {
    this.count += 1;
    const writer = wish.writer ?? ([this.writer, String(this.count)] as const);
    try {
      return await new Work(this, { ...wish, writer }).done();
    } catch (problem) {
      if (!(problem instanceof CountersUnavailable)) {
        throw problem;
      }
      this.writer = randomBytes(8).toString("hex"); // what is not known to be done must not be overtaken by its name
      throw new CountersUnavailable(problem.message, { cause: problem, attempt: writer.join(" ") });
    }
  }
}

/** A change under the name of a writer; null: the ledger's own. */
interface Wish<T> extends Order {
  readonly edit: Edit<T>;
  readonly writer: readonly [id: string, sequence: string] | null;
}

/** One change of one account, tried until nobody was faster. */
class Work<T> {
  private known: ReadonlySet<string> = new Set();
  private readonly keys: readonly string[];

  constructor(
    private readonly ledger: RedisLedger,
    private readonly order: Wish<T> & { readonly writer: readonly [string, string] },
  ) {
    const key = ledger.key(order.customerId);
    const marks = [...order.marks.keys()].map((mark) => `${key}:${mark}`);
    this.keys = [`${key}:account`, `${key}:writers`, `${key}:lapses`, key, ...marks];
  }

  /** The answer of the edit that was made: first by what was seen last, then by what is there. */
  async done(): Promise<T> {
    const { customerId, marks } = this.order;
    const last = this.ledger.lastSeen(customerId);
    const made = last === undefined ? undefined : await this.tried(last, false);
    if (made !== undefined) {
      return made[0];
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const [seen, known] = await this.ledger.load(customerId, [...marks.keys()]);
      this.known = known;
      const again = await this.tried(seen, true);
      if (again !== undefined) {
        return again[0];
      }
      await pause(Math.random() * Math.min(0.5 * 2 ** Math.min(attempt, 6), 20));
    }
    throw new CountersUnavailable(`Account ${customerId} changed ${ATTEMPTS} times while it was being changed.`);
  }

  /** The answer; undefined when another process was faster, or when only what is there now can say. */
  private async tried(seen: Seen, isFresh: boolean): Promise<readonly [T] | undefined> {
    const [after, answer, prepare] = this.order.edit(seen.account, this.known);
    if (after === null) {
      return isFresh ? [answer] : undefined;
    }
    const added = prepare === undefined ? addition(seen, after) : null;
    const limits = added === null ? null : limitsOf(seen, added, this.order.edit);
    if (added !== null && limits !== null) {
      const outcome = await this.add(seen, after, { added, limits });
      if (outcome !== undefined) {
        return [outcome === "as seen" ? answer : outcome[0]];
      }
    }
    if (!isFresh) {
      return undefined;
    }
    return (await this.replaced(seen)) ?? undefined;
  }

  /** The answer to what the account really was before; undefined when the change could not be made by adding. */
  private async add(
    seen: Seen,
    after: Account,
    { added, limits }: { added: Addition; limits: Limits },
  ): Promise<"as seen" | readonly [T] | undefined> {
    const first = unitsAddedTo(added);
    const units = [...first, ...seen.units.filter((unit) => !first.includes(unit))];
    const request = {
      ...this.request(),
      epoch: seen.epoch,
      period: seen.live,
      measure: measureOf(added),
      units: units.map((unit) => [unit, String(added.used.get(unit) ?? ""), String(limits.get(unit) ?? "")]),
      ...holdOf(added),
      ...dropOf(this.order.marks, seen.account, after, this.order.nowUs),
    };
    const [outcome, changes, ...told] = await this.ledger.wire.run("apply", request, this.keys);
    if (outcome === "done") {
      this.ledger.forget(this.order.customerId);
      return "as seen";
    }
    return outcome === "ok" ? this.added(seen, { added, units, changes: Number(changes), told }) : undefined;
  }

  private added(
    seen: Seen,
    {
      added,
      units,
      changes,
      told,
    }: { added: Addition; units: readonly string[]; changes: number; told: readonly string[] },
  ): "as seen" | readonly [T] {
    const untilUs = this.order.nowUs + RESERVED_US;
    const pairOf = (at: number) => [BigInt(told[2 * at] ?? 0), BigInt(told[2 * at + 1] ?? 0)] as const;
    const numbers = new Map(units.map((unit, at) => [unit, pairOf(at)]));
    const account = renumbered(seen.account, seen.live, numbers, untilUs);
    this.ledger.keep(this.order.customerId, { ...seen, account, changes: String(changes) });
    if (added.reserved === null || changes === Number(seen.changes) + 1) {
      return "as seen";
    }
    const name = added.reserved[1].valueUnitId;
    const [used, held] = numbers.get(name) ?? [0n, 0n];
    numbers.set(name, [used, held - addedTo(added, name)]);
    const [, answer] = this.order.edit(renumbered(seen.account, seen.live, numbers, untilUs), this.known);
    return [answer];
  }

  /** The answer, if the account was still the one that was read, and was written whole. */
  private async replaced(seen: Seen): Promise<readonly [T] | undefined> {
    const [after, answer, prepare] = this.order.edit(seen.account, this.known);
    if (after === null) {
      return [answer];
    }
    prepare?.();
    const changes = Number(seen.changes || 0) + 1;
    const whole = written(after, changes);
    const versions = { was: seen.changes, was_earlier: seen.earlier };
    const request = { ...this.request(), ...versions, fields: whole.fields, lapses: whole.lapses };
    const [outcome] = await this.ledger.wire.run("put", request, this.keys);
    if (outcome === "ok") {
      const live = livePeriod(after);
      const now = { account: after, epoch: whole.epoch, live, units: unitsOf(after, live) };
      this.ledger.keep(this.order.customerId, { ...now, changes: String(changes), earlier: "" });
    }
    return outcome === "ok" || outcome === "done" ? [answer] : undefined;
  }

  private request(): { writer: readonly string[]; now: string; marks: readonly string[] } {
    const { writer, nowUs, marks } = this.order;
    const alive = [...marks].map(([mark, until]) =>
      this.known.has(mark) ? "0" : String(Math.max(Math.floor((until - nowUs) / 1000), 1)),
    );
    return { writer, now: String(Math.floor(nowUs)), marks: alive };
  }
}

function holdOf({ reserved }: Addition): { hold?: readonly string[] } {
  return reserved === null ? {} : { hold: [reserved[0], String(reserved[1].quantity), String(reserved[1].untilUs)] };
}

/** The reservation that a change lets go: the one of a commit, by its mark, or one that is missing and has not lapsed. */
function dropOf(marks: Marks, before: Account, after: Account, nowUs: number): { drop?: string } {
  const committed = [...marks.keys()].find((mark) => mark.startsWith("c:"))?.slice(2);
  const released = [...before.holds].find(([name, hold]) => !after.holds.has(name) && hold.untilUs > nowUs)?.[0];
  const drop = committed ?? released;
  return drop === undefined ? {} : { drop };
}

/** Names and values by turns, from what RESP 2 answers and from what RESP 3 does. */
function pairsOf(hash: unknown): readonly string[] {
  return Array.isArray(hash)
    ? hash.map(String)
    : Object.entries(hash as object)
        .flat()
        .map(String);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
