/** What use of a unit reaches: thresholds, the spend cap, the end of exploration. Each fires once. */
import type { Account } from "./account.js";
import type { Action, Threshold } from "./document.js";
import { drawn } from "./draw.js";
import type { Writable } from "./json.js";
import { SCALE, unscaled } from "./numbers.js";
import type { Plan } from "./plan.js";
import { bill, type Situation, situation } from "./rules.js";
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

/**
 * Something that happens once per customer and period: a threshold or the spend cap reached, a graduation.
 *
 * `eventType` null: it is not reported by itself. `context` is what the enforcement event carries. `mark` is its name in
 * `Account.fired`; a graduation is for ever.
 */
export interface Firing {
  readonly key: string;
  readonly mark: string;
  readonly period: number;
  readonly action: Action | null;
  readonly eventType: string | null;
  readonly context: Readonly<Record<string, Writable>>;
}

/** What use of these units has reached that the account does not know yet. */
export function firings(plan: Plan, account: Account, units: Iterable<string>, when: Counting): readonly Firing[] {
  const fired = new Map<string, Firing>();
  for (const name of units) {
    for (const period of periods(plan, account, name, when)) {
      const terms = plan.inPeriod(period);
      const unit = terms.units.get(name);
      if (unit !== undefined) {
        const standing = { account, period, nowUs: when.nowUs, reserved: false };
        ofUnit(situation(terms, unit, standing), fired);
      }
    }
  }
  return fired.size === 0 ? [] : [...fired.values()];
}

/** How a threshold is named in what was fired. */
export function thresholdKey(percent: unknown, action: Action | null): string {
  return `threshold:${percent}:${action}`;
}

/** Where use is carried, a late event changes what later periods had. */
function periods(plan: Plan, account: Account, valueUnitId: string, when: Counting): readonly number[] {
  if (!plan.carries(valueUnitId)) {
    return [when.period];
  }
  const last = Math.max(when.period, plan.calendar.period(when.nowUs), ...account.ofUnit(valueUnitId).keys());
  return Array.from({ length: last - when.period + 1 }, (_, index) => when.period + index);
}

function ofUnit(at: Situation, fired: Map<string, Firing>): void {
  const { first, reached } = at.allowance;
  if (first !== null && at.taken >= first) {
    at.plan.rails.thresholds.forEach((threshold, index) => {
      const from = reached[index];
      if (from !== null && from !== undefined && at.taken >= from) {
        note(at, fired, thresholdKey(threshold.percent, threshold.action), () => thresholdFiring(threshold, at));
      }
    });
  }
  if (isOverCap(at)) {
    note(at, fired, `spend_cap:${at.plan.rails.atCapAction}`, () => spendCapFiring(at));
  }
  if (isGraduated(at)) {
    note(at, fired, GRADUATED, () => graduation(at));
  }
}

type Told = Pick<Firing, "action" | "eventType" | "context">;

function note(at: Situation, fired: Map<string, Firing>, key: string, told: () => Told): void {
  const { period, account } = at.standing;
  const mark = key === GRADUATED ? key : `${period}:${key}`;
  if (!account.fired.has(mark)) {
    fired.set(mark, { key, mark, period, ...told() });
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

function isOverCap({ plan, unit, standing }: Situation): boolean {
  const { spendCap, atCapAction } = plan.rails;
  if (spendCap === null || atCapAction === null || unit.unit.price === 0n) {
    return false;
  }
  return bill(plan, standing) > spendCap * SCALE;
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

/** In a period after the one they began in they used a unit beyond exploration, from pools meant for that. */
function isGraduated({ plan, unit, standing, allowance, taken }: Situation): boolean {
  if (!plan.exploration.enabled || unit.lastPool.isExploration) {
    return false;
  }
  const beganUs = plan.beganUs(standing.account);
  if (beganUs === null || plan.calendar.startUs(standing.period) < beganUs) {
    return false;
  }
  const [draws] = drawn(allowance.pools, taken);
  const explored = draws.reduce((sum, draw, at) => sum + (unit.pools[at]?.isExploration ? draw : 0n), 0n);
  return taken > explored;
}

function graduation({ plan, unit }: Situation): Told {
  const context = { graduation_signal: plan.exploration.graduationSignal, value_unit_id: unit.unit.valueUnitId };
  return { action: null, eventType: "exploration_graduated", context };
}
