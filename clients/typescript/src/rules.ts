/**
 * Every pool and rail of one unit as rules on one number: the customer's use of the unit in the period, scaled.
 *
 * A rule applies to use beyond `beyond`. So a decision is a comparison, and where the next one differs is known too.
 */
import type { Account } from "./account.js";
import type { Allowance } from "./allowance.js";
import type { Decimal } from "./decimal.js";
import type { Action, Threshold } from "./document.js";
import { SCALE } from "./numbers.js";
import type { Plan, UnitPlan } from "./plan.js";

export type ReasonCode =
  | "included"
  | "overage"
  | "usage_threshold"
  | "overage_throttled"
  | "spend_cap"
  | "absolute_cap"
  | "hard_stop"
  | "config_expired"
  | "config_stale"
  | "unit_not_in_config"
  | "never_loaded";

const SEVERITIES: readonly (Action | null)[] = [
  null,
  "warn",
  "degrade_quality",
  "throttle",
  "require_approval",
  "block",
];
/** Of rules with equally severe actions the later one gives the reason. */
const ORDER: readonly ReasonCode[] = [
  "included",
  "overage",
  "usage_threshold",
  "overage_throttled",
  "spend_cap",
  "absolute_cap",
  "hard_stop",
  "config_expired",
  "config_stale",
];
const EVERYTHING = -1n;

/** Applies to use beyond `beyond`; of several the one with the greatest `rank` decides. */
export interface Rule {
  readonly beyond: bigint;
  readonly rank: readonly [severity: number, order: number, hundredths: bigint];
  readonly action: Action | null;
  readonly reasonCode: ReasonCode;
  readonly percent: Decimal | null;
}

/** Rules in the order of where they begin, each with the one that decides from there on, while `room` is this. */
export interface Steps {
  readonly room: bigint | null;
  readonly beyond: readonly bigint[];
  readonly decisive: readonly Rule[];
}

/** Whose use, of which period, and when it is looked at. `reserved`: whether reservations count as used. */
export interface Standing {
  readonly account: Account;
  readonly period: number;
  readonly nowUs: number;
  readonly reserved: boolean;
}

/** One customer, unit and period: what its pools have, and what is taken already. */
export interface Situation {
  readonly plan: Plan;
  readonly unit: UnitPlan;
  readonly standing: Standing;
  readonly allowance: Allowance;
  readonly taken: bigint;
}

/** Whether an action lets nothing through. */
export function refuses(action: Action | null): boolean {
  return action === "block" || action === "require_approval";
}

/** What rules are made from. */
export function situation(plan: Plan, unit: UnitPlan, standing: Standing): Situation {
  const { account, period, nowUs, reserved } = standing;
  const name = unit.unit.valueUnitId;
  let taken = account.recorded(name, period);
  if (reserved && account.holds.size > 0) {
    taken += account.held(name, period, nowUs);
  }
  return { plan, unit, standing, allowance: plan.allowance(account, unit, period), taken };
}

/** The rules of a situation, ready to look a use up in; `state` is the config's: fresh, stale or expired. */
export function stepsOf(at: Situation, state: string): Steps {
  const { account, period } = at.standing;
  const isApproved = account.approved.size > 0 && account.approved.has(`${period}:${at.unit.unit.valueUnitId}`);
  const name = isApproved ? `${state}, approved` : state;
  const room = state === "expired" ? null : roomBelowCap(at);
  const known = at.allowance.steps.get(name);
  if (known !== undefined && known.room === room) {
    return known;
  }
  const listed = rules(at, state, room).filter((one) => !isApproved || one.action !== "require_approval");
  const steps = inOrder(listed, room);
  at.allowance.steps.set(name, steps);
  return steps;
}

/** What the period costs the customer, in USD times SCALE squared. */
export function bill(plan: Plan, standing: Standing, without?: UnitPlan): bigint {
  let total = 0n;
  for (const unit of plan.priced) {
    if (unit !== without) {
      const { taken, allowance } = situation(plan, unit, standing);
      total += taken > allowance.total ? (taken - allowance.total) * unit.unit.price : 0n;
    }
  }
  return total;
}

/** How much beyond its allowance a unit may be used before the spend cap is exceeded; null without such a cap. */
function roomBelowCap({ plan, unit, standing }: Situation): bigint | null {
  const { spendCap, atCapAction } = plan.rails;
  const { price } = unit.unit;
  if (spendCap === null || atCapAction === null || price === 0n) {
    return null;
  }
  const others = plan.priced.length === 1 ? 0n : bill(plan, standing, unit);
  const left = spendCap * SCALE - others;
  return left > 0n ? left / price : 0n;
}

/** All rules of the situation, in no particular order. */
function rules(at: Situation, state: string, room: bigint | null): Rule[] {
  const { delivery, rails } = at.plan.document;
  const listed = [rule(EVERYTHING, null, "included"), overage(at)];
  if (state === "expired") {
    listed.push(...expired(at));
  } else {
    listed.push(...thresholds(at), ...absoluteCaps(at));
    if (room !== null) {
      listed.push(rule(at.allowance.total + room, rails.atCapAction, "spend_cap"));
    }
  }
  if (state !== "fresh" && delivery.stale === "closed") {
    listed.push(rule(EVERYTHING, "block", "config_stale"));
  }
  return listed;
}

function inOrder(listed: readonly Rule[], room: bigint | null): Steps {
  const sorted = [...listed].sort(
    (one, other) => Number(one.beyond > other.beyond) - Number(one.beyond < other.beyond),
  );
  let decisive = sorted[0] as Rule;
  const deciding = sorted.map((next) => {
    decisive = outranks(next, decisive) ? next : decisive;
    return decisive;
  });
  return { room, beyond: sorted.map((next) => next.beyond), decisive: deciding };
}

function outranks(one: Rule, other: Rule): boolean {
  for (const at of [0, 1, 2] as const) {
    if (one.rank[at] !== other.rank[at]) {
      return one.rank[at] > other.rank[at];
    }
  }
  return false;
}

function rule(beyond: bigint, action: Action | null, reasonCode: ReasonCode, threshold?: Threshold): Rule {
  const rank = [SEVERITIES.indexOf(action), ORDER.indexOf(reasonCode), threshold?.hundredths ?? 0n] as const;
  return { beyond, rank, action, reasonCode, percent: threshold?.percent ?? null };
}

/** What the last pool says about use beyond the allowance. */
function overage({ unit, allowance }: Situation): Rule {
  switch (unit.lastPool.overageBehavior) {
    case "hard_stop":
      return rule(allowance.total, "block", "hard_stop");
    case "throttle":
      return rule(allowance.total, "throttle", "overage_throttled");
    default:
      return rule(allowance.total, null, "overage");
  }
}

/** A refusing threshold lets the customer use up to its percentage of the whole allowance, never beyond it. */
function thresholds({ plan, allowance }: Situation): Rule[] {
  return plan.rails.thresholds.flatMap((threshold, at) => {
    if (refuses(threshold.action)) {
      const most = (threshold.hundredths * allowance.total) / 10_000n;
      return allowance.total > 0n ? [rule(most, threshold.action, "usage_threshold", threshold)] : [];
    }
    const reached = allowance.reached[at] ?? null;
    return reached === null ? [] : [rule(reached - 1n, threshold.action, "usage_threshold", threshold)];
  });
}

function absoluteCaps({ unit }: Situation): Rule[] {
  return unit.absoluteCaps.map((cap) => rule(cap.most, cap.action, "absolute_cap"));
}

/** A rail that fails open lets everything through; one that fails closed refuses whatever it would have judged. */
function expired({ plan, unit, allowance }: Situation): Rule[] {
  const { rails, delivery } = plan.document;
  const fails = delivery.onExpired;
  const listed: Rule[] = [];
  if (rails.spendCap !== null && unit.unit.price !== 0n && fails.monthly_spend_cap_usd === "closed") {
    listed.push(rule(allowance.total, "block", "config_expired"));
  }
  if (rails.thresholds.length > 0 && allowance.total > 0n && fails.usage_thresholds === "closed") {
    listed.push(rule(0n, "block", "config_expired"));
  }
  if (unit.absoluteCaps.length > 0 && fails.absolute_usage_caps === "closed") {
    listed.push(rule(0n, "block", "config_expired"));
  }
  return listed;
}
