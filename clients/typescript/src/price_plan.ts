/** What a customer is billed beside and for their overage: the price plan of a config, and contracts of single customers. */
import { PERIOD_DAYS } from "./document.js";
import { SCALE } from "./numbers.js";
import type { OveragePrice } from "./overage_price.js";

/** Credits bought with every period, in USD, scaled; null days: they never lapse. */
export interface Prepaid {
  readonly amount: bigint;
  readonly price: bigint;
  readonly expiresAfterDays: number | null;
}

/**
 * What one customer is billed by: USD per period, scaled. `unitPrices` by value_unit_id: a unit without one has its
 * target price. `included` by pool_id, of pools of which the customer has another allowance than the config says.
 */
export interface CustomerTerms {
  readonly platformFee: bigint;
  readonly minimumCommit: bigint;
  readonly trueUp: boolean;
  readonly prepaid: Prepaid | null;
  readonly unitPrices: ReadonlyMap<string, OveragePrice>;
  readonly included: ReadonlyMap<string, bigint>;
}

/** The terms for everybody, and the whole terms of each customer who has a contract, by customer_id. */
export interface PricePlan {
  readonly usual: CustomerTerms;
  readonly overrides: ReadonlyMap<string, CustomerTerms>;
}

/** The terms of a config without a price plan: overage alone is billed. */
export const NO_TERMS: CustomerTerms = {
  platformFee: 0n,
  minimumCommit: 0n,
  trueUp: true,
  prepaid: null,
  unitPrices: new Map(),
  included: new Map(),
};

/** What holds for this customer. */
export function termsOf(plan: PricePlan, customerId: string): CustomerTerms {
  return plan.overrides.get(customerId) ?? plan.usual;
}

/** The periods after its own in which a lot of credits can be drawn, as of a rollover's lot; null is no end. */
export function periodsOf({ expiresAfterDays }: Prepaid): number | null {
  return expiresAfterDays === null ? null : Math.floor(expiresAfterDays / PERIOD_DAYS);
}

/** Whether anybody buys credits. */
export function sellsCredits({ usual, overrides }: PricePlan): boolean {
  return [usual, ...overrides.values()].some(({ prepaid }) => prepaid !== null);
}

/** Whether credits can be drawn in a later period than the one they are bought in. */
export function creditsLast({ prepaid }: CustomerTerms): boolean {
  return prepaid !== null && periodsOf(prepaid) !== 0;
}

/** What a bill is made of; `drawn` are credits that paid for overage instead of money, and no part of the sum. */
export interface Bill {
  readonly fees: bigint;
  readonly prepaid: bigint;
  readonly overage: bigint;
  readonly trueUp: bigint;
  readonly drawn: bigint;
}

/** The bill of a period in which overage costs so much and so many credits can be drawn, in USD times SCALE squared. */
export function billOf(terms: CustomerTerms, charged: bigint, credits: bigint): Bill {
  const drawn = credits < charged ? credits : charged;
  const [fees, prepaid, overage] = [terms.platformFee * SCALE, (terms.prepaid?.price ?? 0n) * SCALE, charged - drawn];
  return { fees, prepaid, overage, trueUp: wholeBill(terms, overage) - (fees + prepaid + overage), drawn };
}

/**
 * The whole bill of a period in which overage costs so much beyond credits (less than nothing: credits are left), in USD
 * times SCALE squared: fee, price of credits and overage, at least the commit where it is trued up.
 */
export function wholeBill(terms: CustomerTerms, overage: bigint): bigint {
  const before = fixed(terms) + (overage > 0n ? overage : 0n);
  const least = terms.trueUp ? terms.minimumCommit * SCALE : 0n;
  return before > least ? before : least;
}

/** What overage may cost beyond credits for the whole bill not to exceed the amount; negative: it does without any. */
export function leftForOverage(terms: CustomerTerms, amount: bigint): bigint {
  const isCommitBeyond = terms.trueUp && terms.minimumCommit * SCALE > amount;
  return isCommitBeyond ? -1n : amount - fixed(terms);
}

function fixed({ platformFee, prepaid }: CustomerTerms): bigint {
  return (platformFee + (prepaid?.price ?? 0n)) * SCALE;
}
