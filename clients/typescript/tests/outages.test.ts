/** Counters that fail: decisions go by what was seen last, then as the document says, and what is recorded is kept. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Client, type ClientOptions, FileCounters } from "../src/index.js";
import { startUnder } from "./apps.js";
import { Brain } from "./brain.js";
import { document, pool, SUBJECT, UNIT } from "./documents.js";
import { eventually } from "./waiting.js";

let brain: Brain;
let folder: string;
let clients: Client[] = [];

beforeEach(async () => {
  brain = await Brain.started();
  folder = mkdtempSync(join(tmpdir(), "avs-outages-"));
  clients = [];
});

afterEach(async () => {
  mend();
  await Promise.all(clients.map((client) => client.close()));
  await brain.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The counters' folder is gone, and something stands where it was. */
function spoil(): void {
  rmSync(join(folder, "counters"), { recursive: true, force: true });
  writeFileSync(join(folder, "counters"), "");
}

function mend(): void {
  rmSync(join(folder, "counters"), { recursive: true, force: true });
}

async function connect(options: Partial<ClientOptions> = {}): Promise<Client> {
  const client = new Client({
    baseUrl: brain.url,
    ...SUBJECT,
    mode: "manual",
    directory: folder,
    counters: new FileCounters(join(folder, "counters", "all")),
    log: () => undefined,
    ...options,
  });
  clients.push(client);
  await client.refresh();
  return client;
}

function limited(fails: Record<string, string> = {}): void {
  const pools = [pool({ included_quantity: 10, overage_behavior: "hard_stop" })];
  brain.activate(document("cfg_1", { pools, delivery: { on_counters_unavailable: fails } }));
}

async function used(client: Client): Promise<string> {
  return String((await client.usage("c")).units.get(UNIT)?.used);
}

test("what was seen last, and what was done since, decides while the counters are away", async () => {
  limited();
  const client = await connect();
  await client.record("c", UNIT, 7);
  spoil();
  expect(await client.record("c", UNIT, 2, { eventId: "one" })).toMatchObject({ kept: true, fired: [] });
  expect(await client.record("c", UNIT, 2, { eventId: "one" })).toMatchObject({ duplicate: true, kept: false });
  expect(await client.check("c", UNIT, 1)).toMatchObject({ allow: true, reasonCode: "included" });
  expect(await client.check("c", UNIT, 2)).toMatchObject({ allow: false, reasonCode: "hard_stop" });
  expect((await client.reserve("c", UNIT, 2)).decision.allow).toBe(false);
  expect(client.status.counters).toMatchObject({ state: "snapshot", kept: 1, keptInMemory: 0 });
  expect(client.status.problems.map(({ code }) => code)).toEqual(["counters_unavailable"]);
});

test.each([
  ["closed", false],
  ["open", true],
])("a rail that fails %s decides where nothing was seen lately", async (hard_stop, allow) => {
  limited({ hard_stop });
  const client = await connect({ snapshotSeconds: 0 });
  await client.record("c", UNIT, 1);
  spoil();
  await client.record("c", UNIT, 1);
  expect(await client.check("c", UNIT, 1)).toMatchObject({ allow, reasonCode: "counters_unavailable" });
  expect((await client.reserve("c", UNIT, 1)).decision).toMatchObject({ allow, reasonCode: "counters_unavailable" });
  expect(client.status.counters.state).toBe("unavailable");
});

test("what was kept is counted once when the counters are back, commits and releases too", async () => {
  limited();
  const client = await connect();
  const committed = await client.reserve("c", UNIT, 3);
  const released = await client.reserve("c", UNIT, 3);
  spoil();
  await client.record("c", UNIT, 1);
  await client.commit(committed, 2);
  await client.commit(committed, 2);
  await client.release(released);
  expect(client.status.counters.kept).toBe(3);
  mend();
  await eventually(() => client.status.counters.state === "ok");
  expect(client.status.counters.kept).toBe(0);
  expect(client.status.problems).toEqual([]);
  expect(await used(client)).toBe("3");
  expect((await client.check("c", UNIT, 7)).allow).toBe(true);
});

test("what a process kept before its end is counted by the next one", async () => {
  limited();
  const first = await connect();
  spoil();
  await first.record("c", UNIT, 4);
  await first.close();
  mend();
  const second = await connect();
  await second.flush();
  expect(await used(second)).toBe("4");
  expect(second.status.counters.kept).toBe(0);
});

test("a folder that counters cannot be made in is said by the status and in one line, and the app goes on", async () => {
  spoil(); // not by rights: they say nothing to root
  limited();
  const lines: string[] = [];
  const client = await connect({ log: (level, message) => level !== "info" && lines.push(message) });
  expect(await client.check("c", UNIT, 1)).toMatchObject({ allow: false, reasonCode: "counters_unavailable" });
  for (let at = 0; at < 5; at += 1) {
    expect((await client.record("c", UNIT, 1)).kept).toBe(true);
    await client.check("c", UNIT, 1);
  }
  expect(client.status.counters).toMatchObject({ state: "snapshot", kept: 5, keptInMemory: 0 });
  expect(client.status.problems.map(({ code }) => code)).toEqual(["counters_unavailable"]);
  expect(lines.filter((line) => line.includes("counters"))).toHaveLength(1);
  mend();
  await eventually(() => client.status.counters.state === "ok");
  expect(await used(client)).toBe("5");
});

const FULL_DISK = `
  const [baseUrl, directory, path] = ARGUMENTS;
  const lines = [];
  const log = (level, message) => level !== "info" && lines.push(message);
  const client = new Client({ baseUrl, ...SUBJECT, mode: "manual", directory, counters: new FileCounters(path), log });
  await client.refresh();
  let counted = 0;
  while (counted < 5000 && !(await client.record("customer_" + counted, "vu_minute", 1)).kept) counted += 1;
  for (let at = 0; at < 5; at += 1) await client.record("customer_0", "vu_minute", 1);
  const { allow } = await client.check("customer_0", "vu_minute", 1);
  const { counters, problems } = client.status;
  say(JSON.stringify([allow, counters.state, counters.kept, problems.map(({ code }) => code), lines.length]));
`;

test("a full disk is said by the status and in one line, and what it does not take is counted by the next app", async () => {
  limited();
  const path = join(folder, "counters", "all");
  const app = startUnder({ mostKib: 64 }, folder, FULL_DISK, brain.url, folder, path);
  expect(await app.ended).toBe(0);
  expect(app.lines().map((line) => JSON.parse(line))).toEqual([[true, "snapshot", 6, ["counters_unavailable"], 1]]);
  const client = await connect();
  await client.flush();
  expect(String((await client.usage("customer_0")).units.get(UNIT)?.used)).toBe("6");
});
