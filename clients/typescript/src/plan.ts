/** A document compiled for deciding: per unit its pools in draw order, prices and caps, looked up by one name. */
import type { Account, Periods } from "./account.js";
import { Allowance } from "./allowance.js";
import type { AbsoluteCap, Document, Exploration, Pool, Rails, Threshold, Unit } from "./document.js";
import { available } from "./draw.js";
import type { Calendar, Calendars, Period, PeriodSetting } from "./periods.js";

/**
 * A pooled unit: pools in draw order (exploration first), the last of which takes the overage. `carries`: whether use
 * in one period changes what later ones have; `explores`: whether exploration pools give it. `granted` and
 * `withoutExploration` are what its pools include with and without exploration, where nothing is carried.
 */
export interface UnitPlan {
  readonly unit: Unit;
  readonly pools: readonly Pool[];
  readonly lastPool: Pool;
  readonly absoluteCaps: readonly AbsoluteCap[];
  readonly carries: boolean;
  readonly explores: boolean;
  readonly granted: Allowance;
  readonly withoutExploration: Allowance;
}

/**
 * One config version, ready to decide: pooled units by id; `priced` are those that can cost the customer money, `forAll`
 * the thresholds that hold for every unit of a customer.
 *
 * Its terms hold after the customer's period in which the document's `sinceUs` lies, and those of `before` until its
 * end; null: they hold in every period.
 */
export class Plan {
  readonly calendars: Calendars;
  readonly units: ReadonlyMap<string, UnitPlan>;
  readonly priced: readonly UnitPlan[];
  readonly forAll: readonly Threshold[];
  readonly before: Plan | null;

  constructor(
    readonly document: Document,
    setting: PeriodSetting,
  ) {
    const byId = new Map(document.units.map((unit) => [unit.valueUnitId, unit]));
    const pooled = [...new Set(document.pools.map((pool) => pool.valueUnitId))];
    this.calendars = setting.calendars(document.delivery.periodAnchor);
    this.units = new Map(pooled.map((name) => [name, unitPlan(document, byId.get(name) as Unit)]));
    this.priced = [...this.units.values()].filter((unit) => unit.unit.price !== 0n);
    this.forAll = document.rails.thresholds.filter((threshold) => threshold.scope === "customer");
    this.before = document.before === null || document.sinceUs === null ? null : new Plan(document.before, setting);
  }

  get configVersionId(): string {
    return this.document.configVersionId;
  }

  get rails(): Rails {
    return this.document.rails;
  }

  get exploration(): Exploration {
    return this.document.exploration;
  }

  /** The plan whose terms hold in a period: price, pools, exploration, rails and what counts as a unit. */
  inPeriod({ calendar, number }: Pick<Period, "calendar" | "number">): Plan {
    let plan: Plan = this;
    while (plan.before !== null && number <= calendar.number(plan.document.sinceUs ?? 0)) {
      plan = plan.before;
    }
    return plan;
  }

  /** Whether, by any of the terms, use of a unit in one period changes what later ones have. */
  carries(valueUnitId: string): boolean {
    return (this.before?.carries(valueUnitId) ?? false) || (this.units.get(valueUnitId)?.carries ?? false);
  }

  /** What the unit's pools can give this customer in the period, in draw order. */
  allowance(account: Account, unit: UnitPlan, { calendar, number, startUs }: Period): Allowance {
    const beganUs = unit.explores ? this.beganUs(account) : null;
    if (!unit.carries) {
      return !unit.explores || this.grants(beganUs, startUs) ? unit.granted : unit.withoutExploration;
    }
    const used = byNumber(calendar, account.ofUnit(unit.unit.valueUnitId));
    const first = calendar.accruesFrom ?? firstNumber(calendar, account) ?? number;
    const grants = (period: number) => this.grants(beganUs, calendar.startUs(period));
    return new Allowance(available(unit.pools, used, { first, period: number }, grants), this.rails.thresholds);
  }

  /** The customer's first qualifying event; null while there is none. */
  beganUs(account: Account): number | null {
    let first: number | null = null;
    for (const name of this.exploration.qualifyingEvents) {
      const at = account.began.get(name);
      first = at === undefined || (first !== null && first <= at) ? first : at;
    }
    return first;
  }

  /** Whether exploration pools give in the period after `startUs`; who has not begun is within (spec 4.2, 3). */
  private grants(beganUs: number | null, startUs: number): boolean {
    const { enabled, expiresUs } = this.exploration;
    return !enabled || beganUs === null || expiresUs === null ? enabled : beganUs >= startUs - expiresUs;
  }
}

/** The plan of a document: done once per delivery, so that deciding never searches. */
export function compiled(document: Document, setting: PeriodSetting): Plan {
  return new Plan(document, setting);
}

/** Use by the number of the period, of the periods of this calendar. */
export function byNumber(calendar: Calendar, periods: Periods): ReadonlyMap<number, bigint> {
  const used = new Map<number, bigint>();
  for (const [key, quantity] of periods) {
    const number = calendar.numberOf(key);
    if (number !== null) {
      used.set(number, quantity);
    }
  }
  return used;
}

/** The first period of this calendar in which anything was used; null without use. */
function firstNumber(calendar: Calendar, account: Account): number | null {
  const numbers = [...account.used.values()].flatMap((periods) => [...byNumber(calendar, periods).keys()]);
  return numbers.length === 0 ? null : Math.min(...numbers);
}

function unitPlan(document: Document, unit: Unit): UnitPlan {
  const own = document.pools.filter((pool) => pool.valueUnitId === unit.valueUnitId);
  const pools = [...own.filter((pool) => pool.isExploration), ...own.filter((pool) => !pool.isExploration)];
  const included = (granted: boolean) => pools.map((pool) => (granted || !pool.isExploration ? pool.included : 0n));
  return {
    unit,
    pools,
    lastPool: pools[pools.length - 1] as Pool,
    absoluteCaps: document.rails.absoluteCaps.filter((cap) => cap.valueUnitId === unit.valueUnitId),
    carries: pools.some((pool) => pool.rollover !== null),
    explores: pools.some((pool) => pool.isExploration),
    granted: new Allowance(included(true), document.rails.thresholds),
    withoutExploration: new Allowance(included(false), document.rails.thresholds),
  };
}
