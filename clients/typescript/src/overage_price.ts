/**
 * What overage of a unit costs in a period: at one price, by tiers, all at the tier reached, or by whole packages.
 *
 * Quantities and prices are scaled integers, so what they come to is USD times SCALE squared: no sum is ever rounded.
 */
import { ceiling, SCALE } from "./numbers.js";

/** How tiers are applied; of a package the price is that of a whole one. */
export type PriceModel = "per_unit" | "graduated" | "volume" | "package";

/** Overage up to and including `upTo` (null: without end); the flat fee is charged once where it is reached. */
export interface Tier {
  readonly upTo: bigint | null;
  readonly unitPrice: bigint;
  readonly flatFee: bigint;
}

/** The price of one unit's overage; the last tier is open, `packageSize` is null but for packages. */
export class OveragePrice {
  readonly isFree: boolean;

  constructor(
    readonly model: PriceModel,
    readonly tiers: readonly Tier[],
    readonly packageSize: bigint | null = null,
  ) {
    this.isFree = tiers.every(({ unitPrice, flatFee }) => unitPrice === 0n && flatFee === 0n);
  }

  /** Every unit at the same price. */
  static perUnit(unitPrice: bigint): OveragePrice {
    return new OveragePrice("per_unit", [{ upTo: null, unitPrice, flatFee: 0n }]);
  }

  /** What so many units beyond the allowance cost in one period; nothing for none. */
  charge(overage: bigint): bigint {
    if (overage <= 0n) {
      return 0n;
    }
    if (this.packageSize !== null) {
      return ceiling(overage, this.packageSize) * this.first.unitPrice * SCALE;
    }
    return this.model === "volume" ? this.atReached(overage) : this.byTiers(overage);
  }

  /** The most that was charged on the way to so many units: only volume prices fall when more is used. */
  peak(overage: bigint): bigint {
    if (this.model !== "volume" || overage <= 0n) {
      return this.charge(overage);
    }
    let most = 0n;
    for (const tier of this.tiers) {
      const isLast = tier.upTo === null || overage <= tier.upTo;
      const charged = chargedAt(tier, isLast ? overage : (tier.upTo ?? 0n));
      most = charged > most ? charged : most;
      if (isLast) {
        break;
      }
    }
    return most;
  }

  /** The most units up to which no charge exceeds the amount, which is not negative; null: none ever does. */
  room(amount: bigint): bigint | null {
    if (this.packageSize !== null) {
      const { unitPrice } = this.first;
      return unitPrice === 0n ? null : (amount / (unitPrice * SCALE)) * this.packageSize;
    }
    return this.model === "volume" ? this.roomAtReached(amount) : this.roomByTiers(amount);
  }

  private get first(): Tier {
    return this.tiers[0] as Tier;
  }

  private byTiers(overage: bigint): bigint {
    let [charged, from] = [0n, 0n];
    for (const { upTo, unitPrice, flatFee } of this.tiers) {
      const to = upTo === null || overage < upTo ? overage : upTo;
      charged += flatFee * SCALE + (to - from) * unitPrice;
      from = to;
      if (from >= overage) {
        break;
      }
    }
    return charged;
  }

  private atReached(overage: bigint): bigint {
    const reached = this.tiers.find(({ upTo }) => upTo === null || overage <= upTo) as Tier;
    return chargedAt(reached, overage);
  }

  private roomByTiers(amount: bigint): bigint | null {
    let [left, from] = [amount, 0n];
    for (const { upTo, unitPrice, flatFee } of this.tiers) {
      left -= flatFee * SCALE;
      if (left < 0n) {
        return from;
      }
      const to = unitPrice === 0n ? null : from + left / unitPrice;
      if (to !== null && (upTo === null || to < upTo)) {
        return to;
      }
      left -= ((upTo ?? from) - from) * unitPrice;
      from = upTo ?? from;
    }
    return null;
  }

  private roomAtReached(amount: bigint): bigint | null {
    let from = 0n;
    for (const { upTo, unitPrice, flatFee } of this.tiers) {
      const left = amount - flatFee * SCALE;
      if (left < 0n) {
        return from;
      }
      const to = unitPrice === 0n ? null : left / unitPrice;
      if (to !== null && (upTo === null || to < upTo)) {
        return to > from ? to : from;
      }
      from = upTo ?? from;
    }
    return null;
  }
}

function chargedAt({ unitPrice, flatFee }: Tier, units: bigint): bigint {
  return flatFee * SCALE + units * unitPrice;
}
