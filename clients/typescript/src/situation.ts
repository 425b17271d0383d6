/** One customer, unit and period: what the pools have, and what is taken already. Rules, firings and bills go by it. */
import type { Account } from "./account.js";
import type { Allowance } from "./allowance.js";
import type { Threshold } from "./document.js";
import type { Period } from "./periods.js";
import type { Plan, UnitPlan } from "./plan.js";

/** Whose use, of which period, and when it is looked at. `reserved`: whether reservations count as used. */
export interface AccountAt {
  readonly customerId: string;
  readonly account: Account;
  readonly period: Period;
  readonly nowUs: number;
  readonly reserved: boolean;
}

/** One customer, unit and period: what its pools have, and what is taken already. */
export interface Situation {
  readonly plan: Plan;
  readonly unit: UnitPlan;
  readonly at: AccountAt;
  readonly allowance: Allowance;
  readonly taken: bigint;
}

/** What rules are made from. */
export function situation(plan: Plan, unit: UnitPlan, at: AccountAt): Situation {
  const { account, period, nowUs, reserved } = at;
  const name = unit.unit.valueUnitId;
  let taken = account.recorded(name, period.key);
  if (reserved && account.holds.size > 0) {
    taken += account.held(name, period.key, nowUs);
  }
  return { plan, unit, at, allowance: plan.allowance(account, unit, period), taken };
}

/** Whether use of the unit itself has reached the threshold's percentage of its allowance. */
export function hasReached({ plan, allowance, taken }: Situation, threshold: Threshold): boolean {
  const from = allowance.reached[plan.rails.thresholds.indexOf(threshold)] ?? null;
  return from !== null && taken >= from;
}
