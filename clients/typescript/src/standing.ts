/**
 * Where a customer stands with one unit, worked out once: what is taken, and the breakpoints to compare it with. Use that
 * crosses nothing moves a standing on without working it out again.
 */
import { Account, type Hold } from "./account.js";
import type { Allowance } from "./allowance.js";
import { isJudgedBySpend } from "./billing.js";
import type { Decision } from "./decide.js";
import { firstFiring, NEVER } from "./firing.js";
import { unscaled } from "./numbers.js";
import { type Calendars, type Period, periodAt } from "./periods.js";
import type { Plan, UnitPlan } from "./plan.js";
import { type Rule, refuses, type Steps, stepsOf } from "./rules.js";
import { type Situation, situation } from "./situation.js";
import type { Force } from "./types.js";

/** For how long the day that an app names for a customer is not asked for again. */
const ASKED_AGAIN_US = 60_000_000;

/**
 * What does not change while a customer uses a unit within one period, by what is in force.
 *
 * Up to `aloneUntil` use of it changes nothing for the customer's other units. `startedUs`: the first event of the unit's
 * type.
 */
export class Frame {
  readonly configVersionId: string;
  readonly period: Period;
  readonly allowance: Allowance;
  readonly unit: UnitPlan;
  readonly steps: Steps;
  readonly aloneUntil: bigint;
  readonly startedUs: number;
  private found: Situation | null;
  private firing = -NEVER;

  constructor(
    readonly force: Force,
    found: Situation,
  ) {
    this.configVersionId = found.plan.configVersionId;
    this.period = found.at.period;
    this.allowance = found.allowance;
    this.unit = found.unit;
    this.steps = stepsOf(found, force.state);
    this.aloneUntil = aloneUntil(found);
    this.startedUs = found.at.account.began.get(found.unit.unit.meter.eventType) ?? Number.POSITIVE_INFINITY;
    this.found = found;
  }

  /** Below this more use of the unit fires nothing. Worked out when it is first asked for: checks need not know. */
  get firesAt(): bigint {
    const { found, force } = this;
    if (found !== null) {
      const isNew = found.at.account.sinceUs === null;
      this.firing = isNew || force.plan === null ? -NEVER : firstFiring(force.plan, found);
      this.found = null;
    }
    return this.firing;
  }
}

/**
 * `used` (below 0 too) and `held` are of the frame's unit and period, scaled; they hold before `untilUs`, and checks go by
 * them before `untilMs`, monotonic. Decisions that were asked for are kept by their place among the steps.
 */
export class Standing {
  readonly taken: bigint;
  untilMs = Number.NEGATIVE_INFINITY;
  private readonly decisions: (Decision | undefined)[];

  constructor(
    readonly frame: Frame,
    readonly used: bigint,
    readonly held: bigint,
    readonly untilUs: number,
  ) {
    this.taken = (used > 0n ? used : 0n) + held;
    this.decisions = new Array(frame.steps.beyond.length);
  }

  /** What was decided about as much before; undefined when nothing was. */
  decided(quantity: bigint): Decision | undefined {
    return this.decisions[stepAt(this.frame.steps.beyond, this.taken + quantity)];
  }

  /** What to do about a scaled quantity. */
  decision(quantity: bigint): Decision {
    const step = stepAt(this.frame.steps.beyond, this.taken + quantity);
    const known = this.decisions[step];
    if (known !== undefined) {
      return known;
    }
    const made = decisionOf(this, this.frame.steps.decisive[step] as Rule);
    this.decisions[step] = made;
    return made;
  }
}

/** Whose standing with which unit, by what is in force, and when. */
export interface Asking {
  readonly force: Force;
  readonly customerId: string;
  readonly valueUnitId: string;
  readonly nowUs: number;
}

/** Where the customer stands in the running period, kept in the account; null without a config or pools of the unit. */
export function stand(account: Account, asked: Asking): Standing | null {
  const { force, customerId, valueUnitId, nowUs } = asked;
  const known = account.standings?.get(valueUnitId) as Standing | undefined;
  if (known !== undefined && known.frame.force === force && nowUs < known.untilUs) {
    return known;
  }
  if (force.plan === null) {
    return null;
  }
  const { calendars } = force.plan;
  const period = periodAt(calendars.of(customerId, account.sinceUs, nowUs), nowUs);
  const terms = force.plan.inPeriod(period, customerId);
  const unit = terms.units.get(valueUnitId);
  if (unit === undefined) {
    return null;
  }
  const standing = standingOf(
    force,
    situation(terms, unit, { customerId, account, period, nowUs, reserved: true }),
    calendars,
  );
  if (account.sinceUs !== null || isSameForAll(force.plan)) {
    account.standings = new Map(account.standings).set(valueUnitId, standing);
  }
  return standing;
}

/** Whether everybody who has used nothing stands alike: they share one account. */
function isSameForAll({ calendars, hasContracts }: Plan): boolean {
  return calendars.common !== null && !hasContracts;
}

/** What changes in an account without firing anything: use and reservations of the standing's unit. */
export interface Moved {
  readonly used: bigint;
  readonly held: bigint;
  readonly holds: ReadonlyMap<string, Hold>;
  readonly untilUs: number;
}

/**
 * The account after use or a reservation that fires nothing, with the standings that go on from this one's: the unit's
 * own, and those of other units, which it does not concern up to `aloneUntil`.
 */
export function moved(account: Account, standing: Standing, to: Moved): Account {
  const { frame } = standing;
  const name = frame.unit.unit.valueUnitId;
  const after = new Standing(frame, to.used, to.held, Math.min(to.untilUs, standing.untilUs));
  // Where it ends earlier, by the monotonic clock only the next look says when that is.
  after.untilMs = to.untilUs < standing.untilUs ? Number.NEGATIVE_INFINITY : standing.untilMs;
  const isAlone = after.taken <= frame.aloneUntil && standing.taken <= frame.aloneUntil;
  const used = to.used === standing.used ? account.used : withUse(account, name, frame.period.key, to.used);
  const next = new Account({ used, holds: to.holds }, account);
  next.standings = new Map(isAlone ? account.standings : null).set(name, after);
  return next;
}

function withUse(
  account: Account,
  name: string,
  key: string,
  quantity: bigint,
): ReadonlyMap<string, ReadonlyMap<string, bigint>> {
  return new Map(account.used).set(name, new Map(account.used.get(name)).set(key, quantity));
}

function standingOf(force: Force, found: Situation, calendars: Calendars): Standing {
  const { unit, at, taken } = found;
  const used = at.account.ofUnit(unit.unit.valueUnitId).get(at.period.key) ?? 0n;
  const held = taken - (used > 0n ? used : 0n);
  return new Standing(new Frame(force, found), used, held, meansOtherwiseUs(found, calendars));
}

/** When the account means something else without having changed: its period ends, a reservation lapses. */
function meansOtherwiseUs({ at }: Situation, calendars: Calendars): number {
  let until = at.period.endUs + 1;
  for (const { untilUs } of at.account.holds.values()) {
    until = untilUs > at.nowUs && untilUs < until ? untilUs : until;
  }
  return calendars.asksTheApp ? Math.min(until, at.nowUs + ASKED_AGAIN_US) : until;
}

function aloneUntil(found: Situation): bigint {
  if (found.plan.units.size === 1) {
    return NEVER;
  }
  if (found.plan.forAll.length > 0) {
    return -1n;
  }
  return isJudgedBySpend(found) ? found.allowance.total : NEVER;
}

/** The last step that a use is beyond; it is beyond the first one always. */
function stepAt(beyond: readonly bigint[], total: bigint): number {
  let step = beyond.length - 1;
  while (step > 0 && total <= (beyond[step] as bigint)) {
    step -= 1;
  }
  return step;
}

function decisionOf({ frame, taken }: Standing, decisive: Rule): Decision {
  const left = frame.allowance.total - taken;
  return {
    allow: !refuses(decisive.action),
    action: decisive.action,
    reasonCode: decisive.reasonCode,
    poolId: poolInUse(frame, taken),
    remaining: unscaled(left > 0n ? left : 0n),
    threshold: decisive.percent,
    configVersionId: frame.configVersionId,
  };
}

/** The pool that gives the next quantity; the last one when all are empty. */
function poolInUse({ unit, allowance }: Frame, taken: bigint): string {
  let upTo = 0n;
  for (const [index, quantity] of allowance.pools.entries()) {
    upTo += quantity;
    if (taken < upTo) {
      return (unit.pools[index] ?? unit.lastPool).poolId;
    }
  }
  return unit.lastPool.poolId;
}
