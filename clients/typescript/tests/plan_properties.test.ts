// Bills and caps by a price plan, beside a plain reckoning of them: whatever the plan, the use and its order.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Deciding } from "../src/deciding.js";
import type { Members } from "./support/documents.js";
import { config, EXPORT, NOW, pool, rails, read, UNIT, unit } from "./support/documents.js";
import { decider } from "./support/deciders.js";

const PERIODS = [0, 1, 2];
const RUNNING = 2;
const A_PERIOD_MS = 30 * 86_400_000;
const INCLUDED: Readonly<Record<string, number>> = { [UNIT]: 4, [EXPORT]: 0 };

interface Tier {
  readonly up_to: number | null;
  readonly unit_price_usd: number;
  readonly flat_fee_usd: number;
}

interface Price {
  readonly value_unit_id: string;
  readonly model: string;
  readonly tiers: readonly Tier[];
  readonly package_size?: number;
}

interface Contract {
  readonly platform_fee_usd: number;
  readonly minimum_commit_usd: number;
  readonly true_up: boolean;
  readonly prepaid: {
    readonly amount_usd: number;
    readonly price_usd: number;
    readonly expires_after_days: number;
  } | null;
  readonly unit_prices: readonly Price[];
  readonly included_quantity: Readonly<Record<string, number>>;
}

const USD = fc.integer({ min: 0, max: 12 });
const PRICE = fc
  .record({
    value_unit_id: fc.constantFrom(UNIT, EXPORT),
    model: fc.constantFrom("per_unit", "graduated", "volume", "package"),
    widths: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
    prices: fc.array(fc.record({ unit_price_usd: fc.integer({ min: 0, max: 4 }), flat_fee_usd: USD }), {
      minLength: 4,
      maxLength: 4,
    }),
    size: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ value_unit_id, model, widths, prices, size }): Price => {
    if (model === "per_unit" || model === "package") {
      const only = { up_to: null, unit_price_usd: prices[0]?.unit_price_usd ?? 0, flat_fee_usd: 0 };
      return { value_unit_id, model, tiers: [only], ...(model === "package" ? { package_size: size } : {}) };
    }
    const ends = widths.map((_, index) => widths.slice(0, index + 1).reduce((sum, width) => sum + width, 0));
    const tiers = [...ends, null].map((up_to, index) => ({ up_to, ...(prices[index] as Omit<Tier, "up_to">) }));
    return { value_unit_id, model, tiers };
  });

const CONTRACT: fc.Arbitrary<Contract> = fc.record({
  platform_fee_usd: USD,
  minimum_commit_usd: fc.constantFrom(0, 0, 10, 40),
  true_up: fc.boolean(),
  prepaid: fc.option(
    fc.record({ amount_usd: USD, price_usd: USD, expires_after_days: fc.constantFrom(0, 29, 30, 59, 90) }),
  ),
  unit_prices: fc.uniqueArray(PRICE, { selector: ({ value_unit_id }) => value_unit_id, maxLength: 2 }),
  included_quantity: fc.constant({}),
});

const USES = fc.array(
  fc.record({
    customer: fc.constantFrom("ann", "bob"),
    of: fc.constantFrom(UNIT, EXPORT),
    quantity: fc.integer({ min: 0, max: 12 }),
    period: fc.integer({ min: 0, max: RUNNING }),
  }),
  { maxLength: 14 },
);

const CASE = fc.record({ plan: CONTRACT, own: fc.option(CONTRACT), uses: USES, cap: fc.integer({ min: 0, max: 60 }) });
type Case = typeof CASE extends fc.Arbitrary<infer T> ? T : never;

/** What so many units beyond the allowance cost, counted one by one. */
function charged(price: Price, units: number): number {
  const [first] = price.tiers as [Tier];
  if (units === 0) {
    return 0;
  }
  if (price.package_size !== undefined) {
    return Math.ceil(units / price.package_size) * first.unit_price_usd;
  }
  const tierOf = (one: number) => price.tiers.find(({ up_to }) => up_to === null || one <= up_to) as Tier;
  const ofEach = Array.from({ length: units }, (_, index) => tierOf(index + 1));
  const tiers = price.model === "volume" ? new Set([tierOf(units)]) : new Set(ofEach);
  const fees = [...tiers].reduce((sum, { flat_fee_usd }) => sum + flat_fee_usd, 0);
  const each = price.model === "volume" ? ofEach.map(() => tierOf(units)) : ofEach;
  return each.reduce((sum, { unit_price_usd }) => sum + unit_price_usd, fees);
}

/** The bills of one customer, by the contract that holds for them. */
class Reckoning {
  private readonly prices: ReadonlyMap<string, Price>;

  constructor(
    private readonly contract: Contract,
    usual: Contract,
    private readonly uses: Case["uses"],
  ) {
    const target = (name: string, unit_price_usd: number): Price => ({
      value_unit_id: name,
      model: "per_unit",
      tiers: [{ up_to: null, unit_price_usd, flat_fee_usd: 0 }],
    });
    const stated = [...usual.unit_prices, ...contract.unit_prices];
    const all = [target(UNIT, 1), target(EXPORT, 2), ...stated];
    this.prices = new Map(all.map((price) => [price.value_unit_id, price]));
  }

  used(of: string, period: number): number {
    return this.uses
      .filter((use) => use.of === of && use.period === period)
      .reduce((sum, { quantity }) => sum + quantity, 0);
  }

  isFree(of: string): boolean {
    return (this.prices.get(of)?.tiers ?? []).every((tier) => tier.unit_price_usd === 0 && tier.flat_fee_usd === 0);
  }

  included(of: string): number {
    const pools: Readonly<Record<string, string>> = { [UNIT]: "pool_core", [EXPORT]: "pool_export" };
    return this.contract.included_quantity[pools[of] ?? ""] ?? INCLUDED[of] ?? 0;
  }

  bill(period: number): number {
    const isPayer = this.uses.some((use) => use.period <= period);
    return isPayer ? this.whole(period, (of) => this.charge(of, period)) : 0;
  }

  /** The most that the running period came to while use grew, with so much used of one unit. */
  most(of: string, taken: number): number {
    const period = RUNNING;
    return this.whole(period, (other) => {
      const beyond = Math.max((other === of ? taken : this.used(other, period)) - this.included(other), 0);
      const price = this.prices.get(other) as Price;
      return Math.max(...Array.from({ length: beyond + 1 }, (_, units) => charged(price, units)));
    });
  }

  private charge(of: string, period: number): number {
    return charged(this.prices.get(of) as Price, Math.max(this.used(of, period) - this.included(of), 0));
  }

  private whole(period: number, charge: (of: string) => number): number {
    const { platform_fee_usd: fee, minimum_commit_usd: commit, true_up: isTruedUp, prepaid } = this.contract;
    const overage = Math.max(charge(UNIT) + charge(EXPORT) - this.credits(period), 0);
    const before = fee + (prepaid?.price_usd ?? 0) + overage;
    return isTruedUp ? Math.max(before, commit) : before;
  }

  /** What is left of every lot that can be drawn in the period. */
  private credits(period: number): number {
    const { prepaid } = this.contract;
    const first = Math.min(period, ...this.uses.map((use) => use.period));
    const lots: { readonly period: number; left: number }[] = [];
    for (let past = first; past <= period && prepaid !== null; past += 1) {
      lots.push({ period: past, left: prepaid.amount_usd });
      let rest = past < period ? this.charge(UNIT, past) + this.charge(EXPORT, past) : 0;
      for (const lot of lots.filter((one) => (past - one.period) * 30 <= prepaid.expires_after_days)) {
        const draw = Math.min(lot.left, rest);
        lot.left -= draw;
        rest -= draw;
      }
    }
    const alive = lots.filter((lot) => (period - lot.period) * 30 <= (prepaid?.expires_after_days ?? 0));
    return alive.reduce((sum, { left }) => sum + left, 0);
  }
}

function documentOf({ plan, own, cap }: Case): Members {
  const overrides = own === null ? [] : [{ customer_id: "ann", ...own, included_quantity: OWN_POOLS }];
  const { included_quantity: _, ...usual } = plan;
  return config({
    value_units: [unit(), unit(EXPORT, 2, { event_type: "export" })],
    pools: [
      pool({ included_quantity: 4 }),
      pool({ pool_id: "pool_export", value_unit_id: EXPORT, included_quantity: 0 }),
    ],
    rails: rails({ monthly_spend_cap_usd: cap, at_cap_action: "block" }),
    rating_agility: { price_plan: { ...usual, overrides } as unknown as Members },
  });
}

const at = (period: number) => new Date(NOW.getTime() - (RUNNING - period) * A_PERIOD_MS);

const OWN_POOLS = { pool_core: 2 };

/** What a customer's uses come to by the contract that holds for them. */
function reckoned({ plan, own, uses }: Case, customer: string): Reckoning {
  const contract = customer === "ann" && own !== null ? { ...own, included_quantity: OWN_POOLS } : plan;
  const theirs = uses.filter((use) => use.customer === customer);
  return new Reckoning(contract, plan, theirs);
}

/** A client that was told of every use. */
async function told(given: Case): Promise<Deciding> {
  const { client } = decider({ document: read(documentOf(given)) });
  for (const { customer, of, quantity, period } of given.uses) {
    await client.record(customer, of, quantity, { at: at(period) });
  }
  return client;
}

test("bills are what a plain reckoning comes to, whatever the order of use", async () => {
  await fc.assert(
    fc.asyncProperty(CASE, fc.constantFrom("ann", "bob"), async (given, customer) => {
      const client = await told(given);
      const bills = await Promise.all(PERIODS.map((period) => client.usage(customer, { at: at(period) })));
      const reckoning = reckoned(given, customer);
      expect(bills.map(({ spendUsd }) => String(spendUsd))).toEqual(
        PERIODS.map((period) => String(reckoning.bill(period))),
      );
    }),
    { numRuns: 300 },
  );
});

test("the cap stops just before the first quantity by which a bill exceeds it", async () => {
  await fc.assert(
    fc.asyncProperty(
      CASE,
      fc.constantFrom("ann", "bob"),
      fc.constantFrom(UNIT, EXPORT),
      async (given, customer, of) => {
        const client = await told(given);
        const reckoning = reckoned(given, customer);
        const used = reckoning.used(of, RUNNING);
        const quantities = Array.from({ length: 20 }, (_, index) => index + 1);
        const isWithin = (taken: number) =>
          taken <= reckoning.included(of) || reckoning.isFree(of) || reckoning.most(of, taken) <= given.cap;
        expect(quantities.filter((quantity) => client.checkNow(customer, of, quantity).allow)).toEqual(
          quantities.filter((quantity) => isWithin(used + quantity)),
        );
      },
    ),
    { numRuns: 300 },
  );
});
