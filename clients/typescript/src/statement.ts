/** Where a customer stands in a period: what was used, which pool gave it, what it costs. For apps to show. */
import type { Account } from "./account.js";
import { bill, isPayer, reachedBySpend } from "./billing.js";
import { Decimal } from "./decimal.js";
import type { Threshold } from "./document.js";
import { drawn } from "./draw.js";
import { PLACES, unscaled } from "./numbers.js";
import type { Plan } from "./plan.js";
import { reachedElsewhere } from "./rules.js";
import { hasReached, type Situation, situation } from "./situation.js";
import type { Counting } from "./usage.js";

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

/**
 * What a bill is made of, in USD: `overage` is what credits did not pay for, `creditsDrawn` what they did; it is no part
 * of the sum.
 */
export interface BillLines {
  readonly fees: Decimal;
  readonly prepaid: Decimal;
  readonly overage: Decimal;
  readonly commitTrueUp: Decimal;
  readonly creditsDrawn: Decimal;
}

/**
 * One customer and period, by its number: every pooled unit of the config by id, and the bill so far in USD: by a price
 * plan the whole of it, line by line.
 */
export interface Statement {
  readonly period: number;
  readonly units: ReadonlyMap<string, UnitUse>;
  readonly spendUsd: Decimal;
  readonly bill: BillLines;
}

/** Of recorded use, by the terms of the period; reservations are shown but neither drawn nor billed. */
export function statement(plan: Plan, account: Account, { customerId, period, nowUs }: Counting): Statement {
  const terms = plan.inPeriod(period, customerId);
  const at = { customerId, account, period, nowUs, reserved: false };
  const units = [...terms.units].map(([name, unit]) => [name, unitUse(situation(terms, unit, at))] as const);
  const { fees, prepaid, overage, trueUp, drawn: creditsDrawn } = bill(terms, at);
  return {
    period: period.number,
    units: new Map(units),
    spendUsd: usd(fees + prepaid + overage + trueUp),
    bill: {
      fees: usd(fees),
      prepaid: usd(prepaid),
      overage: usd(overage),
      commitTrueUp: usd(trueUp),
      creditsDrawn: usd(creditsDrawn),
    },
  };
}

function usd(amount: bigint): Decimal {
  return Decimal.normal(amount, -2 * PLACES);
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

/** Of the unit's own use, of what other units have reached for it, and of the bill where the unit has a price. */
function reachedPercents(found: Situation): readonly Decimal[] {
  const elsewhere = reachedElsewhere(found);
  const ofSpend = isPayer(found.plan, found.at) ? reachedBySpend(found) : [];
  const isReached = (one: Threshold) => hasReached(found, one) || elsewhere.includes(one) || ofSpend.includes(one);
  const reached = found.plan.rails.thresholds.filter(isReached);
  return [...new Map(reached.map(({ percent }) => [String(percent), percent])).values()];
}
