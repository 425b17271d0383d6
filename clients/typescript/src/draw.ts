/**
 * What a customer's pools hold in a period: included quantities and what was carried into it (spec 4.2, 2 and 3).
 *
 * The same fold as in AVS Brain's simulation, on scaled integers; the shared scenarios hold both to it.
 */
import type { Pool, Rollover } from "./document.js";

/** (period, quantity left of its allowance), oldest first. */
type Lots = readonly (readonly [period: number, quantity: bigint])[];

/** The periods that count for an allowance: from the first in which anything does to the one that is asked about. */
export interface Span {
  readonly first: number;
  readonly period: number;
}

/**
 * What each pool can give in the span's `period`, scaled. `pools` in draw order, `used` per period, `grants`: whether
 * exploration pools give anything in a period.
 */
export function available(
  pools: readonly Pool[],
  used: ReadonlyMap<number, bigint>,
  { first, period }: Span,
  grants: (period: number) => boolean,
): readonly bigint[] {
  let carried: readonly Lots[] = pools.map(() => []);
  if (pools.some((pool) => pool.rollover !== null)) {
    for (let past = first; past < period; past += 1) {
      const drawnThen = used.get(past) ?? 0n;
      const grant = { period: past, granted: grants(past) };
      carried = after(pools, carried, drawnThen > 0n ? drawnThen : 0n, grant);
    }
  }
  const granted = grants(period);
  return pools.map((pool, at) => (granted || !pool.isExploration ? sum(carried[at] ?? []) + pool.included : 0n));
}

/** How `used` is drawn from the pools in their order, and what is left: the overage of the last pool. */
export function drawn(availablePerPool: readonly bigint[], used: bigint): readonly [readonly bigint[], bigint] {
  let left = used;
  const draws = availablePerPool.map((quantity) => {
    const draw = left < quantity ? left : quantity;
    left -= draw;
    return draw;
  });
  return [draws, left];
}

/** What is carried into the next period after `quantity` was drawn in this one. */
function after(
  pools: readonly Pool[],
  carried: readonly Lots[],
  quantity: bigint,
  { period, granted }: { period: number; granted: boolean },
): readonly Lots[] {
  let left = quantity;
  return pools.map((pool, at) => {
    const lots: Lots = granted || !pool.isExploration ? [...(carried[at] ?? []), [period, pool.included]] : [];
    const has = sum(lots);
    const draw = left < has ? left : has;
    left -= draw;
    return carry(pool.rollover, oldestFirst(lots, draw), period + 1);
  });
}

function oldestFirst(lots: Lots, quantity: bigint): Lots {
  let left = quantity;
  return lots.map(([period, held]) => {
    const taken = held < left ? held : left;
    left -= taken;
    return [period, held - taken];
  });
}

/** What may still be drawn in `period`: expired lots go, then the oldest, down to the maximum. */
function carry(rollover: Rollover | null, lots: Lots, period: number): Lots {
  if (rollover === null) {
    return [];
  }
  const { most, periods } = rollover;
  const alive = periods === null ? lots : lots.filter(([from]) => period - from <= periods);
  if (most === null) {
    return alive;
  }
  const tooMuch = sum(alive) - most;
  return oldestFirst(alive, tooMuch > 0n ? tooMuch : 0n);
}

function sum(lots: Lots): bigint {
  return lots.reduce((total, [, quantity]) => total + quantity, 0n);
}
