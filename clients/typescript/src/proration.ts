/**
 * The terms of a period in which a version took effect whose amounts are shared out by days (spec 2 and 5).
 *
 * The new version's terms hold at once; only what is agreed per period (fee, commit, credits, allowances) is shared out
 * between both versions, by the days of the period before and after the change. The same as in AVS Brain's simulation.
 */
import { DAY_US } from "./clock.js";
import type { Document, Pool } from "./document.js";
import { type CustomerTerms, NO_TERMS, type Prepaid, type PricePlan, termsOf } from "./price_plan.js";

/** Scaled numbers below this have more than 6 decimal places. */
const SIXTH_PLACE = 10n ** 6n;

/** How a period is shared: `elapsedDays` by the terms before, the rest of its `periodDays` by the new ones. */
export interface Share {
  readonly elapsedDays: bigint;
  readonly periodDays: bigint;
}

/** How a period from `startUs` to `endUs` is shared by a change at `sinceUs`: whole days, rounded half-even. */
export function shareOf(startUs: number, sinceUs: number, endUs: number): Share {
  return { elapsedDays: days(sinceUs - startUs), periodDays: days(endUs - startUs) };
}

/**
 * The version `after` with the amounts of the period in which it took the place of `before`, which is itself shared out
 * where it took effect in the same period: over the days until `after`. A pool or a plan that one side lacks gives 0
 * there.
 *
 * A pool that only `before` has comes first among those of its unit, and behaves beyond its allowance as the unit's last
 * one does; with a unit that no pool counts any more it is gone.
 */
export function prorated(before: Document, after: Document, share: Share): Document {
  const was = new Map(before.pools.map((pool) => [keyOf(pool), pool.included]));
  const kept = after.pools.map((pool) => ({
    ...pool,
    included: shared(was.get(keyOf(pool)) ?? 0n, pool.included, share),
  }));
  const gone = poolsGone(before, after).map((pool) => ({ ...pool, included: shared(pool.included, 0n, share) }));
  return { ...after, pools: [...gone, ...kept], pricePlan: sharedPlan(before, after, share) };
}

/** (before × elapsed + after × rest) ÷ period, rounded half-even to 6 decimal places. */
function shared(before: bigint, after: bigint, { elapsedDays, periodDays }: Share): bigint {
  const weighted = before * elapsedDays + after * (periodDays - elapsedDays);
  return halfEven(weighted, periodDays * SIXTH_PLACE) * SIXTH_PLACE;
}

function days(us: number): bigint {
  return halfEven(BigInt(us), BigInt(DAY_US));
}

/** Of numbers that are not negative. */
function halfEven(value: bigint, divisor: bigint): bigint {
  const [below, twice] = [value / divisor, (value % divisor) * 2n];
  return twice > divisor || (twice === divisor && below % 2n === 1n) ? below + 1n : below;
}

/** A pool that counts another unit under the same id is another pool: its quantities are of another kind. */
function keyOf({ poolId, valueUnitId }: Pool): string {
  return JSON.stringify([poolId, valueUnitId]);
}

/** The pools that only `before` has, of units that still count. */
function poolsGone(before: Document, after: Document): readonly Pool[] {
  const ids = new Set(after.pools.map(({ poolId }) => poolId));
  return before.pools.flatMap((pool) => {
    const own = after.pools.filter(({ valueUnitId }) => valueUnitId === pool.valueUnitId);
    const last = own.filter(({ isExploration }) => !isExploration).at(-1) ?? own.at(-1);
    return ids.has(pool.poolId) || last === undefined ? [] : [{ ...pool, overageBehavior: last.overageBehavior }];
  });
}

function sharedPlan(before: Document, after: Document, share: Share): PricePlan | null {
  if (before.pricePlan === null && after.pricePlan === null) {
    return null;
  }
  const nothing: PricePlan = { usual: NO_TERMS, overrides: new Map() };
  const [old, now] = [before.pricePlan ?? nothing, after.pricePlan ?? nothing];
  const terms = (one: CustomerTerms, other: CustomerTerms) => sharedTerms({ before, after, share }, one, other);
  const customers = [...new Set([...old.overrides.keys(), ...now.overrides.keys()])];
  return {
    usual: terms(old.usual, now.usual),
    overrides: new Map(customers.map((name) => [name, terms(termsOf(old, name), termsOf(now, name))])),
  };
}

/** Which versions are shared out, and how. */
interface Change {
  readonly before: Document;
  readonly after: Document;
  readonly share: Share;
}

/** A customer's terms in the period; whether a commit is trued up is said by the last version that has one. */
function sharedTerms(change: Change, old: CustomerTerms, now: CustomerTerms): CustomerTerms {
  const { share } = change;
  return {
    platformFee: shared(old.platformFee, now.platformFee, share),
    minimumCommit: shared(old.minimumCommit, now.minimumCommit, share),
    trueUp: now.minimumCommit !== 0n || old.minimumCommit === 0n ? now.trueUp : old.trueUp,
    prepaid: sharedCredits(old.prepaid, now.prepaid, share),
    unitPrices: now.unitPrices,
    included: sharedAllowances(change, old, now),
  };
}

/** The credits bought with the period; they last as the newer version that sells any says. */
function sharedCredits(old: Prepaid | null, now: Prepaid | null, share: Share): Prepaid | null {
  const amount = shared(old?.amount ?? 0n, now?.amount ?? 0n, share);
  const price = shared(old?.price ?? 0n, now?.price ?? 0n, share);
  const expiresAfterDays = (now ?? old)?.expiresAfterDays ?? null;
  return amount === 0n && price === 0n ? null : { amount, price, expiresAfterDays };
}

/** By pool_id, the shared allowances of a customer of whom either version's contract states one. */
function sharedAllowances(
  { before, after, share }: Change,
  old: CustomerTerms,
  now: CustomerTerms,
): ReadonlyMap<string, bigint> {
  const was = new Map(before.pools.map((pool) => [keyOf(pool), pool]));
  const kept = after.pools.flatMap((pool) => {
    const earlier = was.get(keyOf(pool));
    const isStated = now.included.has(pool.poolId) || (earlier !== undefined && old.included.has(pool.poolId));
    const quantity = earlier === undefined ? 0n : includedOf(old, earlier);
    return isStated ? [[pool.poolId, shared(quantity, includedOf(now, pool), share)] as const] : [];
  });
  const gone = poolsGone(before, after).filter(({ poolId }) => old.included.has(poolId));
  const left = gone.map((pool) => [pool.poolId, shared(includedOf(old, pool), 0n, share)] as const);
  return new Map([...left, ...kept]);
}

/** What a pool gives a customer with these terms. */
export function includedOf({ included }: CustomerTerms, { poolId, included: usual }: Pool): bigint {
  return included.get(poolId) ?? usual;
}
