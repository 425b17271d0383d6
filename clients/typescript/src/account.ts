/**
 * What is known of one customer: use per unit and period, reservations, first events. Frozen; changes make a new one.
 *
 * Everything else (allowance, rollover, overage, bill) follows from it and the config, so the order in which use
 * arrives never matters.
 */
import { asciiText, parseExact, type Json, type JsonObject } from "./json.js";

/** Period index → quantity, scaled; a sum of events may be negative. */
export type Periods = ReadonlyMap<number, bigint>;

/** Quantity set aside for work that is under way; it lapses at `untilUs`. */
export interface Hold {
  readonly valueUnitId: string;
  readonly period: number;
  readonly quantity: bigint;
  readonly untilUs: number;
}

/** The parts of an account, all of its value. */
export interface Parts {
  readonly used: ReadonlyMap<string, Periods>;
  readonly began: ReadonlyMap<string, number>;
  readonly holds: ReadonlyMap<string, Hold>;
  readonly fired: ReadonlySet<string>;
  readonly approved: ReadonlySet<string>;
}

const NO_PERIODS: Periods = new Map();
const NOTHING: Parts = { used: new Map(), began: new Map(), holds: new Map(), fired: new Set(), approved: new Set() };

/**
 * `used`: unit → period → quantity. `began`: event type → first time seen, in µs. `holds`: reservation id → hold.
 * `fired`: what was reported, "period:what". `approved`: "period:unit" that an operator let go on. `views` is where the
 * client keeps decisions that hold for this very account; it is no part of its value.
 */
export class Account implements Parts {
  readonly used: ReadonlyMap<string, Periods>;
  readonly began: ReadonlyMap<string, number>;
  readonly holds: ReadonlyMap<string, Hold>;
  readonly fired: ReadonlySet<string>;
  readonly approved: ReadonlySet<string>;
  views: Map<string, unknown> | null = null;

  constructor(parts: Partial<Parts> = {}, rest: Parts = NOTHING) {
    this.used = parts.used ?? rest.used;
    this.began = parts.began ?? rest.began;
    this.holds = parts.holds ?? rest.holds;
    this.fired = parts.fired ?? rest.fired;
    this.approved = parts.approved ?? rest.approved;
  }

  /** A changed copy, with no views yet. */
  with(changes: Partial<Parts>): Account {
    return new Account(changes, this);
  }

  /** The recorded use of a unit; periods without use are not in it. */
  ofUnit(valueUnitId: string): Periods {
    return this.used.get(valueUnitId) ?? NO_PERIODS;
  }

  /** What was used; below zero counts as nothing (spec 4.2, 1: it is a data issue). */
  recorded(valueUnitId: string, period: number): bigint {
    const quantity = this.used.get(valueUnitId)?.get(period) ?? 0n;
    return quantity > 0n ? quantity : 0n;
  }

  /** What is set aside by reservations that have not lapsed. */
  held(valueUnitId: string, period: number, nowUs: number): bigint {
    let quantity = 0n;
    for (const hold of this.holds.values()) {
      if (hold.valueUnitId === valueUnitId && hold.period === period && hold.untilUs > nowUs) {
        quantity += hold.quantity;
      }
    }
    return quantity;
  }

  /** The first period in which anything was used; null without use. */
  firstPeriod(): number | null {
    let first: number | null = null;
    for (const periods of this.used.values()) {
      for (const period of periods.keys()) {
        first = first === null || period < first ? period : first;
      }
    }
    return first;
  }

  /** With this much more used. */
  adding(valueUnitId: string, period: number, quantity: bigint): Account {
    const periods = new Map(this.used.get(valueUnitId));
    periods.set(period, (periods.get(period) ?? 0n) + quantity);
    return this.with({ used: new Map(this.used).set(valueUnitId, periods) });
  }

  /** With an event of this type noted, if it is earlier than the first one known. */
  seeing(eventType: string, atUs: number): Account {
    const first = this.began.get(eventType);
    return first !== undefined && first <= atUs ? this : this.with({ began: new Map(this.began).set(eventType, atUs) });
  }

  /** With one more reservation; lapsed ones are left alone until `withoutLapsed`. */
  holding(reservationId: string, hold: Hold): Account {
    return this.with({ holds: new Map(this.holds).set(reservationId, hold) });
  }

  /** Without this reservation; itself when there is none. */
  lettingGo(reservationId: string): Account {
    if (!this.holds.has(reservationId)) {
      return this;
    }
    const holds = new Map(this.holds);
    holds.delete(reservationId);
    return this.with({ holds });
  }

  /** Without reservations that nobody committed or released in time. */
  withoutLapsed(nowUs: number): Account {
    const alive = [...this.holds].filter(([, hold]) => hold.untilUs > nowUs);
    return alive.length === this.holds.size ? this : this.with({ holds: new Map(alive) });
  }
}

export const NEWCOMER = new Account();

/** JSON text, the same bytes as every AVS Brain client writes; quantities as JSON integers of any length. */
export function dumped(account: Account): string {
  const used = [...account.used].map(([unit, periods]) => `${asciiText(unit)}:${periodsText(periods)}`);
  const began = [...account.began].map(([eventType, atUs]) => `${asciiText(eventType)}:${atUs}`);
  const holds = [...account.holds].map(([name, hold]) => `${asciiText(name)}:${holdText(hold)}`);
  return (
    `{"used":{${used.join()}},"began":{${began.join()}},"holds":{${holds.join()}},` +
    `"fired":[${marksText(account.fired)}],"approved":[${marksText(account.approved)}]}`
  );
}

/** The account that `dumped` wrote. */
export function loaded(text: string): Account {
  const parts = parseExact(text) as JsonObject;
  return new Account({
    used: mapped(parts.get("used"), periodsOf),
    began: mapped(parts.get("began"), Number),
    holds: mapped(parts.get("holds"), holdOf),
    fired: new Set(parts.get("fired") as string[]),
    approved: new Set(parts.get("approved") as string[]),
  });
}

function periodsText(periods: Periods): string {
  return `{${[...periods].map(([period, quantity]) => `"${period}":${quantity}`).join()}}`;
}

function holdText(hold: Hold): string {
  return `[${asciiText(hold.valueUnitId)},${hold.period},${hold.quantity},${hold.untilUs}]`;
}

function marksText(marks: ReadonlySet<string>): string {
  return [...marks].sort(byCodePoint).map(asciiText).join();
}

/** The order of characters, not of the halves that some are written in: as every language's clients sort. */
export function byCodePoint(one: string, other: string): number {
  const [left, right] = [[...one], [...other]];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at < 0) {
    return left.length - right.length;
  }
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}

function mapped<T>(given: Json | undefined, read: (value: Json) => T): Map<string, T> {
  return new Map([...(given as JsonObject)].map(([key, value]) => [key, read(value)]));
}

function periodsOf(given: Json): Periods {
  return new Map([...(given as JsonObject)].map(([period, quantity]) => [Number(period), quantity as bigint]));
}

function holdOf(given: Json): Hold {
  const [valueUnitId, period, quantity, untilUs] = given as [string, bigint, bigint, bigint];
  return { valueUnitId, period: Number(period), quantity, untilUs: Number(untilUs) };
}
