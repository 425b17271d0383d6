// Decisions: what `check` says in every situation that a config can describe.
import { expect, test } from "vitest";
import type { Decision } from "../src/decide.js";
import { Decimal } from "../src/decimal.js";
import type { State } from "../src/types.js";
import { type Decider, decider } from "./support/deciders.js";
import { config, EXPORT, type Members, pool, rails, read, UNIT, unit } from "./support/documents.js";

const STAGE_THRESHOLDS = [
  { percent: 70, action: "warn" },
  { percent: 90, action: "throttle" },
  { percent: 100, action: "block" },
];
const A_PERIOD = 30 * 86_400;

function enforcing(members: Members = {}, delivery: Members = {}): Decider {
  return decider({ document: read(config(members, delivery)) });
}

function brief({ allow, action, reasonCode, threshold }: Decision): readonly unknown[] {
  return [allow, action, reasonCode, threshold === null ? null : String(threshold)];
}

test("within the allowance everything is included", async () => {
  const { client } = enforcing();
  expect(await client.check("c", UNIT)).toEqual({
    allow: true,
    action: null,
    reasonCode: "included",
    poolId: "pool_core",
    remaining: Decimal.of(10),
    threshold: null,
    configVersionId: "cfg_1",
  });
});

test("a decision says what is left after use was recorded", async () => {
  const { client } = enforcing();
  await client.record("c", UNIT, "2.5");
  expect(String((await client.check("c", UNIT)).remaining)).toBe("7.5");
  expect(String((await client.check("somebody else", UNIT)).remaining)).toBe("10");
});

test.each([
  ["allow_overage", true, null, "overage"],
  ["throttle", true, "throttle", "overage_throttled"],
  ["hard_stop", false, "block", "hard_stop"],
])("overage behavior %s is enforced beyond the allowance", async (behavior, allow, action, reason) => {
  const { client } = enforcing({ pools: [pool({ overage_behavior: behavior })] });
  await client.record("c", UNIT, 8);
  expect((await client.check("c", UNIT, 2)).reasonCode).toBe("included");
  expect(brief(await client.check("c", UNIT, 3))).toEqual([allow, action, reason, null]);
});

test.each(["warn", "throttle", "degrade_quality"])(
  "a threshold that says %s acts from its percentage on",
  async (action) => {
    const { client } = enforcing({ rails: rails({ usage_thresholds: [{ percent: 70, action }] }) });
    await client.record("c", UNIT, 5);
    expect((await client.check("c", UNIT, 1)).action).toBeNull();
    expect(brief(await client.check("c", UNIT, 2))).toEqual([true, action, "usage_threshold", "70"]);
  },
);

test.each(["block", "require_approval"])(
  "a threshold that says %s lets its percentage be used and nothing beyond",
  async (action) => {
    const { client } = enforcing({ rails: rails({ usage_thresholds: [{ percent: 90, action }] }) });
    await client.record("c", UNIT, 8);
    expect((await client.check("c", UNIT, 1)).allow).toBe(true);
    expect(brief(await client.check("c", UNIT, 2))).toEqual([false, action, "usage_threshold", "90"]);
  },
);

test("the highest threshold reached is the one that is told", async () => {
  const { client } = enforcing({ rails: rails({ usage_thresholds: STAGE_THRESHOLDS }) });
  const told = [6, 7, 9, 10, 11].map((quantity) => brief(client.checkNow("c", UNIT, quantity)).slice(1, 4));
  expect(told.map(([action, , threshold]) => [action, threshold])).toEqual([
    [null, null],
    ["warn", "70"],
    ["throttle", "90"],
    ["throttle", "90"],
    ["block", "100"],
  ]);
});

test("the spend cap judges what would be billed, other units included", async () => {
  const { client } = enforcing({
    value_units: [unit(), unit(EXPORT, 2)],
    pools: [pool(), pool({ pool_id: "pool_export", value_unit_id: EXPORT, included_quantity: 0 })],
    rails: rails({ monthly_spend_cap_usd: 5, at_cap_action: "block" }),
  });
  await client.record("c", UNIT, 12);
  expect(brief(await client.check("c", UNIT, 3))).toEqual([true, null, "overage", null]);
  expect(brief(await client.check("c", UNIT, 4))).toEqual([false, "block", "spend_cap", null]);
  await client.record("c", EXPORT, 1);
  expect(brief(await client.check("c", UNIT, 1))).toEqual([true, null, "overage", null]);
  expect(brief(await client.check("c", UNIT, 2))).toEqual([false, "block", "spend_cap", null]);
});

test("an absolute cap holds whatever the pools have", async () => {
  const caps = [{ value_unit_id: UNIT, max_quantity: 4 }];
  const { client } = enforcing({ rails: rails({ absolute_usage_caps: caps }) });
  expect((await client.check("c", UNIT, 4)).allow).toBe(true);
  expect((await client.check("c", UNIT, 5)).reasonCode).toBe("absolute_cap");
});

test("an approval lets a customer go on until the period ends", async () => {
  const thresholds = [{ percent: 100, action: "require_approval" }];
  const { client, clock, queue } = enforcing({ rails: rails({ usage_thresholds: thresholds }) });
  await client.record("c", UNIT, 10);
  expect((await client.check("c", UNIT)).allow).toBe(false);
  await client.approve("c", UNIT, { approvedBy: "Theresa" });
  expect((await client.check("c", UNIT)).reasonCode).toBe("overage");
  clock.pass(A_PERIOD);
  await client.record("c", UNIT, 10);
  expect((await client.check("c", UNIT)).allow).toBe(false);
  expect(queue.bodies().map((event) => event["event_type"])).toEqual(["override_approved"]);
});

test("a new period begins with a full allowance", async () => {
  const { client, clock } = enforcing({ pools: [pool({ overage_behavior: "hard_stop" })] });
  await client.record("c", UNIT, 10);
  expect((await client.check("c", UNIT)).allow).toBe(false);
  clock.pass(A_PERIOD);
  expect(String((await client.check("c", UNIT)).remaining)).toBe("10");
});

test.each([0.1, -1, true, "-0.0000000000001", 1e14, Number.NaN, null, {}])(
  "%s as a quantity is refused",
  async (quantity) => {
    const { client } = enforcing();
    await client.check("c", UNIT);
    await expect(client.check("c", UNIT, quantity as number)).rejects.toThrow(/quantity/);
    await expect(client.record("c", UNIT, quantity as number)).rejects.toThrow(/quantity/);
    expect(String((await client.check("c", UNIT)).remaining)).toBe("10");
  },
);

test("the quick answer is the considered one", async () => {
  const limits = rails({ usage_thresholds: STAGE_THRESHOLDS, monthly_spend_cap_usd: 3, at_cap_action: "warn" });
  const { client } = enforcing({ rails: limits });
  for (let used = 0; used < 16; used += 1) {
    for (let quantity = 0; quantity < 16; quantity += 1) {
      const quick = await client.check("c", UNIT, quantity);
      expect(quick).toEqual(await client.check("c", UNIT, String(quantity)));
      expect(quick).toEqual(client.checkNow("c", UNIT, BigInt(quantity)));
    }
    await client.record("c", UNIT, 1);
  }
});

test.each([
  ["deny", "production", false],
  ["allow", "production", true],
  [undefined, "production", false],
  [undefined, "sandbox", true],
] as const)(
  "an unknown unit with policy %s in %s: allowed is %s, and it is said",
  async (policy, environment, allow) => {
    const document = read(config());
    const subject = { ...document.subject, targetEnvironment: environment };
    const { client, problems } = decider({ document, subject, unknownUnit: policy });
    expect(brief(await client.check("c", "vu_mistake"))).toEqual([
      allow,
      allow ? null : "block",
      "unit_not_in_config",
      null,
    ]);
    expect((await client.reserve("c", "vu_mistake")).decision.allow).toBe(allow);
    expect(problems.get("unknown_unit")).toContain("vu_mistake");
  },
);

test("an unknown unit can be an error, and its use is counted all the same", async () => {
  const { client, problems } = decider({ document: read(config()), unknownUnit: "raise" });
  await expect(client.check("c", "vu_mistake")).rejects.toMatchObject({ code: "unknown_unit" });
  expect((await client.record("c", "vu_mistake", 3)).duplicate).toBe(false);
  expect([...problems.keys()]).toEqual(["unknown_unit"]);
});

test("a unit that the config has without a pool is not governed, in production too", async () => {
  const { client, problems } = enforcing({ value_units: [unit(), unit(EXPORT)] });
  expect(brief(await client.check("c", EXPORT))).toEqual([true, null, "unit_not_in_config", null]);
  expect(problems.size).toBe(0);
});

test.each<[State, Members, string, boolean]>([
  ["stale", {}, "included", true],
  ["stale", { fail: { stale: "closed" } }, "config_stale", false],
  ["expired", {}, "included", true],
  ["expired", { on_expired: { usage_thresholds: "closed" } }, "config_expired", false],
])("a config that is %s, delivered with %j, says %s", async (state, delivery, reason, allow) => {
  const document = read(config({ rails: rails({ usage_thresholds: STAGE_THRESHOLDS }) }, delivery));
  const { client, config: inForce } = decider({ document });
  inForce.put(document, state);
  expect(await client.check("c", UNIT)).toMatchObject({ reasonCode: reason, allow });
});

test("an expired config lets no overage be billed where its spend cap fails closed", async () => {
  const document = read(config({ rails: rails({ monthly_spend_cap_usd: 5, at_cap_action: "block" }) }));
  const { client, config: inForce } = decider({ document });
  inForce.put(document, "expired");
  expect((await client.check("c", UNIT, 10)).allow).toBe(true);
  expect(await client.check("c", UNIT, 11)).toMatchObject({ reasonCode: "config_expired", allow: false });
});
