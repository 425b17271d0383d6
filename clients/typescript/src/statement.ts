/** Where a customer stands in a period: what was used, which pool gave it, what it costs. For apps to show. */
import type { Account } from "./account.js";
import { Decimal } from "./decimal.js";
import { drawn } from "./draw.js";
import { PLACES, unscaled } from "./numbers.js";
import type { Plan, UnitPlan } from "./plan.js";
import { bill, type Standing, situation } from "./rules.js";

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

/** One customer and period: every pooled unit of the config by id, and the bill so far in USD. */
export interface Statement {
  readonly period: number;
  readonly units: ReadonlyMap<string, UnitUse>;
  readonly spendUsd: Decimal;
}

/** Of recorded use, by the terms of the period; reservations are shown but neither drawn nor billed. */
export function statement(plan: Plan, account: Account, period: number, nowUs: number): Statement {
  const terms = plan.inPeriod(period);
  const standing = { account, period, nowUs, reserved: false };
  const units = [...terms.units].map(([name, unit]) => [name, unitUse(terms, unit, standing)] as const);
  return { period, units: new Map(units), spendUsd: Decimal.normal(bill(terms, standing), -2 * PLACES) };
}

function unitUse(plan: Plan, unit: UnitPlan, standing: Standing): UnitUse {
  const { allowance, taken } = situation(plan, unit, standing);
  const [draws, overage] = drawn(allowance.pools, taken);
  const { account, period, nowUs } = standing;
  return {
    used: unscaled(taken),
    reserved: unscaled(account.held(unit.unit.valueUnitId, period, nowUs)),
    overage: unscaled(overage),
    pools: unit.pools.map(({ poolId }, at) => ({
      poolId,
      available: unscaled(allowance.pools[at] ?? 0n),
      drawn: unscaled(draws[at] ?? 0n),
    })),
    reached: reachedPercents(plan, allowance.reached, taken),
  };
}

function reachedPercents(plan: Plan, reached: readonly (bigint | null)[], taken: bigint): readonly Decimal[] {
  const percents = new Map<string, Decimal>();
  for (const [at, { percent }] of plan.rails.thresholds.entries()) {
    const from = reached[at] ?? null;
    if (from !== null && taken >= from) {
      percents.set(String(percent), percent);
    }
  }
  return [...percents.values()];
}
