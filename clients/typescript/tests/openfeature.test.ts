/** OpenFeature by its convention: a provider that is ready when there is a config, and says what becomes of it. */
import { OpenFeature, ProviderEvents, StandardResolutionReasons } from "@openfeature/server-sdk";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Client, type ClientOptions } from "../src/index.js";
import { AvsProvider } from "../src/openfeature.js";
import { Brain } from "./brain.js";
import { document, pool, SUBJECT, UNIT } from "./documents.js";
import { eventually } from "./waiting.js";

const CONTEXT = { targetingKey: "cust_1" };
const FLAG = `unit.${UNIT}`;

let brain: Brain;

beforeEach(async () => {
  brain = await Brain.started();
});

afterEach(async () => {
  await OpenFeature.close();
  OpenFeature.clearHandlers();
  await brain.stop();
});

function provider(readySeconds = 20, options: Partial<ClientOptions> = {}): AvsProvider {
  const client = new Client({
    baseUrl: brain.url,
    ...SUBJECT,
    mode: "poll",
    pollSeconds: 0.05,
    flushSeconds: 0.05,
    log: () => undefined,
    ...options,
  });
  return new AvsProvider(client, { readySeconds });
}

function limited(included = 10): void {
  const rails = {
    usage_thresholds: [{ percent: 50, action: "warn" }],
    monthly_spend_cap_usd: 5,
    at_cap_action: "block",
  };
  brain.activate(document("cfg_1", { pools: [pool({ included_quantity: included })], rails }));
}

test("a flag of a unit is its decision, in every type, with what it was decided by", async () => {
  limited();
  await OpenFeature.setProviderAndWait(provider());
  const flags = OpenFeature.getClient();
  expect(await flags.getBooleanDetails(FLAG, false, CONTEXT)).toMatchObject({
    value: true,
    variant: "none",
    reason: StandardResolutionReasons.TARGETING_MATCH,
    flagMetadata: { reason_code: "included", remaining: "10", config_version_id: "cfg_1" },
  });
  expect(await flags.getStringValue(FLAG, "", { ...CONTEXT, quantity: 6 })).toBe("warn");
  expect(await flags.getNumberValue(FLAG, 0, CONTEXT)).toBe(10);
  expect(await flags.getObjectValue(FLAG, {}, { ...CONTEXT, quantity: 16 })).toMatchObject({
    allow: false,
    action: "block",
    reason_code: "spend_cap",
  });
  expect(await flags.getStringValue("pool.pool_core", "", CONTEXT)).toBe("open");
  expect(await flags.getNumberValue("rail.monthly_spend_cap_usd", 0, CONTEXT)).toBe(5);
});

test.each([
  ["unit.vu_other", CONTEXT, "FLAG_NOT_FOUND"],
  ["pool.other", CONTEXT, "FLAG_NOT_FOUND"],
  ["rail.other", CONTEXT, "FLAG_NOT_FOUND"],
  ["unit", CONTEXT, "FLAG_NOT_FOUND"],
  [FLAG, {}, "TARGETING_KEY_MISSING"],
  [FLAG, { ...CONTEXT, quantity: 0.5 }, "INVALID_CONTEXT"],
])("the default holds for %s with %o", async (flag, context, errorCode) => {
  limited();
  await OpenFeature.setProviderAndWait(provider());
  const details = await OpenFeature.getClient().getBooleanDetails(flag, true, context);
  expect(details).toMatchObject({ value: true, errorCode, reason: StandardResolutionReasons.ERROR });
});

test("defaults hold before the first config, and the provider is ready when it comes", async () => {
  const told: string[] = [];
  OpenFeature.addHandler(ProviderEvents.Error, () => told.push("error"));
  OpenFeature.addHandler(ProviderEvents.Ready, () => told.push("ready"));
  await expect(OpenFeature.setProviderAndWait(provider(0.05))).rejects.toThrow("no config");
  const flags = OpenFeature.getClient();
  expect(await flags.getBooleanDetails(FLAG, true, CONTEXT)).toMatchObject({
    value: true,
    errorCode: "PROVIDER_NOT_READY",
  });
  limited();
  await eventually(() => told.includes("error") && told.at(-1) === "ready");
  expect(await flags.getBooleanValue(FLAG, false, CONTEXT)).toBe(true);
});

test("another version, a stale config, an expired one and a fresh one are told", async () => {
  brain.activate(document("cfg_1", { delivery: { sequence: 1, max_staleness_seconds: 1 } }));
  const told: string[] = [];
  const changed: unknown[] = [];
  await OpenFeature.setProviderAndWait(provider());
  OpenFeature.addHandler(ProviderEvents.Stale, () => told.push("stale"));
  OpenFeature.addHandler(ProviderEvents.Error, () => told.push("error"));
  OpenFeature.addHandler(ProviderEvents.Ready, () => told.push("ready"));
  OpenFeature.addHandler(ProviderEvents.ConfigurationChanged, (details) => changed.push(details?.flagsChanged));
  brain.activate(document("cfg_2", { delivery: { sequence: 2, max_staleness_seconds: 1 } }));
  await eventually(() => changed.length === 1);
  expect(changed[0]).toContain(FLAG);
  await brain.stop();
  await eventually(() => told.includes("error"));
  await brain.start();
  await eventually(() => told.at(-1) === "ready");
  expect(told.filter((one) => one !== "ready").slice(0, 2)).toEqual(["stale", "error"]);
});

test("what is tracked is counted: a unit by its id once, and usage events by their mapping", async () => {
  limited();
  await OpenFeature.setProviderAndWait(provider());
  const flags = OpenFeature.getClient();
  flags.track(FLAG, CONTEXT, { value: 2.5, event_id: "one" });
  flags.track(FLAG, CONTEXT, { value: 2.5, event_id: "one" });
  flags.track("render", CONTEXT, { minutes: 3 });
  await eventually(async () => (await flags.getNumberValue(FLAG, 0, CONTEXT)) === 4.5);
});
