// Counting: once per event, exactly, in the right period, and with what it fires.
import { expect, test } from "vitest";
import { Decimal } from "../src/decimal.js";
import { type Decider, decider } from "./support/deciders.js";
import { config, EXPORT, type Members, NOW, pool, rails, read, UNIT, unit } from "./support/documents.js";

const HARD_STOP = { pools: [pool({ overage_behavior: "hard_stop" })] };
const A_PERIOD = 30 * 86_400;

function counting(members: Members = {}, delivery: Members = {}): Decider {
  return decider({ document: read(config(members, delivery)) });
}

async function used(client: Decider["client"], name = UNIT): Promise<string> {
  return String((await client.usage("c")).units.get(name)?.used);
}

test("the same eventId counts once per unit, for as long as it is remembered", async () => {
  const { client, clock } = decider({ document: read(config()), rememberOperationsDays: 2 });
  await client.record("c", UNIT, 1, { eventId: "e" });
  expect(await client.record("c", UNIT, 1, { eventId: "e" })).toMatchObject({ duplicate: true, fired: [] });
  expect((await client.record("c", EXPORT, 1, { eventId: "e" })).duplicate).toBe(false);
  clock.pass(2 * 86_400 + 1);
  expect((await client.record("c", UNIT, 1, { eventId: "e" })).duplicate).toBe(false);
  expect(await used(client)).toBe("2");
});

test("reservations hold what they may come to, and give back what they did not", async () => {
  const { client } = counting(HARD_STOP);
  const [first, second] = [await client.reserve("c", UNIT, 6), await client.reserve("c", UNIT, 6)];
  expect([first.decision.allow, second.decision.reasonCode]).toEqual([true, "hard_stop"]);
  await client.commit(first, "2.5");
  expect(await used(client)).toBe("2.5");
  expect((await client.reserve("c", UNIT, "7.5")).decision.allow).toBe(true);
  expect((await client.check("c", UNIT, 1)).allow).toBe(false);
});

test("a commit counts once, and after its reservation lapsed too", async () => {
  const { client, clock } = counting(HARD_STOP);
  const made = await client.reserve("c", UNIT, 4, { seconds: 60 });
  clock.pass(61);
  expect((await client.check("c", UNIT, 10)).allow).toBe(true);
  expect((await client.commit(made)).duplicate).toBe(false);
  expect((await client.commit(made)).duplicate).toBe(true);
  expect(await used(client)).toBe("4");
});

test("what is released is there again, and a second release changes nothing", async () => {
  const { client } = counting(HARD_STOP);
  const made = await client.reserve("c", UNIT, 10);
  expect((await client.check("c", UNIT)).allow).toBe(false);
  await client.release(made);
  await client.release(made);
  expect((await client.check("c", UNIT, 10)).allow).toBe(true);
});

test("a commit counts in the period that it was reserved in", async () => {
  const { client, clock } = counting(HARD_STOP);
  const made = await client.reserve("c", UNIT, 4, { seconds: 2 * A_PERIOD });
  clock.pass(A_PERIOD);
  await client.commit(made);
  expect(await used(client)).toBe("0");
  expect(String((await client.usage("c", { at: NOW })).units.get(UNIT)?.used)).toBe("4");
});

test("a refusal changes nothing and is reported once per period and reason", async () => {
  const { client, clock, queue } = counting(HARD_STOP);
  await client.record("c", UNIT, 10);
  for (let again = 0; again < 3; again += 1) {
    expect((await client.reserve("c", UNIT)).decision.allow).toBe(false);
    expect((await client.check("c", UNIT)).allow).toBe(false);
  }
  clock.pass(A_PERIOD);
  expect((await client.check("c", UNIT, 11)).allow).toBe(false);
  expect(queue.bodies().map((event) => [event["event_type"], (event["context"] as Members)["reason_code"]])).toEqual([
    ["hard_cap_blocked", "hard_stop"],
    ["hard_cap_blocked", "hard_stop"],
  ]);
});

test("each threshold and the spend cap fire once in a period, with the numbers of that moment", async () => {
  const thresholds = [70, 90].map((percent) => ({ percent, action: "warn" }));
  const members = {
    rails: rails({ usage_thresholds: thresholds, monthly_spend_cap_usd: 1, at_cap_action: "throttle" }),
  };
  const { client, queue } = counting(members);
  const fired = [];
  for (let step = 0; step < 14; step += 1) {
    fired.push(...(await client.record("c", UNIT, 1)).fired.map((firing) => `${step + 1} ${firing.key}`));
  }
  expect(fired).toEqual(["7 threshold:70:warn", "9 threshold:90:warn", "12 spend_cap:throttle"]);
  expect(queue.bodies().map((event) => event["event_type"])).toEqual([
    "rail_warning_shown",
    "rail_warning_shown",
    "rail_throttle_applied",
  ]);
  expect(queue.bodies()[0]?.["context"]).toMatchObject({ percent: 70, used_quantity: 7, included_quantity: 10 });
});

test("an event is metered for every unit that it fits, and once by its id", async () => {
  const { client, warnings } = counting({
    value_units: [
      unit(),
      unit(EXPORT, 1, { aggregation: { type: "count" }, filters: { hd: true, plan: ["a", Decimal.of("2.5")] } }),
    ],
    pools: [pool(), pool({ pool_id: "pool_export", value_unit_id: EXPORT })],
  });
  const event = { event_type: "render", customer_id: "c", event_id: "e", minutes: 0.1, hd: true, plan: "2.50" };
  const recorded = await client.recordEvent(event);
  expect([...recorded.counted].map(([name, quantity]) => `${name} ${quantity}`)).toEqual([
    `${UNIT} 0.1`,
    `${EXPORT} 1`,
  ]);
  expect((await client.recordEvent(event)).duplicate).toBe(true);
  const lacking = await client.recordEvent({ ...event, event_id: "f", minutes: "many" });
  expect([...lacking.addsNothing.keys()]).toEqual([UNIT]);
  expect(warnings).toHaveLength(1);
  expect([await used(client), await used(client, EXPORT)]).toEqual(["0.1", "2"]);
});

test("a distinct value counts once in a period", async () => {
  const seats = unit(UNIT, 1, { aggregation: { type: "distinct_count", field: "user" } });
  const { client, clock } = counting({ value_units: [seats] });
  for (const user of ["ann", "bob", "ann"]) {
    await client.recordEvent({ event_type: "render", customer_id: "c", user });
  }
  expect(await used(client)).toBe("2");
  clock.pass(A_PERIOD);
  await client.recordEvent({ event_type: "render", customer_id: "c", user: "ann" });
  expect(await used(client)).toBe("1");
});

test("without a config use is counted, and judged when there is one", async () => {
  const { client, config: inForce } = decider({ document: null });
  await client.record("c", UNIT, 8);
  await expect(client.recordEvent({ event_type: "render", customer_id: "c" })).rejects.toMatchObject({
    code: "never_loaded",
  });
  inForce.put(read(config(HARD_STOP)));
  expect((await client.check("c", UNIT, 3)).allow).toBe(false);
});

test.each(["", "c\u202e", "c\n", "\ud800", "x".repeat(201)])(
  "nothing is counted for %j, which is no customer's id",
  async (id) => {
    const { client } = counting(HARD_STOP);
    await expect(client.record(id, UNIT)).rejects.toThrow(/customerId/);
    await expect(client.reserve(id, UNIT)).rejects.toThrow(/customerId/);
    await expect(client.recordEvent({ event_type: "render", customer_id: id })).rejects.toThrow(/customerId/);
    expect((await client.check(id, UNIT)).allow).toBe(true);
  },
);
