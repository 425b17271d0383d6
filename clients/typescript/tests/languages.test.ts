// The clients of two languages are one client: the same decisions, statements, events and accounts, byte for byte.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { dumped } from "../src/account_text.js";
import type { Reservation } from "../src/bookkeeping.js";
import type { Decision } from "../src/decide.js";
import { Malformed } from "../src/errors.js";
import { MemoryCounters } from "../src/counters/memory.js";
import { exactJson, type JsonObject, parseExact, type Writable } from "../src/json.js";
import { PeriodSetting } from "../src/periods.js";
import { parse } from "../src/reading.js";
import { CASE, type Case, DAMAGED, type Step } from "./support/cases.js";
import { type Decider, decider } from "./support/deciders.js";
import { read } from "./support/documents.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PYTHON = process.env["AVS_PYTHON"] ?? `${HERE}../../../.venv/bin/python`;
/** How many cases, and of which seed: more of them on request. */
const [CASES, SEED] = [Number(process.env["CASES"] ?? 150), Number(process.env["SEED"] ?? 20_260_101)];

/** Generous, for machines that do other things too. */
const LIMIT_MS = Math.max(120_000, 200 * CASES);

/** What the Python client says to each of these cases. */
function inPython(cases: readonly unknown[]): readonly JsonObject[] {
  const said = execFileSync(PYTHON, [`${HERE}support/python_client.py`], {
    input: JSON.stringify(cases),
    maxBuffer: 2 ** 28,
    stdio: ["pipe", "pipe", "pipe"],
    encoding: "utf-8",
  });
  return parseExact(said) as JsonObject[];
}

/** One case in TypeScript: its client and what it said. */
class Run {
  readonly said: Writable[] = [];
  private readonly own: Decider;
  private readonly store = new MemoryCounters();
  private readonly made: Reservation[] = [];

  constructor({ members, days }: Case) {
    const setting = new PeriodSetting(undefined, null, (name) => days[name]);
    this.own = decider({ document: read(members), store: this.store, setting });
  }

  async step(step: Step): Promise<void> {
    const { client, clock } = this.own;
    switch (step.kind) {
      case "pass":
        return clock.pass(step.seconds);
      case "check":
        return this.says(decisionOf(await client.check(step.customer, step.unit, step.quantity)));
      case "approve":
        return client.approve(step.customer, step.unit, { approvedBy: "Theresa" });
      case "reserve":
        return this.reserve(step);
      case "record":
      case "event":
        return this.count(step);
      default:
        return this.settle(step);
    }
  }

  async result(): Promise<Writable> {
    const { snapshots } = this.store.ledger("ws_1/production");
    const names = [...snapshots.keys()].sort(byText);
    const accounts = names.map((name) => [name, this.named(dumped(snapshots.get(name) as never))] as const);
    const statements = [];
    for (const name of names) {
      statements.push(await this.statement(name));
    }
    const events = this.own.queue.released.map(({ body }) => told(parseExact(body) as JsonObject));
    return { said: this.said, accounts: new Map(accounts), statements, events };
  }

  private says(what: Writable): void {
    this.said.push(what);
  }

  private async reserve({ customer, unit, quantity, seconds }: Step & { kind: "reserve" }): Promise<void> {
    const made = await this.own.client.reserve(customer, unit, quantity, { seconds });
    this.made.push(made);
    this.says(decisionOf(made.decision));
  }

  private async count(step: Step & { kind: "record" | "event" }): Promise<void> {
    const { client, clock } = this.own;
    if (step.kind === "event") {
      const { duplicate, counted, fired } = await client.recordEvent(step.event as never);
      const quantities = [...counted].map(([name, quantity]) => [name, String(quantity)] as const);
      return this.says([duplicate, new Map(quantities), fired.map((firing) => firing.key)]);
    }
    const at = new Date(clock.wall / 1000 + step.days * 86_400_000);
    const recorded = await client.record(step.customer, step.unit, step.quantity, { eventId: step.id, at });
    return this.says([recorded.duplicate, recorded.fired.map((firing) => firing.key)]);
  }

  private async settle(step: Step & { kind: "commit" | "release" }): Promise<void> {
    const made = this.made[step.which % this.made.length];
    if (made === undefined) {
      return;
    }
    if (step.kind === "release") {
      return this.own.client.release(made);
    }
    const { duplicate, fired } = await this.own.client.commit(made, step.quantity);
    this.says([duplicate, fired.map((firing) => firing.key)]);
  }

  private async statement(name: string): Promise<Writable> {
    const { period, units, spendUsd, bill } = await this.own.client.usage(name);
    const uses = [...units].map(([unit, { used, reserved, overage, pools, reached }]) => {
      const drawn = pools.map((pool) => [pool.poolId, String(pool.available), String(pool.drawn)]);
      return [unit, [String(used), String(reserved), String(overage), drawn, reached.map(String)]] as const;
    });
    return [period, new Map<string, Writable>(uses), String(spendUsd), Object.values(bill).map(String)];
  }

  /** Reservations named by how manyeth they were. */
  private named(text: string): string {
    return this.made.reduce((renamed, made, number) => renamed.replaceAll(made.reservationId, `r${number}`), text);
  }
}

function byText(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function decisionOf({ allow, action, reasonCode, poolId, remaining, threshold }: Decision): Writable {
  return [allow, action, reasonCode, poolId, ...[remaining, threshold].map((number) => number && String(number))];
}

/** An event; where every call is one of its own, without the id that chance gave it. */
function told(event: JsonObject): Writable {
  const isByChance = event.get("event_type") === "override_approved";
  return new Map<string, Writable>([...event].filter(([name]) => !(isByChance && name === "enforcement_event_id")));
}

function isThere(): boolean {
  if (!existsSync(PYTHON) && process.env["CI"]) {
    throw new Error(`The two languages are not compared, for ${PYTHON} is not there.`);
  }
  return existsSync(PYTHON);
}

test.runIf(isThere())(
  "both clients say the same and keep the same, whatever the config and the calls",
  async () => {
    const cases = fc.sample(CASE, { numRuns: CASES, seed: SEED });
    const given = cases.map(({ members, days, steps }) => ({ document: exactJson(members), days, steps }));
    const expected = inPython(given);
    for (const [index, one] of cases.entries()) {
      const run = new Run(one);
      for (const step of one.steps) {
        await run.step(step);
      }
      expect(parseExact(exactJson(await run.result()))).toEqual(expected[index]);
    }
  },
  LIMIT_MS,
);

test.runIf(isThere())(
  "both clients take and refuse the same documents",
  () => {
    const documents = fc.sample(DAMAGED, { numRuns: 10 * CASES, seed: SEED });
    const taken = inPython(documents.map(({ text }) => ({ document: text })));
    const otherwise = documents.filter(({ text }, index) => isReadable(text) !== (taken[index] as unknown as boolean));
    expect(otherwise.map(({ damage, text }) => `taken ${isReadable(text)}: ${damage}`)).toEqual([]);
    expect(taken.length).toBe(documents.length);
  },
  LIMIT_MS,
);

function isReadable(text: string): boolean {
  try {
    parse(Buffer.from(text));
    return true;
  } catch (problem) {
    if (problem instanceof Malformed) {
      return false;
    }
    throw problem;
  }
}
