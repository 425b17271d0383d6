/** Apps in processes of their own: they end, they are killed, they share counters and a folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Client, type ClientOptions } from "../src/client.js";
import { FileCounters } from "../src/counters/file.js";
import { start } from "./apps.js";
import { Brain } from "./brain.js";
import { SUBJECT, UNIT, document, pool } from "./documents.js";
import { eventually } from "./waiting.js";

let brain: Brain;
let folder: string;
let opened: Client[] = [];

beforeEach(async () => {
  brain = await Brain.started();
  folder = mkdtempSync(join(tmpdir(), "avs-client-"));
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  await brain.stop();
  rmSync(folder, { recursive: true, force: true });
});

function connect(options: Partial<ClientOptions> = {}): Client {
  const client = new Client({ baseUrl: brain.url, ...SUBJECT, flushSeconds: 0.05, log: () => undefined, ...options });
  opened.push(client);
  return client;
}

function capped(most: number): void {
  const cap = { value_unit_id: UNIT, max_quantity: most, action: "block" };
  const rails = { usage_thresholds: [{ percent: 50, action: "warn" }], absolute_usage_caps: [cap] };
  brain.activate(document("cfg_1", { pools: [pool({ included_quantity: most })], rails }));
}

test("whoever listens is told of another version and of another state", async () => {
  capped(10);
  const client = connect();
  const told: (string | null)[] = [];
  client.onChange((status) => told.push(status.configVersionId));
  client.onChange(() => {
    throw new Error("a listener that fails stops nobody");
  });
  client.start();
  await client.waitUntilLoaded(20);
  brain.activate(document("cfg_2", { delivery: { sequence: 2 } }));
  await eventually(() => told.at(-1) === "cfg_2");
  expect(told).toEqual(["cfg_1", "cfg_2"]);
});

test("an app that ends without a word has sent its events, and does not hang", async () => {
  capped(10);
  const app = start(
    folder,
    `
    const client = new Client({ baseUrl: ARGUMENTS[0], ...SUBJECT, flushSeconds: 3600 }).start();
    await client.waitUntilLoaded(20);
    await client.record("c", "vu_minute", 9);
    say("counted");
    `,
    brain.url,
  );
  expect(await app.ended).toBe(0);
  expect(app.lines()).toEqual(["counted"]);
  expect([...brain.events.values()].map(({ event_type: type }) => type)).toEqual(["rail_warning_shown"]);
});

test("an app that ends with AVS Brain down leaves its events to the next one", async () => {
  capped(10);
  const script = `
    const [baseUrl, directory, quantity] = ARGUMENTS;
    const client = new Client({ baseUrl, ...SUBJECT, directory, log: () => undefined });
    await client.waitUntilLoaded(20);
    await client.record("c", "vu_minute", quantity);
    client.start();
    say(client.status.state);
  `;
  await connect({ directory: folder, mode: "manual" }).refresh();
  await brain.stop();
  const first = start(folder, script, brain.url, folder, 9);
  expect(await first.ended).toBe(0);
  await brain.start();
  const second = start(folder, script, brain.url, folder, 0);
  expect(await second.ended).toBe(0);
  expect(brain.events.size).toBe(1);
});

test("processes that share a file never overshoot a cap", async () => {
  capped(100);
  const script = `
    const [baseUrl, path] = ARGUMENTS;
    const client = new Client({ baseUrl, ...SUBJECT, counters: new FileCounters(path), mode: "manual" });
    await client.refresh();
    for (let misses = 0; misses < 3;) {
      const made = await client.reserve("c", "vu_minute", 1);
      if (!made.decision.allow) { misses += 1; continue; }
      await client.commit(made);
      say("done");
    }
    await client.close();
  `;
  const apps = [0, 1, 2].map(() => start(folder, script, brain.url, join(folder, "counters")));
  expect(await Promise.all(apps.map((app) => app.ended))).toEqual([0, 0, 0]);
  expect(apps.flatMap((app) => app.lines())).toHaveLength(100);
  const client = connect({ counters: new FileCounters(join(folder, "counters")), mode: "manual" });
  await client.refresh();
  expect(String((await client.usage("c")).units.get(UNIT)?.used)).toBe("100");
});

const COUNTING = `
  const [baseUrl, path, directory, from] = ARGUMENTS;
  const client = new Client({ baseUrl, ...SUBJECT, directory, counters: new FileCounters(path), flushSeconds: 0.01 });
  client.start();
  await client.waitUntilLoaded(20);
  for (let at = from; ; at += 1) {
    await client.record("c" + (at % 7), "vu_minute", 85000, { eventId: "e" + at });
    say(at);
    await new Promise(setImmediate);
  }
`;

/** The numbers that an app said it had counted before it was killed. */
async function killedWhileCounting(counters: string, from: number, leastLines: number): Promise<readonly number[]> {
  const app = start(folder, COUNTING, brain.url, counters, folder, from);
  await eventually(() => app.lines().length > leastLines);
  app.process.kill("SIGKILL");
  await app.ended;
  return app.lines().map(Number);
}

test("20 kills in the middle of counting: each event id counts once, each event arrives once", async () => {
  capped(1_000_000);
  const counters = join(folder, "counters");
  let last = 0;
  for (let round = 0; round < 20; round += 1) {
    const from = Math.max(last - 1, 0); // once more what may be counted, and one that is
    last = Math.max(last, ...(await killedWhileCounting(counters, from, round)));
  }
  const client = connect({ counters: new FileCounters(counters), directory: folder, mode: "manual" });
  await client.refresh();
  await client.flush();
  const customers = [0, 1, 2, 3, 4, 5, 6].map((at) => client.usage(`c${at}`));
  const used = (await Promise.all(customers)).map(({ units }) => Number(units.get(UNIT)?.used ?? 0) / 85_000);
  const counted = used.reduce((sum, times) => sum + times, 0);
  expect([last + 1, last + 2]).toContain(counted); // one more where the last died before it said so
  const sequences = [...brain.events.values()].map(({ sequence }) => Number(sequence));
  expect(sequences.sort((one, other) => one - other)).toEqual(sequences.map((_, at) => at + 1));
  expect(brain.events.size).toBe(used.filter((times) => times * 85_000 >= 500_000).length);
});
