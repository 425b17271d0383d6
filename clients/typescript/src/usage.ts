/** What happens to an account: counting, reserving, committing, and what that fires. Pure: account in, account out. */
import type { Account, Hold } from "./account.js";
import { type Decision, decide } from "./decide.js";
import { firings, type Firing, GRADUATED } from "./firing.js";
import type { Plan } from "./plan.js";
import type { State } from "./types.js";

/** How long an account knows what it fired; whatever fires again later has the same id and is accepted once. */
const REMEMBERED_PERIODS = 3;
const NOTHING_FIRED: readonly Firing[] = [];

/** An account after something happened to it (null: nothing did), and what that fired. */
export interface Change {
  readonly account: Account | null;
  readonly firings: readonly Firing[];
}

/** When something is counted: in which period, and what time it is. */
export interface Counting {
  readonly period: number;
  readonly nowUs: number;
}

/** Nothing happened. */
export const UNCHANGED: Change = { account: null, firings: NOTHING_FIRED };

/** Adds scaled quantities by unit; without a plan they are counted all the same and judged later. */
export function count(
  plan: Plan | null,
  account: Account,
  counted: ReadonlyMap<string, bigint>,
  when: Counting,
): Change {
  let after = account;
  for (const [valueUnitId, quantity] of counted) {
    after = after.adding(valueUnitId, when.period, quantity);
  }
  return plan === null ? { account: after, firings: NOTHING_FIRED } : fire(plan, after, counted.keys(), when);
}

/** A reservation that is asked for: its name, what it holds, and what decides. */
export interface Wish {
  readonly reservationId: string;
  readonly hold: Hold;
  readonly nowUs: number;
  readonly state: State;
  /** What is decided while there is no plan. */
  readonly otherwise: Decision;
}

/** Sets a quantity aside if the decision allows it; the account is null where nothing changed. */
export function reserve(
  plan: Plan | null,
  account: Account,
  wish: Wish,
): { account: Account | null; decision: Decision } {
  const { hold, nowUs, state } = wish;
  const alive = account.withoutLapsed(nowUs);
  const asked = { valueUnitId: hold.valueUnitId, quantity: hold.quantity, period: hold.period, nowUs, state };
  const decision = plan === null ? wish.otherwise : decide(plan, alive, asked).decision;
  if (decision.allow) {
    return { account: alive.holding(wish.reservationId, hold), decision };
  }
  return { account: alive === account ? null : alive, decision };
}

/** Notes and returns what use of these units has reached for the first time. */
function fire(plan: Plan, account: Account, units: Iterable<string>, when: Counting): Change {
  const fired = firings(plan, account, units, when);
  if (fired.length === 0) {
    return { account, firings: NOTHING_FIRED };
  }
  const oldest = plan.calendar.period(when.nowUs) - REMEMBERED_PERIODS;
  const kept = [...account.fired].filter((mark) => mark === GRADUATED || Number.parseInt(mark, 10) >= oldest);
  const marks = new Set([...kept, ...fired.map((firing) => firing.mark)]);
  return { account: account.with({ fired: marks }), firings: fired };
}
