/** What the pools of one unit hold together, and from which use on each threshold is reached: compiled once. */
import type { Threshold } from "./document.js";
import { ceiling } from "./numbers.js";
import type { Steps } from "./rules.js";

const HUNDREDTHS = 10_000n;

/** `pools` in draw order, scaled; `total` is their sum. */
export class Allowance {
  readonly total: bigint;
  /** For each threshold the use of the unit from which on it is reached; null: never. */
  readonly reached: readonly (bigint | null)[];
  /** The least of them; null when no threshold is ever reached. */
  readonly first: bigint | null;
  /** The rules of this allowance by the config's state and whether somebody approved: made when first needed. */
  readonly steps = new Map<string, Steps>();

  constructor(
    readonly pools: readonly bigint[],
    thresholds: readonly Threshold[],
  ) {
    this.total = pools.reduce((sum, quantity) => sum + quantity, 0n);
    this.reached = thresholds.map((threshold) => reachedAt(threshold, pools));
    this.first = least(this.reached);
  }
}

/**
 * From which use of the unit on its percentage is reached, of some pool or of the whole allowance, as the threshold's
 * scope says; null: never.
 *
 * What is without allowance has no percentage, and of the spend cap it says nothing; only the last pool can be used beyond what it has (spec 4.3).
 */
export function reachedAt(threshold: Threshold, pools: readonly bigint[]): bigint | null {
  if (threshold.scope === "spend") {
    return null;
  }
  if (threshold.scope !== "pool") {
    const total = pools.reduce((sum, quantity) => sum + quantity, 0n);
    return total === 0n ? null : share(threshold, total);
  }
  let before = 0n;
  const places = pools.map((quantity, at) => {
    const wanted = share(threshold, quantity);
    const place = quantity !== 0n && (wanted <= quantity || at === pools.length - 1) ? before + wanted : null;
    before += quantity;
    return place;
  });
  return least(places);
}

function share(threshold: Threshold, quantity: bigint): bigint {
  const part = ceiling(threshold.hundredths * quantity, HUNDREDTHS);
  return part > 1n ? part : 1n;
}

function least(places: readonly (bigint | null)[]): bigint | null {
  let first: bigint | null = null;
  for (const place of places) {
    if (place !== null && (first === null || place < first)) {
      first = place;
    }
  }
  return first;
}
