/** A whole client beside a running AVS Brain: it follows, decides, counts, reports, and goes on alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Client, type ClientOptions } from "../src/index.js";
import { Brain } from "./brain.js";
import { document, SUBJECT, UNIT } from "./documents.js";

const WARN_AT_70 = { rails: { usage_thresholds: [{ percent: 70, action: "warn" }] } };

let brain: Brain;
let folder: string;

beforeEach(async () => {
  brain = await Brain.started();
  folder = mkdtempSync(join(tmpdir(), "avs-client-"));
});

afterEach(async () => {
  await brain.stop();
  rmSync(folder, { recursive: true, force: true });
});

function client(options: Partial<ClientOptions> = {}): Client {
  return new Client({
    baseUrl: brain.url,
    ...SUBJECT,
    directory: folder,
    mode: "manual",
    log: () => undefined,
    ...options,
  });
}

test("a client decides by what is active, and what it fires arrives at AVS Brain once", async () => {
  brain.activate(document("cfg_1", WARN_AT_70));
  const own = client();
  await own.refresh();
  expect(await own.check("c", UNIT, 6)).toMatchObject({
    allow: true,
    reasonCode: "included",
    configVersionId: "cfg_1",
  });
  const { fired } = await own.record("c", UNIT, 7, { eventId: "one" });
  expect((await own.record("c", UNIT, 7, { eventId: "one" })).duplicate).toBe(true);
  expect(fired.map((firing) => firing.eventType)).toEqual(["rail_warning_shown"]);
  expect(own.status).toMatchObject({ state: "fresh", eventsWaiting: 1, eventsRefused: 0, problem: null });
  expect(await own.flush()).toBe(1);
  expect([...brain.events.values()]).toMatchObject([{ event_type: "rail_warning_shown", customer_id: "c" }]);
  await own.close();
});

test("a client that is started again goes on without AVS Brain", async () => {
  brain.activate(document());
  const first = client({ keys: brain.jwks });
  await first.refresh();
  await first.close();
  await brain.stop();
  const again = client({ keys: brain.jwks });
  expect((await again.check("c", UNIT)).configVersionId).toBe("cfg_1");
  expect(again.status.sequence).toBe(1);
  await again.close();
  await brain.start();
});

test.each([
  ["open", true],
  ["closed", false],
] as const)("before the first config a client that fails %s says whether to go on", async (withoutConfig, allow) => {
  const own = client({ withoutConfig });
  expect(await own.check("c", UNIT)).toMatchObject({ allow, reasonCode: "never_loaded", configVersionId: null });
  await expect(own.usage("c")).rejects.toThrow("no config yet");
  await own.close();
});
