/** The examples run, as they are, and enforce. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Brain } from "./brain.js";
import { document, pool, SUBJECT, UNIT } from "./documents.js";
import { eventually } from "./waiting.js";

let brain: Brain;
let folder: string;
let started: ChildProcess[] = [];
let model: Server | null = null;

beforeEach(async () => {
  brain = await Brain.started();
  folder = mkdtempSync(join(tmpdir(), "avs-examples-"));
  started = [];
});

afterEach(async () => {
  for (const child of started) {
    child.kill("SIGKILL");
  }
  model?.close();
  model = null;
  await brain.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Example {
  readonly process: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

function example(name: string, given: readonly string[], environment: Record<string, string> = {}): Example {
  const path = new URL(`../examples/${name}.mjs`, import.meta.url).pathname;
  const env = {
    ...process.env,
    AVS_URL: brain.url,
    AVS_UNIT: UNIT,
    AVS_WORKSPACE: SUBJECT.workspaceId,
    AVS_SEGMENT: SUBJECT.segment,
    AVS_DIRECTORY: folder,
    PORT: "0",
    ...environment,
  };
  const child = spawn(process.execPath, [path, ...given], { env, stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  let text = "";
  child.stdout.on("data", (content) => {
    text += content;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { process: child, said: () => text, ended };
}

function asked(url: string, path: string, method = "POST"): Promise<number> {
  return fetch(`${url}${path}`, { method, headers: { "X-Customer": "c" } }).then(({ status }) => status);
}

test.each(["express", "fastify"])("%s refuses the third request, and counts none that failed", async (name) => {
  brain.activate(document("cfg_1", { pools: [pool({ included_quantity: 2, overage_behavior: "hard_stop" })] }));
  const app = example(name, []);
  await eventually(() => app.said().startsWith("http"));
  const url = app.said().trim();
  expect(await asked(url, "/nowhere", "GET")).toBe(404);
  expect(await asked(url, "/renders")).toBe(200);
  expect(await asked(url, "/renders")).toBe(200);
  expect(await asked(url, "/renders")).toBe(429);
  app.process.kill("SIGTERM");
  expect(await app.ended).toBe(0);
  expect([...brain.events.values()].map(({ event_type: type }) => type)).toEqual(["hard_cap_blocked"]);
});

test.each(["express", "fastify"])("%s lets of many parallel requests through what there is", async (name) => {
  brain.activate(document("cfg_1", { pools: [pool({ included_quantity: 7, overage_behavior: "hard_stop" })] }));
  const app = example(name, []);
  await eventually(() => app.said().startsWith("http"));
  const statuses = await Promise.all(Array.from({ length: 30 }, () => asked(app.said().trim(), "/renders")));
  expect(statuses.filter((status) => status === 200)).toHaveLength(7);
});

/** A provider that streams; `answer` writes the events. Its address. */
function provider(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    answer(response);
  });
  model = server;
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`));
  });
}

function piece(text: string): string {
  return `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`;
}

const USAGE = `data: ${JSON.stringify({ choices: [], usage: { total_tokens: 42 } })}\n\ndata: [DONE]\n\n`;

async function called(environment: Record<string, string>): Promise<string> {
  const app = example("llm_stream", ["c", "Tell me a story"], environment);
  expect(await app.ended).toBe(0);
  return app.said();
}

test("a streamed call is counted by what the provider says at its end", async () => {
  brain.activate(document("cfg_1", { pools: [pool({ included_quantity: 1_000 })] }));
  const url = await provider((response) => {
    response.write(piece("Once ") + piece("upon").slice(0, 20));
    setTimeout(() => response.end(piece("upon").slice(20) + USAGE), 20); // in the middle of an event
  });
  expect(await called({ MODEL_URL: url })).toBe("Once upon\n42 tokens\nused: 42, reserved: 0\n");
});

test("a call that breaks off has used what came, and one that never began nothing", async () => {
  brain.activate(document("cfg_1", { pools: [pool({ included_quantity: 1_000 })] }));
  const url = await provider((response) => {
    response.write(piece("Once ") + piece("upon"));
    setTimeout(() => response.destroy(), 50);
  });
  expect(await called({ MODEL_URL: url })).toContain("used: 2, reserved: 0");
  expect(await called({ MODEL_URL: "http://127.0.0.1:1/v1" })).toContain("used: 0, reserved: 0");
});

test("a call that the rails refuse is not made", async () => {
  brain.activate(document("cfg_1", { pools: [pool({ included_quantity: 100, overage_behavior: "hard_stop" })] }));
  const url = await provider(() => {
    throw new Error("The model was called.");
  });
  expect(await called({ MODEL_URL: url })).toContain("refused: hard_stop\nused: 0, reserved: 0");
});
