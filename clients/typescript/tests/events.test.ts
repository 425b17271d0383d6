/** Events wait in order, are numbered without gaps, and arrive once each, whatever is killed. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Brain as BrainClient } from "../src/brain.js";
import { Sender } from "../src/deliver.js";
import { EventQueue } from "../src/events.js";
import { Problems } from "../src/problems.js";
import type { Outgoing } from "../src/types.js";
import { Brain } from "./brain.js";

let brain: Brain;
let folder: string;

beforeEach(async () => {
  brain = await Brain.started();
  folder = mkdtempSync(join(tmpdir(), "avs-events-"));
});

afterEach(async () => {
  await brain.stop();
  rmSync(folder, { recursive: true, force: true });
});

function event(name: string): Outgoing {
  return { eventId: name, body: JSON.stringify({ enforcement_event_id: name }), proof: ["n", "c", name] };
}

function queue(): EventQueue {
  return new EventQueue(join(folder, "queue"));
}

function sender(of: EventQueue, problems = new Problems(() => undefined)): Sender {
  return new Sender({ queue: of, brain: new BrainClient(brain.url), problems, numbered: true });
}

test("events are numbered in order, and an id that waits or was sent gets no other number", async () => {
  const events = queue();
  events.release([event("a"), event("b"), event("a")]);
  expect(events.waiting(10).map(({ sequence, eventId }) => [sequence, eventId])).toEqual([
    [1, "a"],
    [2, "b"],
  ]);
  expect(await sender(events).flush()).toBe(2);
  events.release([event("a"), event("c")]);
  expect(events.waiting(10).map(({ sequence }) => sequence)).toEqual([3]);
});

test("what waits is there again in another process, with the same client id", () => {
  const one = queue();
  one.release([event("a")]);
  const two = queue();
  two.release([event("b")]);
  expect(two.waiting(10).map(({ eventId }) => eventId)).toEqual(["a", "b"]);
  expect(one.waiting(10)).toEqual(two.waiting(10));
  expect(one.clientId).toBe(two.clientId);
});

test("held events are let go or forgotten by whether their count was made", async () => {
  const one = queue();
  one.hold([event("counted"), event("pending")]);
  one.close();
  const two = queue();
  await two.settle((_, __, mark) => mark === "counted");
  expect(two.waiting(10).map(({ eventId }) => eventId)).toEqual(["counted"]);
});

test("an answer that is lost on the way leads to no second event", async () => {
  const events = queue();
  events.release([event("a"), event("b")]);
  brain.losesAnswers = true;
  await expect(sender(events).flush()).rejects.toMatchObject({ code: "unreachable" });
  brain.losesAnswers = false;
  expect(await sender(events).flush()).toBe(2);
  expect([...brain.events.keys()]).toEqual(["a", "b"]);
  expect(events.size).toBe(0);
});

test("an event that AVS Brain does not take is set aside and said, and holds up no other", async () => {
  brain.refuses = ({ enforcement_event_id: name }) => name === "b";
  const problems = new Problems(() => undefined);
  const events = queue();
  events.release([event("a"), event("b"), event("c")]);
  expect(await sender(events, problems).flush()).toBe(2);
  expect([...events.refused.keys()]).toEqual(["b"]);
  expect(problems.listed()).toMatchObject([{ code: "events_refused", text: expect.stringContaining("/customer_id") }]);
  expect([...queue().refused.keys()]).toEqual(["b"]);
});

test("an AVS Brain that does not know numbers is sent events without them", async () => {
  brain.knowsNumbers = false;
  const events = queue();
  events.release([event("a")]);
  expect(await sender(events).flush()).toBe(1);
  expect(brain.batches.at(-1)).toEqual([{ enforcement_event_id: "a" }]);
});

test("thousands go in batches of a thousand, in order", async () => {
  const events = queue();
  const names = Array.from({ length: 2_500 }, (_, at) => `e${at}`);
  events.release(names.map(event));
  expect(await sender(events).flush()).toBe(2_500);
  expect(brain.batches.map((batch) => batch.length)).toEqual([1_000, 1_000, 500]);
  expect([...brain.events.keys()]).toEqual(names);
});

test("a damaged queue is set aside, and a new one begins", () => {
  writeFileSync(join(folder, "queue.1"), "SQLite format 3");
  const events = queue();
  events.release([event("a")]);
  expect(events.aside).toContain("damaged");
  expect(queue().size).toBe(1);
  expect(readdirSync(folder).some((name) => name.startsWith("aside-queue"))).toBe(true);
});

const REPORTER = `
  import { EventQueue } from ${JSON.stringify(new URL("../dist/esm/events.js", import.meta.url).href)};
  const [path, name] = process.argv.slice(2);
  const queue = new EventQueue(path);
  for (let at = 0; ; at += 1) {
    const eventId = name + "-" + at;
    const event = { eventId, body: JSON.stringify({ enforcement_event_id: eventId }), proof: ["n", "c", eventId] };
    queue.hold([event]);
    queue.release([event]);
    process.stdout.write(eventId + "\\n");
  }
`;

/** The events that a process acknowledged before it was killed, after this many characters. */
function killed(name: string, most: number): Promise<string[]> {
  writeFileSync(join(folder, "reporter.mjs"), REPORTER);
  const child = spawn(process.execPath, [join(folder, "reporter.mjs"), join(folder, "queue"), name]);
  let text = "";
  child.stdout.on("data", (content) => {
    text += content;
    if (text.length > most) {
      child.kill("SIGKILL");
    }
  });
  return new Promise((resolve) => child.once("exit", () => resolve(text.split("\n").slice(0, -1))));
}

test("20 kills in the middle of writing lose no event and send none twice", async () => {
  const acknowledged: string[] = [];
  for (let round = 0; round < 10; round += 1) {
    const both = await Promise.all([killed(`a${round}`, 30 * round), killed(`b${round}`, 50 * round)]);
    acknowledged.push(...both.flat());
    await sender(queue()).flush();
  }
  const events = queue();
  await events.settle(() => true);
  await sender(events).flush();
  const numbers = [...brain.events.values()].map(({ sequence }) => sequence as number);
  expect(acknowledged.filter((name) => !brain.events.has(name))).toEqual([]);
  expect(numbers.sort((one, other) => one - other)).toEqual(numbers.map((_, at) => at + 1));
  expect(acknowledged.length).toBeGreaterThan(50);
});
