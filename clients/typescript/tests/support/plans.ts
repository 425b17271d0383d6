// Generated price plans: every model, contracts of single customers, credits that lapse and that do not.
import fc from "fast-check";
import { Decimal } from "../../src/decimal.js";
import { EXPORT, type Members, UNIT } from "./documents.js";

const USD = fc.oneof(
  fc.integer({ min: 0, max: 12 }),
  fc.constantFrom(Decimal.of("0.000001"), Decimal.of("2.5"), Decimal.of("0.123456789012")),
);

const TIERED = fc
  .record({
    model: fc.constantFrom("graduated", "volume"),
    widths: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
    prices: fc.array(fc.record({ unit_price_usd: USD, flat_fee_usd: USD }), { minLength: 4, maxLength: 4 }),
  })
  .map(({ model, widths, prices }) => {
    const ends = widths.map((_, index) => widths.slice(0, index + 1).reduce((sum, width) => sum + width, 0));
    return { model, tiers: [...ends, null].map((up_to, index) => ({ up_to, ...prices[index] })) };
  });

const FLAT = fc
  .record({ unit_price_usd: USD, package_size: fc.option(fc.integer({ min: 1, max: 5 })) })
  .map(({ unit_price_usd, package_size }) => {
    const tiers = [{ up_to: null, unit_price_usd }];
    return package_size === null ? { model: "per_unit", tiers } : { model: "package", tiers, package_size };
  });

const UNIT_PRICES = fc
  .record({ minute: fc.option(fc.oneof(TIERED, FLAT)), file: fc.option(fc.oneof(TIERED, FLAT)) })
  .map(({ minute, file }) => {
    const listed: readonly (readonly [string, object | null])[] = [
      [UNIT, minute],
      [EXPORT, file],
    ];
    return listed.flatMap(([name, price]) => (price === null ? [] : [{ value_unit_id: name, ...price } as Members]));
  });

const PREPAID = fc.oneof(
  fc.record({ amount_usd: USD, price_usd: USD }),
  fc.record({ amount_usd: USD, price_usd: USD, expires_after_days: fc.constantFrom(0, 30, 45, 60) }),
);

/** Any of these may be left out. */
const CONTRACT = fc.record(
  {
    platform_fee_usd: USD,
    minimum_commit_usd: USD,
    true_up: fc.boolean(),
    prepaid: fc.option(PREPAID),
    unit_prices: UNIT_PRICES,
  },
  { requiredKeys: [] },
);

const INCLUDED = fc.constantFrom<Members>({}, { pool_export: 1 }, { pool_minute: 9, pool_0: 0 });

/** `rating_agility.price_plan`, for the pools and units of the generated configs. */
export const PRICE_PLAN: fc.Arbitrary<Members> = fc
  .record({
    usual: CONTRACT,
    own: fc.array(fc.record({ terms: CONTRACT, included_quantity: INCLUDED }), { maxLength: 2 }),
    change_policy: fc.constantFrom("at_next_period", "prorate"),
  })
  .map(({ usual, own, change_policy }) => {
    const overrides = own.map(({ terms, included_quantity }, index) => {
      return { customer_id: ["ann", "10"][index], ...terms, included_quantity };
    });
    return { ...usual, overrides, change_policy } as Members;
  });
