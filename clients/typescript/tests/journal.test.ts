import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Journal, type Json, type Machine } from "../src/journal.js";

/** A sum that many add to: each entry says which sum it was made from. */
class Sum implements Machine {
  total = 0;
  lines: string[] = [];

  apply(entry: Json): boolean {
    if (typeof entry === "object" && entry !== null && "lines" in entry) {
      this.lines = [...(entry as { lines: readonly string[] }).lines];
      this.total = this.lines.length;
      return true;
    }
    if (!Array.isArray(entry) || entry[0] !== this.total) return false;
    this.total += 1;
    this.lines.push(String(entry[1]));
    return true;
  }

  *entries(): Iterable<Json> {
    yield { lines: this.lines };
  }

  reset(): void {
    this.total = 0;
    this.lines = [];
  }
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "avs-journal-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function opened(limit?: number): { journal: Journal; sum: Sum } {
  const sum = new Sum();
  return { sum, journal: new Journal(join(folder, "sum"), sum, limit) };
}

function add(journal: Journal, sum: Sum, name: string): void {
  journal.append(() => [sum.total, name]);
}

test("what was appended is there again", () => {
  const { journal, sum } = opened();
  for (const name of ["a", "b", "c"]) add(journal, sum, name);
  journal.close();
  expect(opened().sum.lines).toEqual(["a", "b", "c"]);
});

test("two that append in turn see each other, and an entry from an old state is made anew", () => {
  const one = opened();
  const two = opened();
  for (let at = 0; at < 50; at += 1) {
    add(one.journal, one.sum, `one${at}`);
    add(two.journal, two.sum, `two${at}`);
  }
  one.journal.catchUp();
  expect(one.sum.lines).toEqual(two.sum.lines);
  expect(one.sum.total).toBe(100);
});

test("the beginning of a line that a killed process left is passed over", () => {
  const { journal, sum } = opened();
  add(journal, sum, "a");
  appendFileSync(join(folder, "sum.1"), '\n12345678 abc [1,"half');
  add(journal, sum, "b");
  expect(sum.lines).toEqual(["a", "b"]);
  const again = opened();
  expect(again.sum.lines).toEqual(["a", "b"]);
  expect(again.journal.damaged).toBe(1);
});

test("a file that is no journal is set aside, and said", () => {
  writeFileSync(join(folder, "sum.1"), "this is something else");
  const { journal, sum } = opened();
  add(journal, sum, "a");
  expect(journal.aside).toContain("aside-sum");
  expect(readdirSync(folder).some((name) => name.includes("damaged"))).toBe(true);
  expect(opened().sum.lines).toEqual(["a"]);
});

test("a file that has grown is replaced by a smaller one, for all who have it open", () => {
  const one = opened(2_000);
  const two = opened(2_000);
  for (let at = 0; at < 500; at += 1) {
    add(one.journal, one.sum, `${at}`);
    if (at % 7 === 0) add(two.journal, two.sum, `two${at}`);
  }
  two.journal.catchUp();
  expect(two.sum.lines).toEqual(one.sum.lines);
  expect(one.sum.total).toBe(572);
  expect(statSync(join(folder, "sum.1")).size).toBeLessThan(200);
  expect(opened().sum.lines).toEqual(one.sum.lines);
});

test("a file that somebody deletes is written again from what is known", () => {
  const { journal, sum } = opened();
  add(journal, sum, "a");
  rmSync(join(folder, "sum.1"));
  add(journal, sum, "b");
  expect(opened().sum.lines).toEqual(["a", "b"]);
});

const WRITER = `
  import { Journal } from ${JSON.stringify(new URL("../dist/esm/journal.js", import.meta.url).href)};
  const [path, name, most, limit] = process.argv.slice(2);
  const sum = { total: 0, lines: [], apply(entry) {
    if (entry.lines) { sum.lines = [...entry.lines]; sum.total = sum.lines.length; return true; }
    if (entry[0] !== sum.total) return false;
    sum.total += 1; sum.lines.push(entry[1]); return true;
  }, *entries() { yield { lines: sum.lines }; }, reset() { sum.total = 0; sum.lines = []; } };
  const journal = new Journal(path, sum, Number(limit));
  for (let at = 0; at < Number(most); at += 1) {
    journal.append(() => [sum.total, name + "-" + at]);
    process.stdout.write(at + "\\n");
  }
`;

function writer(name: string, most: number, limit: number): ChildProcess {
  const script = join(folder, "writer.mjs");
  writeFileSync(script, WRITER);
  const path = join(folder, "sum");
  return spawn(process.execPath, [script, path, name, String(most), String(limit)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function ended(process: ChildProcess): Promise<void> {
  return new Promise((resolve) => process.once("exit", () => resolve()));
}

test("lose nothing and count nothing twice while files are replaced under them", async () => {
  const writers = ["a", "b", "c"].map((name) => writer(name, 400, 4_000));
  await Promise.all(writers.map(ended));
  const { sum } = opened();
  expect(new Set(sum.lines).size).toBe(1_200);
  expect(sum.total).toBe(1_200);
  for (const name of ["a", "b", "c"]) {
    const own = sum.lines.filter((text) => text.startsWith(`${name}-`));
    expect(own).toEqual(Array.from({ length: 400 }, (_, at) => `${name}-${at}`));
  }
});

test("that are killed at any point keep what was acknowledged", async () => {
  const acknowledged: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    const pair = [0, 1].map((side) => killed(`r${round}s${side}`, 40 * (round + 1)));
    acknowledged.push(...(await Promise.all(pair)).flat());
  }
  const { lines } = opened().sum;
  const kept = new Set(lines);
  expect(kept.size).toBe(lines.length);
  expect(acknowledged.filter((name) => !kept.has(name))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(100);
});

/** What a writer acknowledged before it was killed, after this many characters. */
async function killed(name: string, most: number): Promise<string[]> {
  const process = writer(name, 100_000, 4_000);
  let text = "";
  process.stdout?.on("data", (content) => {
    text += content;
    if (text.length > most) {
      process.kill("SIGKILL");
    }
  });
  await ended(process);
  const whole = text.split("\n").slice(0, -1);
  return whole.map((at) => `${name}-${at}`);
}
