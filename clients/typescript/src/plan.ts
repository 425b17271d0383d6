/** A document compiled for deciding: per unit its pools in draw order, prices and caps, looked up by one name. */
import type { Account, Periods } from "./account.js";
import { Allowance } from "./allowance.js";
import type { AbsoluteCap, Document, Exploration, Pool, Rails, Threshold, Unit } from "./document.js";
import { available } from "./draw.js";
import { OveragePrice } from "./overage_price.js";
import type { Calendar, Calendars, Period, PeriodSetting } from "./periods.js";
import { type CustomerTerms, creditsLast, sellsCredits, termsOf } from "./price_plan.js";
import { includedOf, prorated, shareOf } from "./proration.js";

/**
 * A pooled unit: pools in draw order (exploration first), the last of which takes the overage. `carries`: whether use
 * in one period changes what later ones have; `explores`: whether exploration pools give it. `price` is of overage, by
 * the price plan or the unit's target price. `granted` and
 * `withoutExploration` are what its pools include with and without exploration, where nothing is carried.
 */
export interface UnitPlan {
  readonly unit: Unit;
  readonly price: OveragePrice;
  readonly pools: readonly Pool[];
  readonly lastPool: Pool;
  readonly absoluteCaps: readonly AbsoluteCap[];
  readonly carries: boolean;
  readonly explores: boolean;
  readonly granted: Allowance;
  readonly withoutExploration: Allowance;
}

/** Where a plan comes from that was made of others for one period or one customer: earlier periods go by those. */
type Origin = { readonly before: Plan } | { readonly everybodys: Plan; readonly customerId: string };

/**
 * One config version, ready to decide: pooled units by id; `priced` are those that can cost the customer money, `forAll`
 * the thresholds that hold for every unit of a customer, `ofSpend` those of the spend cap. `terms` are the price plan's
 * for everybody, or those of the customer whose plan this is; null: overage alone is billed.
 *
 * Its terms hold after the customer's period in which the document's `sinceUs` lies, and those of `before` until its
 * end, or share it out; null: they hold in every period.
 */
export class Plan {
  readonly calendars: Calendars;
  readonly units: ReadonlyMap<string, UnitPlan>;
  readonly priced: readonly UnitPlan[];
  readonly forAll: readonly Threshold[];
  readonly ofSpend: readonly Threshold[];
  readonly terms: CustomerTerms | null;
  readonly before: Plan | null;
  /** Whether terms of single customers differ, by these terms or by those before. */
  readonly hasContracts: boolean;
  /** Whether anybody has credits by these terms, or by those before. */
  readonly mayHaveCredits: boolean;
  private readonly shared = new Map<string, Plan>();
  private readonly contracts = new Map<string, Plan>();

  constructor(
    readonly document: Document,
    private readonly setting: PeriodSetting,
    private readonly origin: Origin | null = null,
  ) {
    const { pricePlan, rails } = document;
    const byId = new Map(document.units.map((unit) => [unit.valueUnitId, unit]));
    const pooled = [...new Set(document.pools.map((pool) => pool.valueUnitId))];
    this.calendars = setting.calendars(document.delivery.periodAnchor);
    this.terms = pricePlan?.usual ?? null;
    this.units = new Map(pooled.map((name) => [name, unitPlan(document, byId.get(name) as Unit)]));
    this.priced = [...this.units.values()].filter((unit) => !unit.price.isFree);
    this.forAll = rails.thresholds.filter((threshold) => threshold.scope === "customer");
    this.ofSpend = rails.spendCap === null ? [] : rails.thresholds.filter((threshold) => threshold.scope === "spend");
    this.before = this.beforeOf();
    this.hasContracts = (this.before?.hasContracts ?? false) || (pricePlan?.overrides.size ?? 0) > 0;
    this.mayHaveCredits = (this.before?.mayHaveCredits ?? false) || (pricePlan !== null && sellsCredits(pricePlan));
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

  /**
   * The plan whose terms hold in a period: prices, pools, exploration, rails and what counts as a unit; those of the
   * customer's contract, where a customer is named.
   */
  inPeriod(period: Pick<Period, "calendar" | "number">, customerId?: string): Plan {
    const plan = this.everybodysIn(period);
    return customerId === undefined ? plan : plan.of(customerId);
  }

  /** The terms of an earlier period than the one whose plan this is, of the same customer. */
  earlier(period: Pick<Period, "calendar" | "number">): Plan {
    const { origin } = this;
    return origin !== null && "everybodys" in origin
      ? origin.everybodys.inPeriod(period, origin.customerId)
      : this.everybodysIn(period);
  }

  /** Whether, by any of the customer's terms, use of a unit in one period changes what later ones have or cost. */
  carries(valueUnitId: string, customerId: string): boolean {
    const { units, terms } = this.of(customerId);
    const unit = units.get(valueUnitId);
    const hasLastingCredits = terms !== null && creditsLast(terms);
    const isCarried = unit !== undefined && (unit.carries || (hasLastingCredits && !unit.price.isFree));
    return isCarried || (this.before?.carries(valueUnitId, customerId) ?? false);
  }

  /** Whether, by any of their terms, the customer buys credits. */
  sellsCredits(customerId: string): boolean {
    const { pricePlan } = this.document;
    const isSold = pricePlan !== null && termsOf(pricePlan, customerId).prepaid !== null;
    return isSold || (this.before?.sellsCredits(customerId) ?? false);
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

  /** The plan for everybody in a period, or in its first `days`, after which another version took effect. */
  private everybodysIn(period: Pick<Period, "calendar" | "number">, days: bigint | null = null): Plan {
    const { before } = this;
    const { sinceUs, termsStart } = this.document;
    const changed = before === null || sinceUs === null ? null : period.calendar.number(sinceUs);
    if (before === null || changed === null || period.number > changed) {
      return this;
    }
    if (period.number < changed || termsStart === "next_period") {
      return before.everybodysIn(period, days);
    }
    return this.origin === null ? this.sharedWith(before, period, days) : this;
  }

  /** This plan with the amounts of the period in which it took the place of another. */
  private sharedWith(earlier: Plan, period: Pick<Period, "calendar" | "number">, days: bigint | null): Plan {
    const { calendar, number } = period;
    const [startUs, endUs] = [calendar.startUs(number), calendar.startUs(number + 1)];
    const which = `${startUs} ${endUs} ${days}`;
    const known = this.shared.get(which);
    if (known !== undefined) {
      return known;
    }
    const whole = shareOf(startUs, this.document.sinceUs ?? startUs, endUs);
    const share = days === null ? whole : { ...whole, periodDays: days };
    const before = earlier.everybodysIn(period, share.elapsedDays || null);
    const plan = new Plan(prorated(before.document, this.document, share), this.setting, { before });
    this.shared.set(which, plan);
    return plan;
  }

  /** This plan by the contract of a customer, who may have one by earlier terms alone. */
  private of(customerId: string): Plan {
    if (!this.hasContract(customerId)) {
      return this;
    }
    const known = this.contracts.get(customerId);
    const plan =
      known ?? new Plan(underContract(this.document, customerId), this.setting, { everybodys: this, customerId });
    this.contracts.set(customerId, plan);
    return plan;
  }

  private hasContract(customerId: string): boolean {
    const isStated = this.document.pricePlan?.overrides.has(customerId) ?? false;
    return isStated || (this.before?.hasContract(customerId) ?? false);
  }

  /** What a plan of one period or customer is made of is compiled already. */
  private beforeOf(): Plan | null {
    const { origin, document, setting } = this;
    if (origin !== null) {
      return "before" in origin ? origin.before : origin.everybodys.before;
    }
    return document.before === null || document.sinceUs === null ? null : new Plan(document.before, setting);
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
export function firstNumber(calendar: Calendar, account: Account): number | null {
  const numbers = [...account.used.values()].flatMap((periods) => [...byNumber(calendar, periods).keys()]);
  return numbers.length === 0 ? null : Math.min(...numbers);
}

/** The document with the contract of a customer as everybody's terms. */
function underContract(document: Document, customerId: string): Document {
  const { pricePlan, pools } = document;
  if (pricePlan === null) {
    return document;
  }
  const usual = termsOf(pricePlan, customerId);
  const own = pools.map((pool) => ({ ...pool, included: includedOf(usual, pool) }));
  return { ...document, pools: own, pricePlan: { usual, overrides: new Map() } };
}

function unitPlan(document: Document, unit: Unit): UnitPlan {
  const own = document.pools.filter((pool) => pool.valueUnitId === unit.valueUnitId);
  const pools = [...own.filter((pool) => pool.isExploration), ...own.filter((pool) => !pool.isExploration)];
  const included = (granted: boolean) => pools.map((pool) => (granted || !pool.isExploration ? pool.included : 0n));
  return {
    unit,
    price: document.pricePlan?.usual.unitPrices.get(unit.valueUnitId) ?? OveragePrice.perUnit(unit.price),
    pools,
    lastPool: pools[pools.length - 1] as Pool,
    absoluteCaps: document.rails.absoluteCaps.filter((cap) => cap.valueUnitId === unit.valueUnitId),
    carries: pools.some((pool) => pool.rollover !== null),
    explores: pools.some((pool) => pool.isExploration),
    granted: new Allowance(included(true), document.rails.thresholds),
    withoutExploration: new Allowance(included(false), document.rails.thresholds),
  };
}
