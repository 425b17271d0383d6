/** A config comes by every way there is, is believed only when it is genuine, and stays when AVS Brain is gone. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Delivery, type DeliveryOptions } from "../src/delivery.js";
import type { Mode } from "../src/follow.js";
import { PeriodSetting } from "../src/periods.js";
import { compiled } from "../src/plan.js";
import { Brain, Key } from "./brain.js";
import { SUBJECT, document } from "./documents.js";
import { Location } from "./published.js";
import { eventually } from "./waiting.js";

const MODES: readonly Mode[] = ["poll", "longpoll", "stream"];

let brain: Brain;
let folder: string;
let opened: Delivery[] = [];

beforeEach(async () => {
  brain = await Brain.started();
  folder = mkdtempSync(join(tmpdir(), "avs-delivery-"));
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  await brain.stop();
  rmSync(folder, { recursive: true, force: true });
});

function delivery(options: Partial<DeliveryOptions> = {}): Delivery {
  const made = new Delivery(
    { baseUrl: brain.url, ...SUBJECT, pollSeconds: 0.05, flushSeconds: 0.05, log: () => undefined, ...options },
    { compile: (given) => compiled(given, new PeriodSetting()), beforeSend: async () => undefined },
  );
  opened.push(made);
  return made;
}

function activate(number: number, more: Parameters<typeof document>[1] = {}): void {
  brain.activate(document(`cfg_${number}`, { delivery: { sequence: number }, ...more }));
}

function version(of: Delivery): string | undefined {
  return of.config.current().plan?.configVersionId;
}

function codes(of: Delivery): readonly string[] {
  return of.problems.listed().map((problem) => problem.code);
}

test.each(MODES)("a new version arrives by itself by %s", async (mode) => {
  activate(1);
  const client = delivery({ mode });
  client.start();
  expect(await client.waitUntilLoaded(20)).toBe(true);
  expect(version(client)).toBe("cfg_1");
  activate(2);
  await eventually(() => version(client) === "cfg_2");
  expect(client.state).toBe("fresh");
});

test.each(MODES)("a client that starts first by %s waits for AVS Brain, and says so", async (mode) => {
  await brain.stop();
  const client = delivery({ mode });
  client.start();
  expect(await client.waitUntilLoaded(0.1)).toBe(false);
  await eventually(() => codes(client).includes("unreachable"));
  expect(codes(client)).toContain("never_loaded");
  activate(1);
  await brain.start();
  expect(await client.waitUntilLoaded(20)).toBe(true);
  await eventually(() => codes(client).length === 0);
});

test.each(MODES)("a server that dies and returns is followed by %s again", async (mode) => {
  activate(1);
  const clients = [delivery({ mode }), delivery({ mode })];
  for (const client of clients) {
    client.start();
    await client.waitUntilLoaded(20);
  }
  await brain.stop();
  activate(2);
  expect(clients.map(version)).toEqual(["cfg_1", "cfg_1"]);
  await brain.start();
  await eventually(() => clients.every((client) => version(client) === "cfg_2"));
});

test("streams that end at once are polled instead", async () => {
  activate(1);
  brain.holdsStreams = false;
  const client = delivery({ mode: "stream" });
  client.start();
  await client.waitUntilLoaded(20);
  activate(2);
  await eventually(() => version(client) === "cfg_2");
});

test.each([
  ["altered bytes", (body: Buffer) => Buffer.concat([body, Buffer.from(" ")])],
  ["truncated bytes", (body: Buffer) => body.subarray(0, -5)],
])("%s are refused and what is held stays in force", async (_, spoiled) => {
  activate(1);
  const client = delivery({ mode: "stream" });
  client.start();
  await client.waitUntilLoaded(20);
  brain.spoil = (answer) => ({ ...answer, body: spoiled(answer.body) });
  activate(2);
  await eventually(() => codes(client).includes("config_refused"));
  expect(version(client)).toBe("cfg_1");
  brain.spoil = (answer) => answer;
  await eventually(() => version(client) === "cfg_2");
});

test("a key that is not pinned, an older version and another subject are refused by their names", async () => {
  activate(2);
  const client = delivery({ mode: "manual", keys: brain.jwks });
  await client.refresh();
  brain.key = new Key("key-2");
  activate(3);
  await expect(client.refresh()).rejects.toMatchObject({ code: "unknown_key" });
  [brain.key] = brain.published as [Key];
  activate(1);
  await expect(client.refresh()).rejects.toMatchObject({ code: "replayed" });
  const subject = { workspace_id: "ws_2", segment: "smb", stage: "learning", target_environment: "production" };
  activate(4, { subject_resolution: subject });
  await expect(client.refresh()).rejects.toMatchObject({ code: "malformed" });
  expect(version(client)).toBe("cfg_2");
});

test("a key that the server publishes anew is asked for once, with no restart", async () => {
  activate(1);
  const client = delivery({ mode: "manual" });
  await client.refresh();
  brain.key = new Key("key-2");
  brain.published = [...brain.published, brain.key];
  activate(2);
  await client.refresh();
  expect(version(client)).toBe("cfg_2");
  expect(brain.asked.filter((path) => path === "/api/runtime/keys")).toHaveLength(2);
});

test("pinned keys are the only ones that count", async () => {
  const pinned = brain.jwks;
  brain.key = new Key("key-2");
  brain.published = [...brain.published, brain.key];
  activate(1);
  await expect(delivery({ mode: "manual", keys: pinned }).refresh()).rejects.toMatchObject({ code: "unknown_key" });
  expect(brain.asked).not.toContain("/api/runtime/keys");
});

function pin(file: string, ...keys: readonly Key[]): void {
  writeFileSync(file, JSON.stringify({ keys: keys.map((key) => key.jwk()) }));
}

test.each([
  ["a path", (path: string) => path],
  ["a file URL", (path: string) => pathToFileURL(path)],
])("pinned keys in a file, given as %s, are those that it has when a document comes", async (_, named) => {
  const file = join(folder, "avs-keys.json");
  const old = brain.key;
  pin(file, old);
  const client = delivery({ mode: "manual", keys: named(file), directory: join(folder, "avs") });
  activate(1);
  await client.refresh();
  brain.key = new Key("key-2");
  brain.published = [old, brain.key];
  activate(2);
  await expect(client.refresh()).rejects.toMatchObject({ code: "unknown_key" });
  expect(version(client)).toBe("cfg_1");
  pin(file, old, brain.key);
  await client.refresh();
  expect(version(client)).toBe("cfg_2");
  expect(brain.asked).not.toContain("/api/runtime/keys");
});

test("a file of pinned keys that is half written leaves them as they were; a key that it lost counts no more", async () => {
  const file = join(folder, "avs-keys.json");
  pin(file, brain.key);
  const client = delivery({ mode: "manual", keys: file });
  writeFileSync(file, "half a fi");
  activate(1);
  await client.refresh();
  expect(version(client)).toBe("cfg_1");
  pin(file, new Key("key-2"));
  activate(2);
  await expect(client.refresh()).rejects.toMatchObject({ code: "unknown_key" });
  expect(version(client)).toBe("cfg_1");
});

test.each([
  ["that is not there", null, /nowhere\.json cannot be read/],
  ["of half a text", "{", /nowhere\.json cannot be read/],
  ["with no key set", "[]", /nowhere\.json is no JSON Web Key Set/],
  ["without keys", "{}", /holds no Ed25519 signing key/],
])("a file of pinned keys %s is an error at once", (_, content, problem) => {
  const keys = join(folder, "nowhere.json");
  if (content !== null) {
    writeFileSync(keys, content);
  }
  expect(() => delivery({ keys })).toThrow(problem);
});

test("keys that nothing vouches for are refused before anything is asked", () => {
  expect(() => delivery({ baseUrl: "http://avs.example.com" })).toThrow(/not https/);
  expect(() => delivery({ published: "ftp://example.com" })).toThrow(/published is/);
  expect(() => delivery({ mode: "often" as Mode })).toThrow(/allowed are/);
});

test("a wrong token is said by its name", async () => {
  brain.token = "right";
  activate(1);
  const client = delivery({ token: "wrong", mode: "poll" });
  client.start();
  await eventually(() => codes(client).includes("token_refused"));
  const other = delivery({ token: "right", mode: "manual" });
  await other.refresh();
  expect(version(other)).toBe("cfg_1");
});

test("a process that starts with AVS Brain down goes on from disk", async () => {
  activate(1);
  const first = delivery({ mode: "manual", directory: folder });
  await first.refresh();
  await brain.stop();
  const second = delivery({ mode: "manual", directory: folder });
  expect(version(second)).toBe("cfg_1");
  expect(await second.waitUntilLoaded()).toBe(true);
  await expect(second.refresh()).rejects.toMatchObject({ code: "unreachable" });
});

test.each([
  ["no JSON", () => "{"],
  ["wrong types", (text: string) => JSON.stringify({ ...JSON.parse(text), order: ["1", null] })],
  ["an altered body", (text: string) => JSON.stringify({ ...JSON.parse(text), body: "e30=" })],
  ["nothing at all", () => ""],
  ["a list", () => "[1, 2]"],
])("a file on disk with %s is set aside, and said", async (_, spoiled) => {
  activate(1);
  await delivery({ mode: "manual", directory: folder }).refresh();
  const path = join(folder, readdirSync(folder).find((name) => name.endsWith("config.json")) ?? "");
  writeFileSync(path, spoiled(readFileSync(path, "utf8")));
  const client = delivery({ mode: "manual", directory: folder });
  expect(client.state).toBe("never_loaded");
  expect(codes(client)).toEqual(["cache_damaged"]);
  expect(readdirSync(folder).some((name) => name.includes("config.json.damaged"))).toBe(true);
  await client.refresh();
  expect(version(delivery({ mode: "manual", directory: folder }))).toBe("cfg_1");
});

test("an older copy on disk does not take the place of a newer one", async () => {
  activate(1);
  const one = delivery({ mode: "manual", directory: folder });
  const two = delivery({ mode: "manual", directory: folder });
  await one.refresh();
  activate(2);
  await two.refresh();
  one.config.confirm();
  expect(version(delivery({ mode: "manual", directory: folder }))).toBe("cfg_2");
});

test("a folder that cannot be written is said, and nothing stops", async () => {
  writeFileSync(join(folder, "file"), "");
  activate(1);
  const client = delivery({ mode: "manual", directory: join(folder, "file", "below") });
  await client.refresh();
  expect(version(client)).toBe("cfg_1");
  expect(codes(client)).toEqual(["queue_in_memory", "cache_not_written"]);
});

test("an unconfirmed config turns stale, then expired", async () => {
  activate(1, { delivery: { sequence: 1, max_staleness_seconds: 1 } });
  const client = delivery({ mode: "poll" });
  client.start();
  await client.waitUntilLoaded(20);
  expect(client.state).toBe("fresh");
  await brain.stop();
  const states = new Set<string>();
  await eventually(() => states.add(client.state).has("expired"));
  expect([...states]).toEqual(["fresh", "stale", "expired"]);
});

test.each([
  ["a folder", (path: string) => path],
  ["a file URL", (path: string) => pathToFileURL(path).href],
])("what is published in %s is followed with no AVS Brain", async (_, location) => {
  const published = new Location(folder, brain.key);
  published.publish(1);
  const client = new Delivery(
    { published: location(folder), ...SUBJECT, pollSeconds: 0.05, log: () => undefined },
    { compile: (given) => compiled(given, new PeriodSetting()), beforeSend: async () => undefined },
  );
  opened.push(client);
  client.start();
  await client.waitUntilLoaded(20);
  published.publish(2);
  await eventually(() => version(client) === "cfg_2");
});

test("what is published is gone by while AVS Brain is down, with one order for both", async () => {
  activate(2);
  const published = new Location(folder, brain.key);
  published.publish(1);
  const client = delivery({ published: folder, mode: "stream" });
  client.start();
  await client.waitUntilLoaded(20);
  expect(version(client)).toBe("cfg_2");
  await brain.stop();
  await eventually(() => codes(client).includes("config_refused")); // what is published is behind
  expect(version(client)).toBe("cfg_2");
  published.publish(3);
  await eventually(() => version(client) === "cfg_3");
});
