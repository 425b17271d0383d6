/**
 * What a period costs a customer: the whole bill by the price plan, or overage alone without one; in USD times SCALE
 * squared, so that nothing is ever rounded.
 *
 * Rails go by the most that it came to while use grew: volume prices fall at the next tier, and what was reached once
 * stays reached. Statements go by what it comes to.
 */
import type { Threshold } from "./document.js";
import { SCALE } from "./numbers.js";
import { numbered } from "./periods.js";
import { firstNumber, type Plan, type UnitPlan } from "./plan.js";
import { type Bill, billOf, leftForOverage, periodsOf, wholeBill } from "./price_plan.js";
import { type AccountAt, type Situation, situation } from "./situation.js";

/** What is taken of the overage price of a unit. */
type Charging = "charge" | "peak";
/** Credits that are left of a period's, and the last period in which they can be drawn; null: there is no end. */
interface Lot {
  readonly left: bigint;
  readonly last: number | null;
}

const NOTHING: Bill = { fees: 0n, prepaid: 0n, overage: 0n, trueUp: 0n, drawn: 0n };

/** What the period costs the customer; by a price plan nothing before they use anything. */
export function bill(plan: Plan, at: AccountAt): Bill {
  const charged = charges(plan, at, "charge");
  if (plan.terms === null) {
    return { ...NOTHING, overage: charged };
  }
  return isPayer(plan, at) ? billOf(plan.terms, charged, credits(plan, at)) : NOTHING;
}

/** Whether the period is billed: by a price plan every one from that of the first use on, used or not. */
export function isPayer({ terms }: Plan, { account, period }: AccountAt): boolean {
  const first = firstNumber(period.calendar, account);
  return terms === null || (first !== null && first <= period.number);
}

/** The most that the period came to while use grew. */
export function mostBilled(plan: Plan, at: AccountAt): bigint {
  return whole(plan, mostOverage(plan, at));
}

/** The most that other units than this one cost beyond credits; less than nothing where credits are left of them. */
export function mostOfOthers({ plan, unit, at }: Situation): bigint {
  return mostOverage(plan, at, unit);
}

/**
 * How much of the unit can be used beyond its allowance before a whole bill exceeds the amount, others costing what they
 * do: less than nothing where it does without any, null where it never does.
 */
export function roomWithin({ plan, unit }: Situation, amount: bigint, others: bigint): bigint | null {
  const left = (plan.terms === null ? amount : leftForOverage(plan.terms, amount)) - others;
  const isBeyond = left < 0n || (plan.terms !== null && left + others < 0n);
  return isBeyond ? -1n : unit.price.room(left);
}

/** What a threshold of the spend cap stands for. */
export function shareOfCap({ rails }: Plan, { hundredths }: Threshold): bigint {
  return ((rails.spendCap ?? 0n) * SCALE * hundredths) / 10_000n;
}

/** Whether what the unit costs is limited by the spend cap. */
export function isCapped({ plan, unit }: Situation): boolean {
  return plan.rails.spendCap !== null && plan.rails.atCapAction !== null && !unit.price.isFree;
}

/** Whether rails look at what the unit costs: the spend cap, or thresholds of it. */
export function isJudgedBySpend(found: Situation): boolean {
  return isCapped(found) || (found.plan.ofSpend.length > 0 && !found.unit.price.isFree);
}

/** The thresholds of the spend cap that the whole bill has reached; none of what has no price. */
export function reachedBySpend({ plan, unit, at }: Situation): readonly Threshold[] {
  if (plan.ofSpend.length === 0 || unit.price.isFree) {
    return [];
  }
  const most = mostBilled(plan, at);
  return plan.ofSpend.filter((threshold) => most >= shareOfCap(plan, threshold));
}

function whole({ terms }: Plan, beyondCredits: bigint): bigint {
  return terms === null ? beyondCredits : wholeBill(terms, beyondCredits);
}

/** The most that overage came to beyond credits. */
function mostOverage(plan: Plan, at: AccountAt, without?: UnitPlan): bigint {
  return charges(plan, at, "peak", without) - credits(plan, at);
}

function charges(plan: Plan, at: AccountAt, charging: Charging, without?: UnitPlan): bigint {
  let total = 0n;
  for (const unit of plan.priced) {
    if (unit !== without) {
      const { taken, allowance } = situation(plan, unit, at);
      total += taken > allowance.total ? unit.price[charging](taken - allowance.total) : 0n;
    }
  }
  return total;
}

/**
 * The credits that can be drawn in the period: its own, and what earlier ones left of theirs. Without a price plan
 * overage alone is billed, so a period that has none draws no credits: they only grow older in it.
 */
function credits(plan: Plan, at: AccountAt): bigint {
  if (plan.terms === null || !plan.mayHaveCredits) {
    return 0n;
  }
  const own = plan.terms.prepaid?.amount ?? 0n;
  const { calendar, number } = at.period;
  const first = Math.max(firstNumber(calendar, at.account) ?? number, calendar.accruesFrom ?? Number.NEGATIVE_INFINITY);
  let lots: readonly Lot[] = [];
  for (let past = first; past < number; past += 1) {
    const period = numbered(calendar, past);
    const terms = plan.earlier(period);
    const charged = terms.terms === null ? 0n : charges(terms, { ...at, period }, "charge");
    lots = drawn(bought(lots, terms, past), charged);
  }
  return alive(lots, number).reduce((sum, { left }) => sum + left, own * SCALE);
}

/** With the credits that are bought with a period, without those that lapsed before it. */
function bought(lots: readonly Lot[], { terms }: Plan, number: number): readonly Lot[] {
  const prepaid = terms?.prepaid ?? null;
  if (prepaid === null) {
    return alive(lots, number);
  }
  const periods = periodsOf(prepaid);
  return [...alive(lots, number), { left: prepaid.amount * SCALE, last: periods === null ? null : number + periods }];
}

function alive(lots: readonly Lot[], number: number): readonly Lot[] {
  return lots.filter(({ last }) => last === null || number <= last);
}

/** What charges leave of lots, the oldest first. */
function drawn(lots: readonly Lot[], charged: bigint): readonly Lot[] {
  let rest = charged;
  return lots.map(({ left, last }) => {
    const draw = left < rest ? left : rest;
    rest -= draw;
    return { left: left - draw, last };
  });
}
