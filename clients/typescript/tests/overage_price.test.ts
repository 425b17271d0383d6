// What overage costs by each price model, at every boundary, and how much of it an amount is enough for.
import fc from "fast-check";
import { expect, test } from "vitest";
import { PLACES, SCALE, scaled } from "../src/numbers.js";
import { Decimal } from "../src/decimal.js";
import { OveragePrice, type PriceModel, type Tier } from "../src/overage_price.js";

type Row = readonly [upTo: string | null, unitPrice: string, flatFee?: string];

function priced(model: PriceModel, rows: readonly Row[], size: string | null = null): OveragePrice {
  const tiers = rows.map(([upTo, unitPrice, flatFee = "0"]) => ({
    upTo: upTo === null ? null : scaled(upTo, "up_to"),
    unitPrice: scaled(unitPrice, "price"),
    flatFee: scaled(flatFee, "fee"),
  }));
  return new OveragePrice(model, tiers, size === null ? null : scaled(size, "size"));
}

const usd = (amount: bigint) => String(Decimal.normal(amount, -2 * PLACES));
const TIERS: readonly Row[] = [
  ["100", "0.5", "5"],
  ["200", "0.4"],
  [null, "0.25", "1"],
];

test.each([
  ["graduated", "0", "0"],
  ["graduated", "0.000000000001", "5.0000000000005"],
  ["graduated", "100", "55"],
  ["graduated", "101", "55.4"],
  ["graduated", "200", "95"],
  ["graduated", "201", "96.25"],
  ["volume", "0", "0"],
  ["volume", "100", "55"],
  ["volume", "101", "40.4"],
  ["volume", "200", "80"],
  ["volume", "201", "51.25"],
] as const)("by %s tiers %s units cost %s USD", (model, units, cost) => {
  expect(usd(priced(model, TIERS).charge(scaled(units, "units")))).toBe(cost);
});

test.each([
  ["0", "0"],
  ["0.000000000001", "10"],
  ["1000", "10"],
  ["1000.5", "20"],
  ["2001", "30"],
])("of packages of 1,000 at 10 USD %s units cost %s USD", (units, cost) => {
  expect(usd(priced("package", [[null, "10"]], "1000").charge(scaled(units, "units")))).toBe(cost);
});

test.each([
  ["graduated", "4.99", "0"],
  ["graduated", "5", "0"],
  ["graduated", "55", "100"],
  ["graduated", "55.39", "100.975"],
  ["graduated", "95.9", "200"],
  ["graduated", "96.25", "201"],
  ["volume", "54", "98"],
  ["volume", "55", "137.5"],
  ["volume", "79", "197.5"],
  ["volume", "80", "316"],
] as const)("by %s tiers %s USD are enough for %s units and any fewer", (model, amount, units) => {
  expect(usd((priced(model, TIERS).room(scaled(amount, "usd") * SCALE) ?? -1n) * SCALE)).toBe(units);
});

test("an amount that is less than a package is enough for none, and what is free at the end has no limit", () => {
  const packages = priced("package", [[null, "10"]], "1000");
  expect(["9.99", "10", "29"].map((amount) => packages.room(scaled(amount, "usd") * SCALE))).toEqual([
    0n,
    1000n * SCALE,
    2000n * SCALE,
  ]);
  const tiers: readonly Row[] = [
    ["10", "1"],
    [null, "0"],
  ];
  expect(priced("graduated", tiers).room(10n * SCALE * SCALE)).toBeNull();
  expect(priced("volume", tiers).room(9n * SCALE * SCALE)).toBe(9n * SCALE);
  expect(priced("volume", tiers).room(10n * SCALE * SCALE)).toBeNull();
});

const AMOUNT = fc.bigInt({ min: 0n, max: 5n });
const TIER = fc.record({ width: fc.bigInt({ min: 1n, max: 6n }), unitPrice: AMOUNT, flatFee: AMOUNT });
const PRICE = fc
  .record({
    model: fc.constantFrom<PriceModel>("per_unit", "graduated", "volume", "package"),
    tiers: fc.array(TIER, { minLength: 1, maxLength: 4 }),
    size: fc.bigInt({ min: 1n, max: 4n }),
  })
  .map(({ model, tiers, size }) => {
    const isFlat = model === "per_unit" || model === "package";
    let end = 0n;
    const all: Tier[] = tiers.map(({ width, ...tier }, index) => {
      end += width;
      return { ...tier, upTo: index === tiers.length - 1 ? null : end };
    });
    const only = { ...(all[0] as Tier), upTo: null, flatFee: 0n };
    return new OveragePrice(model, isFlat ? [only] : all, model === "package" ? size : null);
  });

test("the room within an amount ends just before the first quantity that costs more", () => {
  fc.assert(
    fc.property(PRICE, fc.bigInt({ min: 0n, max: 40n }), (price, units) => {
      const amount = units * SCALE;
      const room = price.room(amount);
      const most = room === null || room > 60n ? 60n : room;
      for (let used = 0n; used <= most; used += 1n) {
        expect(price.charge(used) <= amount).toBe(true);
      }
      expect(room === null || price.charge(room + 1n) > amount).toBe(true);
    }),
  );
});

test("the peak is the most that anything up to a quantity costs", () => {
  fc.assert(
    fc.property(PRICE, fc.bigInt({ min: 0n, max: 40n }), (price, units) => {
      const charges = Array.from({ length: Number(units) + 1 }, (_, used) => price.charge(BigInt(used)));
      expect(price.peak(units)).toBe(charges.reduce((one, other) => (one > other ? one : other)));
    }),
  );
});
