// Two writes are one: what is counted here is sent to AVS Brain as a usage event too, once, and means the same there.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Client, type ClientOptions, Decimal, FileCounters } from "../src/index.js";
import { Brain } from "./brain.js";
import { SUBJECT, UNIT, document, pool, unit } from "./documents.js";

const FILTERED = unit(UNIT, {
  event_mapping: {
    event_type: "render",
    filters: { hd: true, plan: "pro" },
    aggregation: { type: "sum", field: "minutes", minus: "credit" },
  },
});
const COUNTED = unit("vu_export", { event_mapping: { event_type: "export", aggregation: { type: "count" } } });
const BOTH = {
  value_units: [FILTERED, COUNTED],
  pools: [pool(), pool({ pool_id: "pool_export", value_unit_id: "vu_export" })],
};

let brain: Brain;
let folder: string;
let opened: Client[] = [];

beforeEach(async () => {
  brain = await Brain.started();
  brain.activate(document("cfg_1", BOTH));
  folder = mkdtempSync(join(tmpdir(), "avs-usage-"));
});

afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  opened = [];
  await brain.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function client(options: Partial<ClientOptions> = {}): Promise<Client> {
  const fixed = { baseUrl: brain.url, mode: "manual", directory: folder, log: () => undefined } as const;
  const made = new Client({ ...SUBJECT, ...fixed, ...options });
  opened.push(made);
  await made.refresh();
  return made;
}

test("a record is one usage event that counts the same by the unit's mapping", async () => {
  const own = await client({ sendUsage: true });
  await own.record("c", UNIT, "2.5", { eventId: "one", at: "2026-01-15T10:00:00.000001Z" });
  await own.record("c", UNIT, "2.5", { eventId: "one", at: "2026-01-15T10:00:00.000001Z" });
  expect(own.status.eventsWaiting).toBe(1);
  expect(await own.flush()).toBe(1);
  expect([...brain.usage.values()]).toMatchObject([
    { event_type: "render", customer_id: "c", hd: true, plan: "pro", minutes: 2.5, ts: "2026-01-15T10:00:00.000001Z" },
  ]);
  const [sent] = [...brain.usage.values()];
  expect(sent).toMatchObject({ workspace_id: "ws_1", segment: "smb" });
  expect(String(sent?.["event_id"])).toMatch(/^use_[0-9a-f]{32}$/);
});

test("a commit and an event of the app are sent, too, under one id each", async () => {
  const own = await client();
  const made = await own.reserve("c", "vu_export");
  await own.commit(made, 1, { sendUsage: true });
  await own.commit(made, 1, { sendUsage: true });
  const event = { event_type: "render", customer_id: "c", event_id: "app-1", hd: true, plan: "pro", minutes: 0.1 };
  await own.recordEvent(event, { sendUsage: true });
  await own.recordEvent(event, { sendUsage: true });
  await own.record("c", "vu_export");
  expect(await own.flush()).toBe(2);
  expect([...brain.usage.values()].map((sent) => sent["event_type"])).toEqual(["export", "render"]);
  expect(brain.usage.get("app-1")).toMatchObject({ minutes: 0.1 });
});

test.each([
  [UNIT, 1, { dimensions: { minutes: 2 } }, /count 2 of vu_minute from this event, not 1/],
  [UNIT, 1, { dimensions: { plan: "free" } }, /count 0 of vu_minute/],
  ["vu_export", 2, {}, /one event is 1, not 2/],
  ["vu_mistake", 1, {}, /eventType is missing/],
])("use of %s (%s) that AVS Brain would count otherwise is refused (%j)", async (name, quantity, more, problem) => {
  const own = await client({ unknownUnit: "allow" });
  await expect(own.record("c", name, quantity, { sendUsage: true, ...more })).rejects.toThrow(problem);
  expect((await own.usage("c")).units.get(UNIT)?.used).toEqual(Decimal.of(0));
  expect(own.status.eventsWaiting).toBe(0);
});

test("what describes an event that is not sent is a mistake", async () => {
  const own = await client();
  await expect(own.record("c", UNIT, 1, { dimensions: { plan: "pro" } })).rejects.toThrow(/pass sendUsage/);
});

test("usage events wait on disk while AVS Brain is away, and an event that it rejects holds up no other", async () => {
  const counters = new FileCounters(join(folder, "counters"));
  const own = await client({ sendUsage: true, counters });
  await own.record("c", "vu_export", 1, { eventId: "a" });
  await brain.stop();
  await own.close();
  await brain.start();
  brain.rejectsUsage = (event) => event["customer_id"] === "bad";
  const again = await client({ sendUsage: true, counters });
  await again.record("bad", "vu_export", 1, { eventId: "b" });
  await again.record("c", "vu_export", 1, { eventId: "c" });
  expect(await again.flush()).toBe(2);
  expect([again.status.eventsWaiting, again.status.eventsRefused]).toEqual([0, 1]);
  expect([...brain.usage.values()].map((sent) => sent["customer_id"])).toEqual(["c", "c"]);
});
