/** What happens to an account: counting, and what that fires. Pure: account in, account out. */
import type { Account } from "./account.js";
import { type Firing, firings, GRADUATED } from "./firing.js";
import type { Calendar, Period } from "./periods.js";
import type { Plan } from "./plan.js";

/** How long an account knows what it fired; whatever fires again later has the same id and is accepted once. */
const REMEMBERED_PERIODS = 3;
export const NOTHING_FIRED: readonly Firing[] = [];

/** An account after something happened to it (null: nothing did), and what that fired. */
export interface Change {
  readonly account: Account | null;
  readonly firings: readonly Firing[];
}

/** Whose use is counted: in which period, and what time it is. */
export interface Counting {
  readonly customerId: string;
  readonly period: Period;
  readonly nowUs: number;
}

/** Adds scaled quantities by unit; without a plan they are counted all the same and judged later. */
export function count(
  plan: Plan | null,
  account: Account,
  counted: ReadonlyMap<string, bigint>,
  when: Counting,
): Change {
  let after = account;
  for (const [valueUnitId, quantity] of counted) {
    after = after.adding(valueUnitId, when.period.key, quantity);
  }
  return plan === null ? { account: after, firings: NOTHING_FIRED } : fire(plan, after, counted.keys(), when);
}

/** Notes and returns what use of these units has reached for the first time. */
function fire(plan: Plan, account: Account, units: Iterable<string>, when: Counting): Change {
  const fired = firings(plan, account, units, when);
  if (fired.length === 0) {
    return { account, firings: NOTHING_FIRED };
  }
  const { calendar } = when.period;
  const oldest = calendar.number(when.nowUs) - REMEMBERED_PERIODS;
  const kept = [...account.fired].filter((mark) => isRemembered(mark, calendar, oldest));
  const marks = new Set([...kept, ...fired.map((firing) => firing.mark)]);
  return { account: account.with({ fired: marks }), firings: fired };
}

function isRemembered(mark: string, calendar: Calendar, oldest: number): boolean {
  const number = mark === GRADUATED ? null : calendar.numberOf(mark.split(":", 1)[0] ?? "");
  return number === null || number >= oldest;
}
