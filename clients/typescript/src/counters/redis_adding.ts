/**
 * Changes that only add to an account's numbers: what they add, and up to where that is all that happens.
 *
 * Such a change is made in one step by the script, whatever others have added meanwhile, as long as it leaves the numbers
 * within limits. Limits are found by trying: use only ever makes an outcome more severe, so what happens to nobody at the
 * limit happens to nobody below it.
 */
import type { Account, Hold, Periods } from "../account.js";
import type { Edit } from "../store.js";
import { heldOf, type Seen, sumName } from "./redis_account.js";

/** The most of each unit in the live period, of use or of use and reservations together; null: there is no limit. */
export type Limits = ReadonlyMap<string, bigint | null>;

/** More than anybody ever uses. */
const FAR = 10n ** 36n;
const MOST_DOUBLINGS = 80;
const NOTHING_KNOWN: ReadonlySet<string> = new Set();

/** What a change adds in the live period: use by unit, and at most one reservation (its id and what it holds). */
export interface Addition {
  readonly used: ReadonlyMap<string, bigint>;
  readonly reserved: readonly [string, Hold] | null;
}

/** What limits are about: a reservation is judged by use and reservations, use by use alone. */
export function measureOf({ reserved }: Addition): "used" | "taken" {
  return reserved === null ? "used" : "taken";
}

/** The units that a change adds to. */
export function unitsAddedTo({ used, reserved }: Addition): readonly string[] {
  return reserved === null ? [...used.keys()] : [reserved[1].valueUnitId];
}

/** What is added to the measure of a unit. */
export function addedTo({ used, reserved }: Addition, unit: string): bigint {
  return reserved?.[1].valueUnitId === unit ? reserved[1].quantity : (used.get(unit) ?? 0n);
}

/** What was added to an account; null when more happened to it than that, letting reservations go apart. */
export function addition(seen: Seen, after: Account): Addition | null {
  const used = hasSameFrame(seen.account, after) ? usedMore(seen, after) : null;
  if (seen.epoch === null || used === null) {
    return null;
  }
  const reserved = [...after.holds].filter(([name]) => !seen.account.holds.has(name));
  const [first = null] = reserved;
  if (first === null) {
    return { used, reserved: null };
  }
  const [, { period, valueUnitId }] = first;
  const isOne = reserved.length === 1 && used.size === 0 && period === seen.live && seen.units.includes(valueUnitId);
  return isOne ? { used, reserved: first } : null;
}

/** Up to where a change adds and does nothing else; null where that is never so. */
export function limitsOf<T>(seen: Seen, added: Addition, edit: Edit<T>): Limits | null {
  if (unitsAddedTo(added).length === 0) {
    return new Map(seen.units.map((unit) => [unit, null])); // a reservation is let go
  }
  const now = new Map(seen.units.map((unit) => [unit, measured(seen, added, unit) + addedTo(added, unit)]));
  return new Search(now, added, (measures) => {
    const imagined = imagine(seen, added, measures);
    const [after] = edit(imagined.account, NOTHING_KNOWN);
    const again = after === null ? null : addition(imagined, after);
    return again !== null && isSame(again, added);
  }).limits();
}

function hasSameFrame(before: Account, after: Account): boolean {
  return (
    before.began === after.began &&
    before.fired === after.fired &&
    before.approved === after.approved &&
    before.sinceUs === after.sinceUs &&
    before.numbered === after.numbered
  );
}

/** Use that was added in the live period, by unit; null where other use changed. */
function usedMore(seen: Seen, after: Account): ReadonlyMap<string, bigint> | null {
  const more = new Map<string, bigint>();
  for (const [unit, periods] of after.used) {
    const before = seen.account.used.get(unit);
    if (before === periods) {
      continue;
    }
    const quantity = before === undefined ? null : moreInLive(seen.live, before, periods);
    if (quantity === null || !seen.units.includes(unit)) {
      return null;
    }
    if (quantity !== 0n) {
      more.set(unit, quantity);
    }
  }
  return more;
}

/** How much more there is in the live period; null where another period changed, or there is less. */
function moreInLive(live: string, before: Periods, after: Periods): bigint | null {
  const elsewhere = [...after].some(([period, quantity]) => period !== live && before.get(period) !== quantity);
  const was = before.get(live) ?? 0n;
  const more = (after.get(live) ?? 0n) - was;
  return elsewhere || before.size !== after.size || was < 0n || more < 0n ? null : more;
}

function isSame(one: Addition, other: Addition): boolean {
  const sameUse = one.used.size === other.used.size && [...one.used].every(([unit, n]) => other.used.get(unit) === n);
  return sameUse && one.reserved?.[1].quantity === other.reserved?.[1].quantity;
}

function measured({ account, live }: Seen, added: Addition, unit: string): bigint {
  const used = account.used.get(unit)?.get(live) ?? 0n;
  return added.reserved === null ? used : used + heldOf(account.holds, unit, live);
}

/** The account as it must be before, for the measures to be these after the change. */
function imagine(seen: Seen, added: Addition, measures: ReadonlyMap<string, bigint>): Seen {
  const used = new Map(seen.account.used);
  const holds = new Map([...seen.account.holds].filter(([, hold]) => hold.period !== seen.live));
  for (const [unit, measure] of measures) {
    const before = measure - addedTo(added, unit);
    if (used.get(unit)?.has(seen.live)) {
      used.set(unit, new Map(used.get(unit)).set(seen.live, before));
    } else if (before !== 0n) {
      const untilUs = Number.MAX_SAFE_INTEGER;
      holds.set(sumName(unit), { valueUnitId: unit, period: seen.live, quantity: before, untilUs });
    }
  }
  return { ...seen, account: seen.account.with({ used, holds }) };
}

/** No limit for units that do not matter; for the others the greatest power of two more that still adds only. */
class Search {
  private readonly step: bigint;

  constructor(
    private readonly now: ReadonlyMap<string, bigint>,
    added: Addition,
    private readonly addsOnly: (measures: ReadonlyMap<string, bigint>) => boolean,
  ) {
    const most = [...now.keys()].map((unit) => addedTo(added, unit));
    this.step = most.reduce((one, other) => (one > other ? one : other), 1n);
  }

  limits(): Limits | null {
    const units = [...this.now.keys()];
    const alone = units.filter((unit) => this.addsOnly(new Map(this.now).set(unit, FAR)));
    const unlimited = new Set(this.addsOnly(this.reach(0, new Set(alone), 0n)) ? alone : []);
    const limited = units.filter((unit) => !unlimited.has(unit));
    if (limited.length === 0 || !this.addsOnly(this.reach(0, unlimited))) {
      return limited.length === 0 || this.addsOnly(this.reach(0, unlimited, 0n)) ? this.cut(unlimited, this.now) : null;
    }
    let [low, high] = [0, MOST_DOUBLINGS];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      [low, high] = this.addsOnly(this.reach(middle, unlimited)) ? [middle, high] : [low, middle];
    }
    return this.cut(unlimited, this.reach(low, unlimited));
  }

  private reach(doublings: number, unlimited: ReadonlySet<string>, step = this.step): ReadonlyMap<string, bigint> {
    const more = step << BigInt(doublings);
    return new Map([...this.now].map(([unit, measure]) => [unit, unlimited.has(unit) ? FAR : measure + more]));
  }

  private cut(unlimited: ReadonlySet<string>, measures: ReadonlyMap<string, bigint>): Limits {
    return new Map([...measures].map(([unit, measure]) => [unit, unlimited.has(unit) ? null : measure]));
  }
}
