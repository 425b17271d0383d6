/** The decision: what the app should do about a quantity, and for which other quantities it is the same. */
import type { Account } from "./account.js";
import type { Decimal } from "./decimal.js";
import type { Action } from "./document.js";
import { LIMIT, ceiling, SCALE, unscaled } from "./numbers.js";
import type { Plan } from "./plan.js";
import { type ReasonCode, type Rule, refuses, type Situation, type Steps, situation, stepsOf } from "./rules.js";
import type { Force, State } from "./types.js";

/**
 * What the app should do.
 *
 * `allow`: go on, or not. `action`: one of warn, throttle, degrade_quality, block, require_approval, or null.
 * `reasonCode`: included, overage, overage_throttled, hard_stop, usage_threshold, spend_cap, absolute_cap, config_stale,
 * config_expired, unit_not_in_config or never_loaded. `poolId`: the pool that gives, or that takes the overage.
 * `remaining`: units of allowance left before this quantity. `threshold`: the percentage that was reached.
 */
export interface Decision {
  readonly allow: boolean;
  readonly action: Action | null;
  readonly reasonCode: ReasonCode;
  readonly poolId: string | null;
  readonly remaining: Decimal | null;
  readonly threshold: Decimal | null;
  readonly configVersionId: string | null;
}

/** A decision for whole quantities from `least` to `most`, while `force` is in force, until `untilMs`. */
export interface View {
  readonly force: Force;
  readonly least: number;
  readonly most: number;
  readonly untilMs: number;
  readonly decision: Decision;
}

/** A decision and the least and the most whole units for which it is the same. */
export interface Judgement {
  readonly decision: Decision;
  readonly least: number;
  readonly most: number;
}

const NO_CONFIG = { poolId: null, remaining: null, threshold: null } as const;
const MOST = Number(LIMIT) - 1;

/** The decision while there is no config at all. */
export function withoutConfig(allow: boolean): Decision {
  const action = allow ? null : "block";
  return { allow, action, reasonCode: "never_loaded", ...NO_CONFIG, configVersionId: null };
}

/** Nothing governs a unit that no pool of the config names. */
export function outsideConfig(plan: Plan): Decision {
  const { configVersionId } = plan;
  return { allow: true, action: null, reasonCode: "unit_not_in_config", ...NO_CONFIG, configVersionId };
}

/** What is asked: a scaled quantity of a unit in a period, of a config in this state. */
export interface Question {
  readonly valueUnitId: string;
  readonly quantity: bigint;
  readonly period: number;
  readonly nowUs: number;
  readonly state: State;
}

/** The decision about a customer's question. */
export function decide(plan: Plan, account: Account, asked: Question): Judgement {
  const terms = plan.inPeriod(asked.period);
  const unit = terms.units.get(asked.valueUnitId);
  if (unit === undefined) {
    return { decision: outsideConfig(terms), least: 0, most: MOST };
  }
  const standing = { account, period: asked.period, nowUs: asked.nowUs, reserved: true };
  return judged(situation(terms, unit, standing), asked.quantity, asked.state);
}

/** The most severe of the rules that apply decides; the nearest ones around say how far that holds. */
function judged(at: Situation, quantity: bigint, state: State): Judgement {
  const steps = stepsOf(at, state);
  const step = stepAt(steps, at.taken + quantity);
  const decisive = steps.decisive[step] as Rule;
  const below = (steps.beyond[step] as bigint) + 1n - at.taken;
  const above = steps.beyond[step + 1];
  return {
    decision: decisionOf(at, decisive),
    least: below > 0n ? Number(ceiling(below, SCALE)) : 0,
    most: above === undefined ? MOST : Number((above - at.taken) / SCALE),
  };
}

/** The last step that a use is beyond; it is beyond the first one always. */
function stepAt({ beyond }: Steps, total: bigint): number {
  let step = beyond.length - 1;
  while (step > 0 && total <= (beyond[step] as bigint)) {
    step -= 1;
  }
  return step;
}

function decisionOf(at: Situation, decisive: Rule): Decision {
  const left = at.allowance.total - at.taken;
  return {
    allow: !refuses(decisive.action),
    action: decisive.action,
    reasonCode: decisive.reasonCode,
    poolId: poolInUse(at),
    remaining: unscaled(left > 0n ? left : 0n),
    threshold: decisive.percent,
    configVersionId: at.plan.configVersionId,
  };
}

/** The pool that gives the next quantity; the last one when all are empty. */
function poolInUse({ unit, allowance, taken }: Situation): string {
  let upTo = 0n;
  const at = allowance.pools.findIndex((quantity) => {
    upTo += quantity;
    return taken < upTo;
  });
  return (unit.pools[at] ?? unit.lastPool).poolId;
}
