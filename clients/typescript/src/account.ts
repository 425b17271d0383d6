/**
 * What is known of one customer: use per unit and period, reservations, first events. Frozen; changes make a new one.
 *
 * Everything else (allowance, rollover, overage, bill) follows from it and the config, so the order in which use
 * arrives never matters.
 */

/** Period key → quantity, scaled; a sum of events may be negative. */
export type Periods = ReadonlyMap<string, bigint>;

/** Quantity set aside for work that is under way, in the period of this key; it lapses at `untilUs`. */
export interface Hold {
  readonly valueUnitId: string;
  readonly period: string;
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
  readonly sinceUs: number | null;
  readonly numbered: boolean;
}

const NO_PERIODS: Periods = new Map();
const NOTHING: Parts = {
  used: new Map(),
  began: new Map(),
  holds: new Map(),
  fired: new Set(),
  approved: new Set(),
  sinceUs: null,
  numbered: false,
};
const NUMBER = /^-?\d+$/;

/**
 * `used`: unit → period key → quantity. `began`: event type → first time seen, in µs. `holds`: reservation id → hold.
 * `fired`: what was reported, "key:what". `approved`: "key:unit" that an operator let go on. `sinceUs`: the moment of the
 * first use, from which the customer's own day follows. `numbered`: periods are still named by their number, as version 1
 * of the format did. `standings` is where a client keeps what it worked out of this very account, by unit; it is no part
 * of its value.
 */
export class Account implements Parts {
  readonly used: ReadonlyMap<string, Periods>;
  readonly began: ReadonlyMap<string, number>;
  readonly holds: ReadonlyMap<string, Hold>;
  readonly fired: ReadonlySet<string>;
  readonly approved: ReadonlySet<string>;
  readonly sinceUs: number | null;
  readonly numbered: boolean;
  standings: ReadonlyMap<string, unknown> | null = null;

  constructor(parts: Partial<Parts> = {}, rest: Parts = NOTHING) {
    this.used = parts.used ?? rest.used;
    this.began = parts.began ?? rest.began;
    this.holds = parts.holds ?? rest.holds;
    this.fired = parts.fired ?? rest.fired;
    this.approved = parts.approved ?? rest.approved;
    this.sinceUs = parts.sinceUs ?? rest.sinceUs;
    this.numbered = parts.numbered ?? rest.numbered;
  }

  /** A changed copy, of which nothing has been worked out yet. */
  with(changes: Partial<Parts>): Account {
    return new Account(changes, this);
  }

  /** The recorded use of a unit; periods without use are not in it. */
  ofUnit(valueUnitId: string): Periods {
    return this.used.get(valueUnitId) ?? NO_PERIODS;
  }

  /** What was used; below zero counts as nothing (spec 4.2, 1: it is a data issue). */
  recorded(valueUnitId: string, period: string): bigint {
    const quantity = this.used.get(valueUnitId)?.get(period) ?? 0n;
    return quantity > 0n ? quantity : 0n;
  }

  /** What is set aside by reservations that have not lapsed. */
  held(valueUnitId: string, period: string, nowUs: number): bigint {
    let quantity = 0n;
    for (const hold of this.holds.values()) {
      if (hold.valueUnitId === valueUnitId && hold.period === period && hold.untilUs > nowUs) {
        quantity += hold.quantity;
      }
    }
    return quantity;
  }

  /** With this much more used. */
  adding(valueUnitId: string, period: string, quantity: bigint): Account {
    const periods = new Map(this.used.get(valueUnitId));
    periods.set(period, (periods.get(period) ?? 0n) + quantity);
    return this.with({ used: new Map(this.used).set(valueUnitId, periods) });
  }

  /** With an event of this type noted, if it is earlier than the first one known. */
  seeing(eventType: string, atUs: number): Account {
    const first = this.began.get(eventType);
    return first !== undefined && first <= atUs ? this : this.with({ began: new Map(this.began).set(eventType, atUs) });
  }

  /** With the moment of its first use, which stays as it is from then on. */
  usingSince(atUs: number): Account {
    return this.sinceUs === null ? this.with({ sinceUs: atUs }) : this;
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

  /** With a key for every period that has a number only. */
  renamed(keyOf: (number: number) => string): Account {
    const key = (period: string) => (NUMBER.test(period) ? keyOf(Number(period)) : period);
    const mark = (text: string) => text.replace(/^[^:]*(?=:)/, key);
    const keyed = (periods: Periods) => new Map([...periods].map(([period, quantity]) => [key(period), quantity]));
    return this.with({
      used: new Map([...this.used].map(([unit, periods]) => [unit, keyed(periods)])),
      holds: new Map([...this.holds].map(([name, hold]) => [name, { ...hold, period: key(hold.period) }])),
      fired: new Set([...this.fired].map(mark)),
      approved: new Set([...this.approved].map(mark)),
      numbered: false,
    });
  }
}
