/** What use of a unit reaches: thresholds, the spend cap, the end of exploration. Each fires once. */
import type { Account } from "./account.js";
import type { Action, Threshold } from "./document.js";
import type { Writable } from "./json.js";
import { SCALE, unscaled } from "./numbers.js";
import { numbered, type Period } from "./periods.js";
import { byNumber, type Plan } from "./plan.js";
import { isCapped, mostBilled, mostOfOthers, reachedBySpend, roomWithin, shareOfCap } from "./billing.js";
import { type AccountAt, type Situation, situation } from "./situation.js";
import type { Counting } from "./usage.js";

/** How an action is reported. require_approval is reported when somebody approves (override_approved). */
const EVENT_TYPES: Readonly<Record<Action, string | null>> = {
  warn: "rail_warning_shown",
  throttle: "rail_throttle_applied",
  degrade_quality: "rail_throttle_applied",
  block: "hard_cap_blocked",
  require_approval: null,
};
export const GRADUATED = "graduated";
/** Beyond every use. */
export const NEVER = 1n << 200n;

/**
 * Something that happens once per customer and period: a threshold or the spend cap reached, a graduation.
 *
 * `eventType` null: it is not reported by itself. `context` is what the enforcement event carries. `mark` is its name in
 * `Account.fired`; a graduation is for ever.
 */
export interface Firing {
  readonly key: string;
  readonly mark: string;
  readonly period: Period;
  readonly action: Action | null;
  readonly eventType: string | null;
  readonly context: Readonly<Record<string, Writable>>;
}

/** What use of these units has reached that the account does not know yet. */
export function firings(plan: Plan, account: Account, units: Iterable<string>, when: Counting): readonly Firing[] {
  const fired = new Map<string, Firing>();
  for (const name of units) {
    for (const period of periods(plan, account, name, when)) {
      const terms = plan.inPeriod(period, when.customerId);
      const unit = terms.units.get(name);
      if (unit !== undefined) {
        ofUnit(situation(terms, unit, { ...when, account, period, reserved: false }), fired);
      }
    }
  }
  return fired.size === 0 ? [] : [...fired.values()];
}

/**
 * From which recorded use of the unit in the situation's period on something new may fire; below it, nothing does. Of use
 * that changes later periods nothing is known: -NEVER.
 */
export function firstFiring(plan: Plan, found: Situation): bigint {
  const { unit, at } = found;
  const { period, customerId } = at;
  const name = unit.unit.valueUnitId;
  if (plan.carries(name, customerId) && numbersOfUse(plan, at, name).some((one) => one > period.number)) {
    return -NEVER;
  }
  const points = [...thresholdsAhead(found), ...spendAhead(found), capAhead(found), graduationAhead(found)];
  return points.reduce<bigint>((first, point) => (point !== null && point < first ? point : first), NEVER);
}

/** How a threshold is named in what was fired. */
export function thresholdKey(percent: unknown, action: Action | null): string {
  return `threshold:${percent}:${action}`;
}

/** How the spend cap is named in what was fired. */
export function spendCapKey(action: Action | null): string {
  return `spend_cap:${action}`;
}

/** Where use is carried, a late event changes what later periods had. */
function periods(plan: Plan, account: Account, valueUnitId: string, when: Counting): readonly Period[] {
  const { period } = when;
  if (!plan.carries(valueUnitId, when.customerId)) {
    return [period];
  }
  const { calendar, number } = period;
  const last = Math.max(number, calendar.number(when.nowUs), ...numbersOfUse(plan, { ...when, account }, valueUnitId));
  return Array.from({ length: last - number + 1 }, (_, index) => numbered(calendar, number + index));
}

type Whose = Pick<AccountAt, "customerId" | "account" | "period">;

/** The periods with use that use of a unit in an earlier one matters to: of any unit, where credits are carried. */
function numbersOfUse(plan: Plan, { customerId, account, period }: Whose, valueUnitId: string): readonly number[] {
  const uses = plan.sellsCredits(customerId) ? [...account.used.values()] : [account.ofUnit(valueUnitId)];
  return uses.flatMap((ofPeriods) => [...byNumber(period.calendar, ofPeriods).keys()]);
}

function ofUnit(found: Situation, fired: Map<string, Firing>): void {
  const { first, reached } = found.allowance;
  const { thresholds, atCapAction } = found.plan.rails;
  if (first !== null && found.taken >= first) {
    for (const [index, threshold] of thresholds.entries()) {
      const from = reached[index] ?? null;
      if (from !== null && found.taken >= from) {
        const key = thresholdKey(threshold.percent, threshold.action);
        note(found, fired, key, () => thresholdFiring(threshold, found));
      }
    }
  }
  for (const threshold of reachedBySpend(found)) {
    const key = thresholdKey(threshold.percent, threshold.action);
    note(found, fired, key, () => spendThresholdFiring(threshold, found));
  }
  if (isOverCap(found)) {
    note(found, fired, spendCapKey(atCapAction), () => spendCapFiring(found));
  }
  const beyond = graduatesBeyond(found);
  if (beyond !== null && found.taken > beyond) {
    note(found, fired, GRADUATED, () => graduation(found));
  }
}

function markOf({ at }: Situation, key: string): string {
  return key === GRADUATED ? key : `${at.period.key}:${key}`;
}

function hasFired(found: Situation, key: string): boolean {
  const { fired } = found.at.account;
  return fired.size > 0 && fired.has(markOf(found, key));
}

function thresholdsAhead(found: Situation): readonly (bigint | null)[] {
  return found.plan.rails.thresholds.map(({ percent, action }, index) =>
    hasFired(found, thresholdKey(percent, action)) ? null : (found.allowance.reached[index] ?? null),
  );
}

/** From which use of the unit on the bill exceeds the cap, unless that was reported; null: never. */
function capAhead(found: Situation): bigint | null {
  const { spendCap, atCapAction } = found.plan.rails;
  if (!isCapped(found) || hasFired(found, spendCapKey(atCapAction))) {
    return null;
  }
  return billedBeyond(found, (spendCap ?? 0n) * SCALE);
}

/** From which use of the unit on the bill comes to a share of the cap, unless that was reported. */
function spendAhead(found: Situation): readonly (bigint | null)[] {
  if (found.unit.price.isFree) {
    return [];
  }
  return found.plan.ofSpend.map((threshold) =>
    hasFired(found, thresholdKey(threshold.percent, threshold.action))
      ? null
      : billedBeyond(found, shareOfCap(found.plan, threshold) - 1n),
  );
}

/** From which recorded use of the unit on the whole bill exceeds the amount; null: never. */
function billedBeyond(found: Situation, amount: bigint): bigint | null {
  const { plan, allowance } = found;
  const others = plan.priced.length === 1 && plan.terms === null ? 0n : mostOfOthers(recorded(found));
  const room = roomWithin(found, amount, others);
  if (room === null) {
    return null;
  }
  return room < 0n ? -NEVER : allowance.total + room + 1n;
}

/** Reservations may not happen. */
function recorded(found: Situation): Situation {
  return { ...found, at: { ...found.at, reserved: false } };
}

function graduationAhead(found: Situation): bigint | null {
  const beyond = found.at.account.fired.has(GRADUATED) ? null : graduatesBeyond(found);
  return beyond === null ? null : beyond + 1n;
}

type Told = Pick<Firing, "action" | "eventType" | "context">;

function note(found: Situation, fired: Map<string, Firing>, key: string, told: () => Told): void {
  if (!hasFired(found, key)) {
    const mark = markOf(found, key);
    fired.set(mark, { key, mark, period: found.at.period, ...told() });
  }
}

function thresholdFiring({ percent, action }: Threshold, { unit, taken, allowance }: Situation): Told {
  const context = {
    percent,
    action,
    value_unit_id: unit.unit.valueUnitId,
    pool_id: unit.lastPool.poolId,
    used_quantity: unscaled(taken),
    included_quantity: unscaled(allowance.total),
  };
  return { action, eventType: EVENT_TYPES[action], context };
}

function spendThresholdFiring({ percent, action }: Threshold, { plan, unit }: Situation): Told {
  const context = {
    percent,
    action,
    value_unit_id: unit.unit.valueUnitId,
    monthly_spend_cap_usd: unscaled(plan.rails.spendCap ?? 0n),
  };
  return { action, eventType: EVENT_TYPES[action], context };
}

function isOverCap(found: Situation): boolean {
  return isCapped(found) && mostBilled(found.plan, found.at) > (found.plan.rails.spendCap ?? 0n) * SCALE;
}

function spendCapFiring({ plan, unit }: Situation): Told {
  const { spendCap, atCapAction: action } = plan.rails;
  const context = {
    monthly_spend_cap_usd: unscaled(spendCap ?? 0n),
    action,
    value_unit_id: unit.unit.valueUnitId,
  };
  return { action, eventType: action === null ? null : EVENT_TYPES[action], context };
}

/**
 * They graduate who use more of a unit than exploration gives, in a period after the one they began in, from pools meant
 * for that; null: nobody does here.
 */
function graduatesBeyond({ plan, unit, at, allowance }: Situation): bigint | null {
  if (!plan.exploration.enabled || unit.lastPool.isExploration) {
    return null;
  }
  const beganUs = plan.beganUs(at.account);
  if (beganUs === null || at.period.startUs < beganUs) {
    return null;
  }
  return allowance.pools.reduce((sum, has, index) => sum + (unit.pools[index]?.isExploration ? has : 0n), 0n);
}

function graduation({ plan, unit }: Situation): Told {
  const context = { graduation_signal: plan.exploration.graduationSignal, value_unit_id: unit.unit.valueUnitId };
  return { action: null, eventType: "exploration_graduated", context };
}
