// What a price plan does to bills, caps and thresholds of a customer, worked out by hand.
import { expect, test } from "vitest";
import { Decimal } from "../src/decimal.js";
import { Malformed } from "../src/errors.js";
import { exactJson } from "../src/json.js";
import { parse } from "../src/reading.js";
import { type Decider, decider } from "./support/deciders.js";
import { config, EXPORT, type Members, pool, rails, read, UNIT, unit } from "./support/documents.js";

const HALF = Decimal.of("0.5");
const A_PERIOD = 30 * 86_400;
const EXPORTS = [unit(), unit(EXPORT, 2, { event_type: "export", aggregation: { type: "count" } })];
const BOTH = [pool(), pool({ pool_id: "pool_export", value_unit_id: EXPORT, included_quantity: 0 })];
const VOLUME = [
  { up_to: 100, unit_price_usd: 1 },
  { up_to: null, unit_price_usd: HALF },
];
const GRADUATED = [
  { up_to: 10, unit_price_usd: 1, flat_fee_usd: 5 },
  { up_to: null, unit_price_usd: HALF },
];

function planned(plan: Members, limits: Members = {}, more: Members = {}, delivery: Members = {}): Members {
  return config({ rating_agility: { price_plan: plan }, rails: rails(limits), ...more }, delivery);
}

function enforcing(...members: Parameters<typeof planned>): Decider {
  return decider({ document: read(planned(...members)) });
}

function prices(model: string, tiers: Members[], more: Members = {}): Members {
  return { unit_prices: [{ value_unit_id: UNIT, model, tiers, ...more }] };
}

async function spend({ client }: Decider, customer = "c"): Promise<string> {
  return String((await client.usage(customer)).spendUsd);
}

/** The most that is allowed, or has no action, of quantities up to 400. */
async function most({ client }: Decider, customer = "c", of = UNIT): Promise<number> {
  for (let quantity = 1; quantity <= 400; quantity += 1) {
    if ((await client.check(customer, of, quantity)).action !== null) {
      return quantity - 1;
    }
  }
  return 400;
}

test.each<[string, Members, number, string]>([
  ["a fee within the allowance", { platform_fee_usd: 49 }, 10, "49"],
  ["a fee and overage", { platform_fee_usd: 49 }, 12, "51"],
  ["tiers at the end of the first", prices("graduated", GRADUATED), 20, "15"],
  ["tiers one above", prices("graduated", GRADUATED), 21, "15.5"],
  ["volume at the end of the first tier", prices("volume", VOLUME), 110, "100"],
  ["volume one above", prices("volume", VOLUME), 111, "50.5"],
  ["whole packages", prices("package", [{ up_to: null, unit_price_usd: 10 }], { package_size: 5 }), 16, "20"],
  ["a commit that is trued up", { platform_fee_usd: 20, minimum_commit_usd: 100 }, 30, "100"],
  ["a commit that is not", { platform_fee_usd: 20, minimum_commit_usd: 100, true_up: false }, 30, "40"],
  ["a commit that is passed", { platform_fee_usd: 20, minimum_commit_usd: 100 }, 100, "110"],
  ["credits that are enough", { prepaid: { amount_usd: 50, price_usd: 40 } }, 60, "40"],
  ["credits and money", { prepaid: { amount_usd: 50, price_usd: 40 } }, 61, "41"],
])("%s", async (_, plan, quantity, bill) => {
  const own = enforcing(plan);
  await own.client.record("c", UNIT, quantity);
  expect(await spend(own)).toBe(bill);
});

test("a statement says what a bill is made of", async () => {
  const prepaid = { amount_usd: 30, price_usd: 20 };
  const own = enforcing({ platform_fee_usd: 5, minimum_commit_usd: 50, prepaid });
  await own.client.record("c", UNIT, 10 + 35);
  const { bill, spendUsd } = await own.client.usage("c");
  const lines = Object.fromEntries(Object.entries(bill).map(([name, amount]) => [name, String(amount)]));
  expect(lines).toEqual({ fees: "5", prepaid: "20", overage: "5", commitTrueUp: "20", creditsDrawn: "30" });
  expect(String(spendUsd)).toBe("50");
});

test("who has used nothing yet is billed nothing, and from the first use on every period is", async () => {
  const own = enforcing({ platform_fee_usd: 49 });
  expect(await spend(own)).toBe("0");
  await own.client.record("c", UNIT, 0);
  expect(await spend(own)).toBe("49");
  own.clock.pass(3 * A_PERIOD);
  expect(await spend(own)).toBe("49");
});

test("credits are drawn the oldest first, until they lapse", async () => {
  const own = enforcing({ prepaid: { amount_usd: 50, price_usd: 40, expires_after_days: 59 } });
  const bills = [];
  for (const overage of [20, 0, 130, 60]) {
    await own.client.record("c", UNIT, 10 + overage);
    bills.push(await spend(own));
    own.clock.pass(A_PERIOD);
  }
  // The 30 that are left of the first lot lapse with the second period: the third has 50 of the second and its own 50.
  expect(bills).toEqual(["40", "40", "70", "50"]);
});

test("late use of an earlier period draws its credits, and the running one has fewer", async () => {
  const own = enforcing({ prepaid: { amount_usd: 50, price_usd: 40 } });
  await own.client.record("c", UNIT, 10);
  own.clock.pass(A_PERIOD);
  await own.client.record("c", UNIT, 110);
  expect(await spend(own)).toBe("40");
  await own.client.record("c", UNIT, 30, { at: "2026-01-20T00:00:00Z" });
  expect(await spend(own)).toBe("70");
});

test.each<[string, Members, number]>([
  ["a fee leaves less room", { platform_fee_usd: 49 }, 10 + 51],
  ["a fee above the cap leaves none beyond the allowance", { platform_fee_usd: 101 }, 10],
  ["a commit above the cap neither", { minimum_commit_usd: 101 }, 10],
  ["a commit that is not trued up takes none", { minimum_commit_usd: 101, true_up: false }, 110],
  ["a commit below it takes none", { minimum_commit_usd: 60 }, 110],
  ["credits give more, and cost their price", { prepaid: { amount_usd: 50, price_usd: 40 } }, 10 + 60 + 50],
  ["tiers are inverted", { platform_fee_usd: 50, ...prices("graduated", GRADUATED) }, 10 + 80],
  ["whole packages fit or not", prices("package", [{ up_to: null, unit_price_usd: 30 }], { package_size: 7 }), 10 + 21],
  ["volume stops at the first crossing", { platform_fee_usd: 10, ...prices("volume", VOLUME) }, 10 + 90],
  ["volume that never crosses goes on", { platform_fee_usd: 0, ...prices("volume", VOLUME) }, 10 + 200],
])("of a cap of 100 USD %s", async (_, plan, quantity) => {
  const own = enforcing(plan, { monthly_spend_cap_usd: 100, at_cap_action: "block" });
  expect(await most(own)).toBe(quantity);
  await own.client.record("c", UNIT, 5);
  expect(await most(own)).toBe(quantity - 5);
});

test("what other units cost counts against the cap, credits first", async () => {
  const plan = { platform_fee_usd: 10, prepaid: { amount_usd: 50, price_usd: 40 } };
  const limits = { monthly_spend_cap_usd: 100, at_cap_action: "block" };
  const own = enforcing(plan, limits, { value_units: EXPORTS, pools: BOTH });
  expect(await most(own)).toBe(10 + 100);
  await own.client.record("c", EXPORT, 30);
  expect(await most(own)).toBe(10 + 40);
  expect(await spend(own)).toBe("60");
});

test("a cap that was crossed by a volume price stays crossed, for other units too", async () => {
  const limits = { monthly_spend_cap_usd: 90, at_cap_action: "block" };
  const own = enforcing(prices("volume", VOLUME), limits, { value_units: EXPORTS, pools: BOTH });
  await own.client.record("c", UNIT, 10 + 120);
  expect(await spend(own)).toBe("60");
  expect(await most(own)).toBe(0);
  expect(await most(own, "c", EXPORT)).toBe(0);
});

test("a contract has prices, amounts and allowances of its own, and the plan's for the rest", async () => {
  const override = {
    customer_id: "whale",
    platform_fee_usd: 0,
    prepaid: null,
    included_quantity: { pool_core: 200 },
    unit_prices: [
      { value_unit_id: UNIT, model: "per_unit", tiers: [{ up_to: null, unit_price_usd: Decimal.of("0.25") }] },
    ],
  };
  const plan = { platform_fee_usd: 20, prepaid: { amount_usd: 5, price_usd: 4 }, overrides: [override] };
  const own = enforcing(plan, { monthly_spend_cap_usd: 30, at_cap_action: "block" });
  expect([await most(own), await most(own, "whale")]).toEqual([10 + 11, 200 + 120]);
  await own.client.record("c", UNIT, 16);
  await own.client.record("whale", UNIT, 204);
  expect([await spend(own), await spend(own, "whale")]).toEqual(["25", "1"]);
  expect(String((await own.client.check("whale", UNIT)).remaining)).toBe("0");
});

const OF_SPEND = { threshold_scopes: [{ percent: 50, scope: "spend" }] };

test.each<[string, string, Members, number]>([
  ["warns from its share of the cap on", "warn", { platform_fee_usd: 20 }, 10 + 29],
  ["that blocks lets its share be spent", "block", { platform_fee_usd: 20 }, 10 + 30],
  ["that the fee alone reaches holds for any use", "warn", { platform_fee_usd: 50 }, 0],
  ["that blocks, and that the fee alone reaches, lets the allowance be used", "block", { platform_fee_usd: 51 }, 10],
])("a threshold of spend %s", async (_, action, plan, quantity) => {
  const limits = { monthly_spend_cap_usd: 100, usage_thresholds: [{ percent: 50, action }] };
  const own = enforcing(plan, limits, {}, OF_SPEND);
  expect(await most(own)).toBe(quantity);
});

test("a threshold of spend fires once, whichever unit brings the bill to it", async () => {
  const limits = { monthly_spend_cap_usd: 100, usage_thresholds: [{ percent: 50, action: "warn" }] };
  const own = enforcing({ platform_fee_usd: 20 }, limits, { value_units: EXPORTS, pools: BOTH }, OF_SPEND);
  const fired = [
    await own.client.record("c", UNIT, 10 + 20),
    await own.client.record("c", EXPORT, 4),
    await own.client.record("c", EXPORT, 1),
    await own.client.record("c", UNIT, 1),
  ].map((recorded) => recorded.fired.map(({ key }) => key));
  expect(fired).toEqual([[], [], ["threshold:50:warn"], []]);
  expect(own.queue.bodies().map(({ context }) => context)).toEqual([
    { percent: 50, action: "warn", value_unit_id: EXPORT, monthly_spend_cap_usd: 100 },
  ]);
  const { units } = await own.client.usage("c");
  expect([...units.values()].map(({ reached }) => reached.map(String))).toEqual([["50"], ["50"]]);
});

test("without a cap a threshold of spend is reached by nobody, and without a plan overage is what is spent", async () => {
  const thresholds = [{ percent: 50, action: "block" }];
  const uncapped = decider({ document: read(config({ rails: rails({ usage_thresholds: thresholds }) }, OF_SPEND)) });
  expect(await most(uncapped)).toBe(400);
  const capped = rails({ usage_thresholds: thresholds, monthly_spend_cap_usd: 100 });
  expect(await most(decider({ document: read(config({ rails: capped }, OF_SPEND)) }))).toBe(60);
});

const SINCE = "2026-01-11T00:00:00Z";

/** A config whose plan took the place of another on the eleventh of 30 days. */
function following(start: string, before: Members, after: Members): Decider {
  const terms = { start, since: SINCE, before };
  const governance = { delivery: { max_staleness_seconds: 10 ** 8, sequence: 1, next: null }, terms };
  return decider({ document: read({ ...after, governance }) });
}

function version(fee: number, included: number, more: Members = {}): Members {
  return planned({ platform_fee_usd: fee, ...more }, {}, { pools: [pool({ included_quantity: included })] });
}

test("with the next period the earlier plan holds until the running one ends", async () => {
  const own = following("next_period", version(30, 10), version(60, 40));
  await own.client.record("c", UNIT, 12);
  expect(await spend(own)).toBe("32");
  own.clock.pass(A_PERIOD);
  await own.client.record("c", UNIT, 42);
  expect(await spend(own)).toBe("62");
});

test("prorated, the period of the change is shared out by its days, and the new prices hold at once", async () => {
  const price = { value_unit_id: UNIT, model: "per_unit", tiers: [{ up_to: null, unit_price_usd: 2 }] };
  const own = following("prorated", version(30, 10), version(60, 40, { unit_prices: [price] }));
  await own.client.record("c", UNIT, 31);
  expect(await spend(own)).toBe("52"); // 30 × 10 ÷ 30 + 60 × 20 ÷ 30, and one unit beyond 30
  await own.client.record("c", UNIT, 11, { at: "2025-12-20T00:00:00Z" });
  expect(String((await own.client.usage("c", { at: "2025-12-20T00:00:00Z" })).spendUsd)).toBe("31");
  own.clock.pass(A_PERIOD);
  expect(await spend(own)).toBe("60");
});

test("a contract that only the earlier version has is shared out too", async () => {
  const contract = { overrides: [{ customer_id: "c", platform_fee_usd: 0, included_quantity: { pool_core: 70 } }] };
  const own = following("prorated", version(30, 10, contract), version(60, 40));
  await own.client.record("c", UNIT, 51);
  expect(await spend(own)).toBe("41"); // 60 × 20 ÷ 30, and one unit beyond (70 × 10 + 40 × 20) ÷ 30
  await own.client.record("d", UNIT, 31);
  expect(await spend(own, "d")).toBe("51");
});

test("of two changes in one period each version counts for its own days", async () => {
  const first = { start: "prorated", since: "2026-01-06T00:00:00Z", before: version(30, 10) };
  const own = following("prorated", { ...version(60, 10), terms: first }, version(90, 10));
  await own.client.record("c", UNIT, 1);
  expect(await spend(own)).toBe("75"); // (30 × 5 + 60 × 5 + 90 × 20) ÷ 30
});

test("a plan that comes or goes gives nothing for the other days", async () => {
  const without = config();
  const comes = following("prorated", without, version(60, 10));
  await comes.client.record("c", UNIT, 1);
  expect(await spend(comes)).toBe("40");
  const goes = following("prorated", version(60, 10), without);
  await goes.client.record("c", UNIT, 1);
  expect(await spend(goes)).toBe("20");
  goes.clock.pass(A_PERIOD);
  expect(await spend(goes)).toBe("0");
});

test("credits of an earlier period were bought and drawn by its terms", async () => {
  const own = following(
    "next_period",
    version(0, 10, { prepaid: { amount_usd: 50, price_usd: 40 } }),
    version(0, 40, { prepaid: { amount_usd: 10, price_usd: 9 } }),
  );
  await own.client.record("c", UNIT, 30);
  own.clock.pass(A_PERIOD);
  await own.client.record("c", UNIT, 40 + 41);
  expect(await spend(own)).toBe("10"); // 30 are left of 50, and 10 are new
});

test("a period without a plan draws no credits of an earlier one", async () => {
  const own = following("next_period", version(0, 10, { prepaid: { amount_usd: 50, price_usd: 40 } }), config());
  await own.client.record("c", UNIT, 1);
  own.clock.pass(A_PERIOD);
  expect(await spend(own)).toBe("0");
  await own.client.record("c", UNIT, 12);
  expect(await spend(own)).toBe("2");
});

const REFUSED: readonly (readonly [string, Members])[] = [
  ["no object", { price_plan: [] }],
  ["a fee that is a text", { price_plan: { platform_fee_usd: "49" } }],
  ["a negative commit", { price_plan: { minimum_commit_usd: -1 } }],
  ["credits without a price", { price_plan: { prepaid: { amount_usd: 5 } } }],
  ["a policy of another kind", { price_plan: { change_policy: "at_once" } }],
  [
    "a unit that the config does not have",
    { price_plan: { unit_prices: [{ value_unit_id: "vu_x", model: "volume", tiers: VOLUME }] } },
  ],
  [
    "a pool that the config does not have",
    { price_plan: { overrides: [{ customer_id: "c", included_quantity: { x: 1 } }] } },
  ],
  ["a customer twice", { price_plan: { overrides: [{ customer_id: "c" }, { customer_id: "c" }] } }],
  ["a model of another kind", { price_plan: prices("stairstep", VOLUME) }],
  ["no tiers", { price_plan: prices("volume", []) }],
  ["tiers that end", { price_plan: prices("volume", VOLUME.slice(0, 1) as Members[]) }],
  ["tiers that do not ascend", { price_plan: prices("graduated", [VOLUME[0], VOLUME[0], VOLUME[1]] as Members[]) }],
  ["one price in two tiers", { price_plan: prices("per_unit", VOLUME) }],
  ["a package without a size", { price_plan: prices("package", [{ up_to: null, unit_price_usd: 1 }]) }],
  [
    "a size that is no whole number",
    { price_plan: prices("package", [{ up_to: null, unit_price_usd: 1 }], { package_size: Decimal.of("1.5") }) },
  ],
  ["a size of tiers", { price_plan: prices("volume", VOLUME, { package_size: 5 }) }],
];

test.each(REFUSED)("a plan with %s is refused, and says so", (_, agility) => {
  const text = exactJson(config({ rating_agility: agility }));
  expect(() => parse(Buffer.from(text))).toThrow(Malformed);
  expect(() => parse(Buffer.from(text))).toThrow(/price_plan/);
});
