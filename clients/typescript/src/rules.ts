/**
 * Every pool and rail of one unit as rules on one number: the customer's use of the unit in the period, scaled.
 *
 * A rule applies to use beyond `beyond`. So a decision is a comparison, and where the next one differs is known too.
 */
import { isCapped, isJudgedBySpend, mostOfOthers, roomWithin, shareOfCap } from "./billing.js";
import type { Decimal } from "./decimal.js";
import type { Action, Threshold } from "./document.js";
import { SCALE } from "./numbers.js";
import { hasReached, type Situation, situation } from "./situation.js";
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

/**
 * What a customer's other units have to do with one: what they cost beyond credits, in USD times SCALE squared (less than
 * nothing where credits are left), and which thresholds that hold for every unit one of them has reached.
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

/** The thresholds that hold for every unit of the customer, and that another unit has reached. */
export function reachedElsewhere({ plan, unit, at }: Situation): readonly Threshold[] {
  if (plan.forAll.length === 0) {
    return plan.forAll;
  }
  const rest = [...plan.units.values()].filter((other) => other !== unit).map((other) => situation(plan, other, at));
  return plan.forAll.filter((threshold) => rest.some((other) => hasReached(other, threshold)));
}

/** Of the customer's other units, where the rails of this one ask for them. */
function othersOf(found: Situation): Others {
  const { units, terms } = found.plan;
  if (units.size === 1 && terms === null) {
    return NO_OTHERS;
  }
  const others = isJudgedBySpend(found) ? mostOfOthers(found) : 0n;
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
    listed.push(...thresholds(found, others.reached), ...thresholdsOfSpend(found, others.bill));
    listed.push(...spendCap(found, others.bill), ...absoluteCaps(found));
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
    if (threshold.scope === "spend") {
      return [];
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
function spendCap(found: Situation, others: bigint): Rule[] {
  const { spendCap: cap, atCapAction } = found.plan.rails;
  return isCapped(found) ? beyondAmount(found, (cap ?? 0n) * SCALE, others, [atCapAction, "spend_cap"]) : [];
}

/**
 * Of the spend cap: one that refuses lets the bill come to its percentage, never beyond it. Others hold from there on,
 * for any use of what has a price where the bill comes to it without the unit's.
 */
function thresholdsOfSpend(found: Situation, others: bigint): Rule[] {
  if (found.unit.price.isFree) {
    return [];
  }
  return found.plan.ofSpend.flatMap((threshold) => {
    const { action } = threshold;
    const amount = shareOfCap(found.plan, threshold);
    if (refuses(action)) {
      return beyondAmount(found, amount, others, [action, "usage_threshold", threshold]);
    }
    const room = roomWithin(found, amount - 1n, others);
    const beyond = room !== null && room < 0n ? EVERYTHING : found.allowance.total + (room ?? 0n);
    return room === null ? [] : [rule(beyond, action, "usage_threshold", threshold)];
  });
}

type Told = [action: Action | null, reasonCode: ReasonCode, threshold?: Threshold];

/** What is said of use by which the bill exceeds the amount: of overage alone, for nothing else adds to it. */
function beyondAmount(found: Situation, amount: bigint, others: bigint, told: Told): Rule[] {
  const room = roomWithin(found, amount, others);
  return room === null ? [] : [rule(found.allowance.total + (room > 0n ? room : 0n), ...told)];
}

function absoluteCaps({ unit }: Situation): Rule[] {
  return unit.absoluteCaps.map((cap) => rule(cap.most, cap.action, "absolute_cap"));
}

/** A rail that fails open lets everything through; one that fails closed refuses whatever it would have judged. */
function expired({ plan, unit, allowance }: Situation): Rule[] {
  const { rails, delivery } = plan.document;
  const fails = delivery.onExpired;
  const listed: Rule[] = [];
  if (rails.spendCap !== null && !unit.price.isFree && fails.monthly_spend_cap_usd === "closed") {
    listed.push(rule(allowance.total, "block", "config_expired"));
  }
  const isJudged = allowance.total > 0n || (plan.ofSpend.length > 0 && !unit.price.isFree);
  if (rails.thresholds.length > 0 && isJudged && fails.usage_thresholds === "closed") {
    listed.push(rule(0n, "block", "config_expired"));
  }
  if (unit.absoluteCaps.length > 0 && fails.absolute_usage_caps === "closed") {
    listed.push(rule(0n, "block", "config_expired"));
  }
  return listed;
}
