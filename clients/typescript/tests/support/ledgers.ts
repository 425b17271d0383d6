// What a client booked over several customers and periods, in the words of AVS Brain's simulation outputs.
import type { Recorded } from "../../src/bookkeeping.js";
import type { Deciding } from "../../src/deciding.js";
import { Decimal } from "../../src/decimal.js";
import type { Writable } from "../../src/json.js";
import type { Statement } from "../../src/statement.js";

export const PERIOD_MS = 30 * 86_400_000;
const OVERAGE_BEHAVIORS = ["allow_overage", "throttle", "hard_stop"];
const ZERO = Decimal.of(0n);

export interface Pool {
  readonly pool_id: string;
  readonly value_unit_id: string;
  readonly overage_behavior: string;
  readonly is_exploration_pool: boolean;
}

export interface Candidate {
  readonly value_units: readonly { readonly value_unit_id: string }[];
  readonly pools: readonly Pool[];
  readonly rails: {
    readonly usage_thresholds: readonly { readonly percent: Decimal; readonly action: string }[];
    readonly monthly_spend_cap_usd: Decimal | null;
    readonly at_cap_action: string | null;
  };
}

export interface Question {
  readonly candidate: Candidate;
  readonly pricing_mode: string;
  readonly include_exploration_in_results: boolean;
}

export type Fired = readonly (readonly [customerId: string, recorded: Recorded])[];

export function total(values: Iterable<Decimal>): Decimal {
  let sum = ZERO;
  for (const value of values) {
    sum = sum.plus(value);
  }
  return sum;
}

/** Rounded half-even to 6 decimal places, as outputs are written. */
function written(value: Decimal): Decimal {
  const unit = 10n ** BigInt(Math.max(-6 - value.exponent, 0));
  const size = value.sign < 0 ? -value.digits : value.digits;
  const twice = (size % unit) * 2n;
  const up = twice > unit || (twice === unit && (size / unit) % 2n === 1n);
  const digits = size / unit + (up ? 1n : 0n);
  return unit === 1n ? value : Decimal.normal(value.sign < 0 ? -digits : digits, -6);
}

/** The statements of everybody who used anything in the periods, which is who takes part in a simulation. */
export class Books {
  private constructor(
    readonly start: Date,
    readonly of: ReadonlyMap<string, readonly Statement[]>,
  ) {}

  static async made(client: Deciding, customers: ReadonlySet<string>, start: Date, periods: number): Promise<Books> {
    const statements = new Map<string, readonly Statement[]>();
    for (const name of [...customers].sort()) {
      const ends = Array.from({ length: periods }, (_, index) => new Date(start.getTime() + PERIOD_MS * (index + 1)));
      const own = await Promise.all(ends.map((at) => client.usage(name, { at })));
      if (own.some((statement) => [...statement.units.values()].some((unit) => unit.used.sign > 0))) {
        statements.set(name, own);
      }
    }
    return new Books(start, statements);
  }

  statements(): readonly Statement[] {
    return [...this.of.values()].flat();
  }

  used(unit: string): Decimal {
    return total(this.statements().map((statement) => statement.units.get(unit)?.used ?? ZERO));
  }

  overage(unit: string): Decimal {
    return total(this.statements().map((statement) => statement.units.get(unit)?.overage ?? ZERO));
  }

  drawn(pool: string): Decimal {
    return total(this.statements().flatMap((statement) => draws(statement, pool)));
  }

  drawers(pool: string): number {
    const own = [...this.of.values()];
    return own.filter((statements) => total(statements.flatMap((one) => draws(one, pool))).sign > 0).length;
  }

  /** (customer, period) in which some unit reached a percentage. */
  crossings(percent: Decimal): readonly (readonly [string, number])[] {
    return this.which(({ units }) =>
      [...units.values()].some(({ reached }) => reached.some((one) => one.equals(percent))),
    );
  }

  over(cap: Decimal): readonly (readonly [string, number])[] {
    return this.which((statement) => statement.spendUsd.compare(cap) > 0);
  }

  private which(applies: (statement: Statement) => boolean): readonly (readonly [string, number])[] {
    return [...this.of].flatMap(([name, statements]) =>
      statements.flatMap((statement, index) => (applies(statement) ? [[name, index] as const] : [])),
    );
  }
}

/** The part of a simulation's outputs that an enforcing client can know, from statements; graduations as fired. */
export function outputs(books: Books, question: Question, fired: Fired): Writable {
  const graduated = fired.filter(([, recorded]) => recorded.fired.some((one) => one.key === "graduated"));
  return {
    pool_breakdown: breakdown(books, question),
    economics: economics(books, question),
    revenue_lines: { candidate: revenueLines(books) },
    enforcement_forecast: forecast(books, question.candidate),
    exploration_summary: {
      pool_consumption: question.candidate.pools
        .filter((pool) => pool.is_exploration_pool)
        .map(({ pool_id, value_unit_id }) => ({
          pool_id,
          value_unit_id,
          drawn_units: written(books.drawn(pool_id)),
          customers: books.drawers(pool_id),
        })),
      customers_graduated: new Set(graduated.map(([name]) => name)).size,
    },
  };
}

function draws(statement: Statement, pool: string): readonly Decimal[] {
  const uses = [...statement.units.values()].flatMap((unit) => unit.pools);
  return uses.filter((use) => use.poolId === pool).map((use) => use.drawn);
}

/** The pool of each unit that takes its overage. */
function lastPools(pools: readonly Pool[]): ReadonlyMap<string, Pool> {
  const order = [
    ...pools.filter((pool) => pool.is_exploration_pool),
    ...pools.filter((one) => !one.is_exploration_pool),
  ];
  return new Map(order.map((pool) => [pool.value_unit_id, pool]));
}

function breakdown(books: Books, question: Question): Writable {
  const last = lastPools(question.candidate.pools);
  const counted = question.candidate.pools.filter(
    (pool) => question.include_exploration_in_results || !pool.is_exploration_pool,
  );
  return counted.map((pool) => {
    const isLast = last.get(pool.value_unit_id) === pool;
    const [included, overage] = [books.drawn(pool.pool_id), isLast ? books.overage(pool.value_unit_id) : ZERO];
    return {
      pool_id: pool.pool_id,
      included_units: included,
      overage_units: overage,
      total_units: included.plus(overage),
    };
  });
}

function economics(books: Books, question: Question): Writable {
  const byUnit = billedUnits(question).map((name) => ({ candidate: unitOf(books, question, name) }));
  if (question.pricing_mode !== "use_unit_economics") {
    return { by_unit: byUnit };
  }
  const periods = [...books.of.values()][0]?.length ?? 0;
  const bills = Array.from({ length: periods }, (_, index) =>
    total([...books.of.values()].map((statements) => statements[index]?.spendUsd ?? ZERO)),
  );
  return {
    by_unit: byUnit,
    candidate: { revenue_usd: written(total(bills)) },
    by_period: bills.map((bill) => ({ candidate: { revenue_usd: written(bill) } })),
  };
}

/** What of a price plan's revenue is billed in money; what credits cost is split by those that lapsed, which bills are not. */
function revenueLines(books: Books): Writable {
  const bills = books.statements().map(({ bill }) => bill);
  return {
    fees: written(total(bills.map(({ fees }) => fees))),
    overage: written(total(bills.map(({ overage }) => overage))),
    commit_true_up: written(total(bills.map(({ commitTrueUp }) => commitTrueUp))),
  };
}

/** Without exploration in the results, units that have no other pool are not in them. */
function billedUnits(question: Question): readonly string[] {
  const everything = question.include_exploration_in_results;
  const pools = question.candidate.pools.filter((pool) => everything || !pool.is_exploration_pool);
  const named = new Set(pools.map((pool) => pool.value_unit_id));
  return question.candidate.value_units.map((unit) => unit.value_unit_id).filter((name) => named.has(name));
}

/** All that was used, and what of it counts in the results. */
function unitOf(books: Books, question: Question, unit: string): Writable {
  const explored = question.candidate.pools.filter((pool) => pool.value_unit_id === unit && pool.is_exploration_pool);
  const leftOut = question.include_exploration_in_results ? [] : explored.map((pool) => books.drawn(pool.pool_id));
  const used = books.used(unit);
  const negative = total(leftOut);
  return { metered_units: used, total_units: used.plus(Decimal.normal(-negative.digits, negative.exponent)) };
}

function forecast(books: Books, { pools, rails }: Candidate): Writable {
  const last = [...lastPools(pools)];
  const cap = rails.monthly_spend_cap_usd;
  const thresholds = [...rails.usage_thresholds].sort(
    (one, other) => one.percent.compare(other.percent) || (one.action < other.action ? -1 : 1),
  );
  return {
    thresholds: thresholds.map(({ percent, action }) => crossing(books, percent, action)),
    units_beyond_allowance: Object.fromEntries(
      OVERAGE_BEHAVIORS.map((name) => {
        const units = last.filter(([, pool]) => pool.overage_behavior === name).map(([unit]) => unit);
        return [name, total(units.map((unit) => books.overage(unit)))];
      }),
    ),
    customers_over_spend_cap: cap === null ? null : new Set(books.over(cap).map(([name]) => name)).size,
    spend_cap: cap === null ? null : spendCap(books, cap, rails.at_cap_action),
  };
}

function spendCap(books: Books, cap: Decimal, action: string | null): Writable {
  const over = books.over(cap);
  const spends = books.statements().map((statement) => statement.spendUsd);
  return {
    monthly_spend_cap_usd: cap,
    at_cap_action: action,
    customer_periods: over.length,
    first_period: periodOf(books, over),
    largest_spend_usd: spends.reduce((largest, spend) => (spend.compare(largest) > 0 ? spend : largest), ZERO),
    ...firstCrossings(books, over),
  };
}

function crossing(books: Books, percent: Decimal, action: string): Writable {
  const hits = books.crossings(percent);
  return {
    percent,
    action,
    customers: new Set(hits.map(([name]) => name)).size,
    first_period: periodOf(books, hits),
    ...firstCrossings(books, hits),
  };
}

/** Every customer in the first period in which they cross: counted by period, and the first twenty of them. */
function firstCrossings(books: Books, hits: readonly (readonly [string, number])[]): Record<string, Writable> {
  const first = new Map([...hits].sort(([, one], [, other]) => other - one));
  const periods = [...books.of.values()][0]?.length ?? 0;
  const ordered = [...first].sort(([name, index], [other, at]) => index - at || (name < other ? -1 : 1)).slice(0, 20);
  return {
    by_period: Array.from({ length: periods }, (_, period) => [...first.values()].filter((at) => at === period).length),
    first_crossings: ordered.map(([customer_id, period_index]) => ({ customer_id, period_index })),
  };
}

function periodOf(books: Books, hits: readonly (readonly [string, number])[]): Writable {
  if (hits.length === 0) {
    return null;
  }
  const index = Math.min(...hits.map(([, at]) => at));
  const [start, end] = [index, index + 1].map(
    (at) => `${new Date(books.start.getTime() + PERIOD_MS * at).toISOString().slice(0, 19)}Z`,
  );
  return { index, start: start ?? "", end: end ?? "" };
}
