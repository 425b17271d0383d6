/** Following what AVS Brain publishes over HTTP, as through a CDN: alone, and where AVS Brain does not answer. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Client, type ClientOptions } from "../src/client.js";
import { Brain, Key } from "./brain.js";
import { SUBJECT, UNIT } from "./documents.js";
import { FileServer, Location, POINTER } from "./published.js";
import { eventually } from "./waiting.js";

let brain: Brain;
let folder: string;
let location: Location;
let cdn: FileServer;
let opened: Client[] = [];

beforeEach(async () => {
  brain = await Brain.started();
  folder = mkdtempSync(join(tmpdir(), "avs-published-"));
  location = new Location(join(folder, "published"), brain.key);
  cdn = new FileServer(location.folder);
  await cdn.start();
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((client) => client.close()));
  await cdn.stop();
  await brain.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A client of the CDN alone, manual unless told otherwise. */
function follow(options: Partial<ClientOptions> = {}): Client {
  const usual = { published: cdn.url, mode: "manual", pollSeconds: 0.05, log: () => undefined } as const;
  const client = new Client({ ...usual, ...SUBJECT, ...options });
  opened.push(client);
  return client;
}

function version(client: Client): string | null {
  return client.status.configVersionId;
}

test("a config is enforced with no AVS Brain at all", async () => {
  location.publish(1);
  const client = follow();
  await client.refresh();
  expect([version(client), client.status.state]).toEqual(["cfg_1", "fresh"]);
  location.publish(2);
  await client.refresh();
  expect(version(client)).toBe("cfg_2");
});

test("what has not changed costs a 304 of the pointer and nothing else", async () => {
  location.publish(1);
  const client = follow({ keys: location.jwks });
  await client.refresh();
  cdn.asked.length = 0;
  await client.refresh();
  expect(cdn.asked).toEqual([[`/${POINTER}`, 304]]);
});

test("versions within one second are told apart", async () => {
  const client = follow();
  for (let number = 1; number <= 5; number += 1) {
    location.publish(number);
    await client.refresh();
    expect(version(client)).toBe(`cfg_${number}`);
  }
});

test("a CDN that is away leaves what is held in force, and is followed again", async () => {
  const client = follow({ mode: "poll" }).start();
  location.publish(1);
  expect(await client.waitUntilLoaded(20)).toBe(true);
  await cdn.stop();
  await eventually(() => client.status.problems.some(({ code }) => code === "unreachable"));
  expect((await client.check("c", UNIT)).configVersionId).toBe("cfg_1");
  await cdn.start();
  location.publish(2);
  await eventually(() => version(client) === "cfg_2");
  await eventually(() => client.status.problems.length === 0);
});

test("a document that was altered on its way is refused", async () => {
  const digest = location.publish(1);
  const path = join(location.folder, "documents", `${digest}.json`);
  writeFileSync(path, readFileSync(path, "utf8").replace("cfg_1", "cfg_9"));
  const client = follow();
  await expect(client.refresh()).rejects.toThrow(/does not hash/);
  expect(client.status.state).toBe("never_loaded");
});

test("a pointer to a document that nobody signed is refused", async () => {
  location.publish(1);
  const client = follow({ keys: location.jwks });
  await client.refresh();
  location.key = new Key(location.key.kid);
  location.publish(2);
  await expect(client.refresh()).rejects.toMatchObject({ code: "bad_signature" });
  expect(version(client)).toBe("cfg_1");
});

test("whoever may write to the bucket may write its keys too, so pinned keys are the only ones that count", async () => {
  const pinned = location.jwks;
  location.key = new Key("intruder");
  location.keys = [location.key];
  location.publishKeys();
  location.publish(1);
  await expect(follow({ keys: pinned }).refresh()).rejects.toMatchObject({ code: "unknown_key" });
  expect(cdn.asked.map(([path]) => path)).not.toContain("/keys.json");
});

test("a rotated key is found in the location", async () => {
  location.publish(1);
  const client = follow();
  await client.refresh();
  location.key = new Key("key-2");
  location.keys = [location.key, ...location.keys];
  location.publishKeys();
  location.publish(2);
  await client.refresh();
  expect(version(client)).toBe("cfg_2");
});

test("a pointer that was rolled back is a replay, however late it was signed", async () => {
  location.publish(2);
  const client = follow();
  await client.refresh();
  location.publish(1, {}, Math.floor(Date.now() / 1000) + 1000);
  await expect(client.refresh()).rejects.toMatchObject({ code: "replayed" });
  expect(version(client)).toBe("cfg_2");
});

test("a client that starts again takes no older pointer than the config on its disk", async () => {
  const directory = join(folder, "avs");
  location.publish(2);
  await follow({ directory }).refresh();
  location.publish(1);
  const again = follow({ directory });
  await expect(again.refresh()).rejects.toMatchObject({ code: "replayed" });
  expect(version(again)).toBe("cfg_2");
});

test.each([
  ["nothing", ""],
  ["a list", "[]"],
  ["no members", "{}"],
  ["another path", JSON.stringify({ digest: "../keys", signature: "" })],
  ["a digest of another kind", JSON.stringify({ digest: 5, signature: "" })],
  ["a million brackets", "[".repeat(1_000_000)],
])("a pointer of %s is survived", async (_, pointer) => {
  location.publish(1);
  const client = follow();
  await client.refresh();
  location.write(POINTER, pointer);
  await expect(client.refresh()).rejects.toMatchObject({ code: "unreachable" });
  expect(version(client)).toBe("cfg_1");
});

test("a location may want a password", async () => {
  location.publish(1);
  cdn.authorization = `Basic ${Buffer.from("app:secret").toString("base64")}`;
  await expect(follow().refresh()).rejects.toThrow(/401/);
  const client = follow({ published: cdn.url.replace("://", "://app:secret@") });
  await client.refresh();
  expect(version(client)).toBe("cfg_1");
});

test("AVS Brain is asked first, and the CDN only while it does not answer", async () => {
  brain.activate(published(1));
  const client = follow({ baseUrl: brain.url });
  await client.refresh();
  expect(cdn.asked).toEqual([]);
  location.publish(2);
  await brain.stop();
  await client.refresh();
  expect(version(client)).toBe("cfg_2");
});

/** The text of a document that was published. */
function published(number: number): string {
  return readFileSync(join(location.folder, "documents", `${location.publish(number)}.json`), "utf8");
}
