/** Where a customer stands in a period: what was used, which pool gave it, what it costs. For apps to show. */
import type { Account } from "./account.js";
import { Decimal } from "./decimal.js";
import { drawn } from "./draw.js";
import { PLACES, unscaled } from "./numbers.js";
import type { Period } from "./periods.js";
import type { Plan } from "./plan.js";
import { bill, hasReached, reachedElsewhere, type Situation, situation } from "./rules.js";

/** `available` is the included quantity and what was carried into the period, `drawn` what was taken of it. */
export interface PoolUse {
  readonly poolId: string;
  readonly available: Decimal;
  readonly drawn: Decimal;
}

/** `used` = Σ drawn + overage, `reserved` is set aside beside it, `reached` are percentages of thresholds. */
export interface UnitUse {
  readonly used: Decimal;
  readonly reserved: Decimal;
  readonly overage: Decimal;
  readonly pools: readonly PoolUse[];
  readonly reached: readonly Decimal[];
}

/** One customer and period, by its number: every pooled unit of the config by id, and the bill so far in USD. */
export interface Statement {
  readonly period: number;
  readonly units: ReadonlyMap<string, UnitUse>;
  readonly spendUsd: Decimal;
}

/** Of recorded use, by the terms of the period; reservations are shown but neither drawn nor billed. */
export function statement(plan: Plan, account: Account, period: Period, nowUs: number): Statement {
  const terms = plan.inPeriod(period);
  const at = { account, period, nowUs, reserved: false };
  const units = [...terms.units].map(([name, unit]) => [name, unitUse(situation(terms, unit, at))] as const);
  return { period: period.number, units: new Map(units), spendUsd: Decimal.normal(bill(terms, at), -2 * PLACES) };
}

function unitUse(found: Situation): UnitUse {
  const { unit, at, allowance, taken } = found;
  const [draws, overage] = drawn(allowance.pools, taken);
  return {
    used: unscaled(taken),
    reserved: unscaled(at.account.held(unit.unit.valueUnitId, at.period.key, at.nowUs)),
    overage: unscaled(overage),
    pools: unit.pools.map(({ poolId }, index) => ({
      poolId,
      available: unscaled(allowance.pools[index] ?? 0n),
      drawn: unscaled(draws[index] ?? 0n),
    })),
    reached: reachedPercents(found),
  };
}

/** Of the unit's own use, and of thresholds that hold for every unit and that another one has reached. */
function reachedPercents(found: Situation): readonly Decimal[] {
  const elsewhere = reachedElsewhere(found);
  const reached = found.plan.rails.thresholds.filter((one) => hasReached(found, one) || elsewhere.includes(one));
  return [...new Map(reached.map(({ percent }) => [String(percent), percent])).values()];
}
