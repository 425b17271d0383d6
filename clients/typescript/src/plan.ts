/** A document compiled for deciding: per unit its pools in draw order, prices and caps, looked up by one name. */
import type { Account } from "./account.js";
import { Allowance } from "./allowance.js";
import type { AbsoluteCap, Document, Exploration, Pool, Rails, Unit } from "./document.js";
import { available } from "./draw.js";
import type { Calendar } from "./periods.js";

/**
 * A pooled unit: pools in draw order (exploration first), the last of which takes the overage. `carries`: whether use
 * in one period changes what later ones have. `granted` and `withoutExploration` are what its pools include with and
 * without exploration, where nothing is carried.
 */
export interface UnitPlan {
  readonly unit: Unit;
  readonly pools: readonly Pool[];
  readonly lastPool: Pool;
  readonly absoluteCaps: readonly AbsoluteCap[];
  readonly carries: boolean;
  readonly granted: Allowance;
  readonly withoutExploration: Allowance;
}

/**
 * One config version, ready to decide: pooled units by id; `priced` are those that can cost the customer money.
 *
 * Its terms hold from the period `begins` on, and those of `before` in earlier ones; null: they hold in every period.
 */
export class Plan {
  readonly units: ReadonlyMap<string, UnitPlan>;
  readonly priced: readonly UnitPlan[];

  constructor(
    readonly document: Document,
    readonly calendar: Calendar,
    readonly before: Plan | null = null,
    readonly begins = 0,
  ) {
    const byId = new Map(document.units.map((unit) => [unit.valueUnitId, unit]));
    const pooled = [...new Set(document.pools.map((pool) => pool.valueUnitId))];
    this.units = new Map(pooled.map((name) => [name, unitPlan(document, byId.get(name) as Unit)]));
    this.priced = [...this.units.values()].filter((unit) => unit.unit.price !== 0n);
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
  inPeriod(period: number): Plan {
    let plan: Plan = this;
    while (plan.before !== null && period < plan.begins) {
      plan = plan.before;
    }
    return plan;
  }

  /** Whether, by any of the terms, use of a unit in one period changes what later ones have. */
  carries(valueUnitId: string): boolean {
    return (this.before?.carries(valueUnitId) ?? false) || (this.units.get(valueUnitId)?.carries ?? false);
  }

  /** What the unit's pools can give this customer in the period, in draw order. */
  allowance(account: Account, unit: UnitPlan, period: number): Allowance {
    const beganUs = this.beganUs(account);
    if (!unit.carries) {
      return this.explores(beganUs, period) ? unit.granted : unit.withoutExploration;
    }
    const first = this.calendar.accruesFrom ?? account.firstPeriod() ?? period;
    const used = account.ofUnit(unit.unit.valueUnitId);
    const pools = available(unit.pools, used, { first, period }, (index) => this.explores(beganUs, index));
    return new Allowance(pools, this.rails.thresholds);
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

  /** Whether exploration pools give in a period; who has not begun is within (spec 4.2, 3). */
  private explores(beganUs: number | null, period: number): boolean {
    const rule = this.exploration;
    if (!rule.enabled || beganUs === null || rule.expiresUs === null) {
      return rule.enabled;
    }
    return beganUs >= this.calendar.startUs(period) - rule.expiresUs;
  }
}

/** The plan of a document: done once per delivery, so that deciding never searches. */
export function compiled(document: Document, calendar: Calendar): Plan {
  if (document.before === null || document.sinceUs === null) {
    return new Plan(document, calendar);
  }
  return new Plan(document, calendar, compiled(document.before, calendar), calendar.period(document.sinceUs) + 1);
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
    granted: new Allowance(included(true), document.rails.thresholds),
    withoutExploration: new Allowance(included(false), document.rails.thresholds),
  };
}
