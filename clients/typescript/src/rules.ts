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
import type { Period } from "./periods.js";
import type { Plan, UnitPlan } from "./plan.js";
import type { State } from "./types.js";

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
  | "counters_unavailable"
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

/** Rules in the order of where they begin, each with the one that decides from there on, by what `others` are. */
export interface Steps {
  readonly others: Others;
  readonly beyond: readonly bigint[];
  readonly decisive: readonly Rule[];
}

/** Whose use, of which period, and when it is looked at. `reserved`: whether reservations count as used. */
export interface AccountAt {
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

/**
 * What a customer's other units have to do with one: what they cost, in USD times SCALE squared, and which thresholds
 * that hold for every unit one of them has reached.
 */
export interface Others {
  readonly bill: bigint;
  readonly reached: readonly Threshold[];
}

const NO_OTHERS: Others = { bill: 0n, reached: [] };

/** Whether an action lets nothing through. */
export function refuses(action: Action | null): boolean {
  return action === "block" || action === "require_approval";
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

/** The rules of a situation, ready to look a use up in; `state` is the config's. */
export function stepsOf(found: Situation, state: State): Steps {
  const isApproved = isApprovedIn(found);
  const name = isApproved ? `${state}, approved` : state;
  const others = othersOf(found);
  const known = found.allowance.steps.get(name);
  if (known !== undefined && isSame(known.others, others)) {
    return known;
  }
  const listed = rules(found, state, others).filter((one) => !isApproved || one.action !== "require_approval");
  const steps = inOrder(listed, others);
  found.allowance.steps.set(name, steps);
  return steps;
}

/** What the period costs the customer, in USD times SCALE squared. */
export function bill(plan: Plan, at: AccountAt, without?: UnitPlan): bigint {
  let total = 0n;
  for (const unit of plan.priced) {
    if (unit !== without) {
      const { taken, allowance } = situation(plan, unit, at);
      total += taken > allowance.total ? (taken - allowance.total) * unit.unit.price : 0n;
    }
  }
  return total;
}

/** Whether what the unit costs is limited by the spend cap. */
export function isCapped({ plan, unit }: Situation): boolean {
  return plan.rails.spendCap !== null && plan.rails.atCapAction !== null && unit.unit.price !== 0n;
}

/** The thresholds that hold for every unit of the customer, and that another unit has reached. */
export function reachedElsewhere({ plan, unit, at }: Situation): readonly Threshold[] {
  if (plan.forAll.length === 0) {
    return plan.forAll;
  }
  const rest = [...plan.units.values()].filter((other) => other !== unit).map((other) => situation(plan, other, at));
  return plan.forAll.filter((threshold) => rest.some((other) => hasReached(other, threshold)));
}

/** Whether use of the unit itself has reached the threshold's percentage. */
export function hasReached({ plan, allowance, taken }: Situation, threshold: Threshold): boolean {
  const from = allowance.reached[plan.rails.thresholds.indexOf(threshold)] ?? null;
  return from !== null && taken >= from;
}

/** Of the customer's other units, where the rails of this one ask for them. */
function othersOf(found: Situation): Others {
  const { plan, unit, at } = found;
  if (plan.units.size === 1) {
    return NO_OTHERS;
  }
  const others = isCapped(found) ? bill(plan, at, unit) : 0n;
  const reached = reachedElsewhere(found);
  return others === 0n && reached.length === 0 ? NO_OTHERS : { bill: others, reached };
}

function isSame(one: Others, other: Others): boolean {
  const isEqual = one.bill === other.bill && one.reached.length === other.reached.length;
  return one === other || (isEqual && one.reached.every((threshold, index) => threshold === other.reached[index]));
}

/** Whether an operator let the customer go on with the unit until the period ends. */
function isApprovedIn({ unit, at }: Situation): boolean {
  const { approved } = at.account;
  return approved.size > 0 && approved.has(`${at.period.key}:${unit.unit.valueUnitId}`);
}

/** All rules of the situation, in no particular order; they do not depend on what is taken of the unit. */
function rules(found: Situation, state: State, others: Others): Rule[] {
  const { delivery } = found.plan.document;
  const listed = [rule(EVERYTHING, null, "included"), overage(found)];
  if (state === "expired") {
    listed.push(...expired(found));
  } else {
    listed.push(...thresholds(found, others.reached), ...spendCap(found, others.bill), ...absoluteCaps(found));
  }
  if (state !== "fresh" && delivery.stale === "closed") {
    listed.push(rule(EVERYTHING, "block", "config_stale"));
  }
  return listed;
}

function inOrder(listed: readonly Rule[], others: Others): Steps {
  const sorted = [...listed].sort(
    (one, other) => Number(one.beyond > other.beyond) - Number(one.beyond < other.beyond),
  );
  let decisive = sorted[0] as Rule;
  const deciding = sorted.map((next) => {
    decisive = outranks(next, decisive) ? next : decisive;
    return decisive;
  });
  return { others, beyond: sorted.map((next) => next.beyond), decisive: deciding };
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

/**
 * A refusing threshold lets the customer use up to its percentage of the whole allowance, never beyond it. One that holds
 * for every unit, and that another unit has reached, applies to any use.
 */
function thresholds({ plan, allowance }: Situation, elsewhere: readonly Threshold[]): Rule[] {
  return plan.rails.thresholds.flatMap((threshold, index) => {
    if (elsewhere.includes(threshold)) {
      return [rule(EVERYTHING, threshold.action, "usage_threshold", threshold)];
    }
    if (refuses(threshold.action)) {
      const most = (threshold.hundredths * allowance.total) / 10_000n;
      return allowance.total > 0n ? [rule(most, threshold.action, "usage_threshold", threshold)] : [];
    }
    const reached = allowance.reached[index] ?? null;
    return reached === null ? [] : [rule(reached - 1n, threshold.action, "usage_threshold", threshold)];
  });
}

/** Only what would be billed can exceed the cap; what the customer's other units cost counts too. */
function spendCap(found: Situation, othersBill: bigint): Rule[] {
  const { rails } = found.plan;
  if (!isCapped(found)) {
    return [];
  }
  const left = (rails.spendCap ?? 0n) * SCALE - othersBill;
  const room = left > 0n ? left / found.unit.unit.price : 0n;
  return [rule(found.allowance.total + room, rails.atCapAction, "spend_cap")];
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
