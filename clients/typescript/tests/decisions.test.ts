// The shared scenarios of decisions, step by step through a client: the same answers as in every language.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Account } from "../src/account.js";
import { dumped } from "../src/account_text.js";
import type { Recorded, Reservation } from "../src/bookkeeping.js";
import { Client, type ClientOptions } from "../src/client.js";
import { parseMoment } from "../src/clock.js";
import { MemoryCounters } from "../src/counters/memory.js";
import type { Decision } from "../src/decide.js";
import { NeverLoaded } from "../src/errors.js";
import { exactJson, type Json, type JsonObject, parseExact, type Writable } from "../src/json.js";
import type { Statement } from "../src/statement.js";
import { Brain } from "./brain.js";
import { SetClock } from "./support/documents.js";

const FOLDER = fileURLToPath(new URL("../../scenarios/decisions", import.meta.url));
const SCENARIOS = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

let brain: Brain;

beforeEach(async () => {
  brain = await Brain.started();
});

afterEach(async () => {
  await brain.stop();
});

/** One client that is led through the steps. */
class Run {
  private readonly store = new MemoryCounters();
  private readonly clock: SetClock;
  private readonly client: Client;
  private readonly namespace: string;
  private readonly made = new Map<string, Reservation>();

  constructor(private readonly scenario: JsonObject) {
    const [first] = scenario.get("steps") as JsonObject[];
    this.clock = new SetClock(new Date(parseMoment(textOf(first as JsonObject, "now")) / 1000));
    const subject = subjectOf(scenario);
    this.namespace = `${subject.workspaceId}/${subject.targetEnvironment}`;
    const fixed = { baseUrl: brain.url, mode: "manual", clock: this.clock, counters: this.store } as const;
    this.client = new Client({ ...subject, ...fixed, log: () => undefined, ...settingsOf(scenario) });
  }

  async answer(step: JsonObject): Promise<Writable | undefined> {
    if (step.has("now")) {
      const ahead = parseMoment(textOf(step, "now")) - this.clock.wall;
      this.clock.wall += ahead;
      this.clock.monotonic += ahead / 1000;
    }
    switch (step.get("do")) {
      case "deliver":
        return this.deliver(step);
      case "record_event":
        return recordedJson(await this.client.recordEvent(eventOf(step.get("event") as JsonObject)));
      case "commit":
      case "release":
        return this.settle(step, this.made.get(textOf(step, "name")) as Reservation);
      default:
        return this.ofCustomer(step, textOf(step, "customer_id"));
    }
  }

  close(): Promise<void> {
    return this.client.close();
  }

  private async deliver(step: JsonObject): Promise<undefined> {
    const documents = this.scenario.get("documents") as JsonObject;
    brain.activate(exactJson(documents.get(textOf(step, "document")) as Writable));
    await this.client.refresh();
  }

  private async settle(step: JsonObject, reservation: Reservation): Promise<Writable | undefined> {
    if (step.get("do") === "release") {
      await this.client.release(reservation);
      return undefined;
    }
    return recordedJson(await this.client.commit(reservation, step.get("quantity") as bigint | undefined));
  }

  private async ofCustomer(step: JsonObject, customerId: string): Promise<Writable | undefined> {
    const at = step.has("at") ? textOf(step, "at") : null;
    switch (step.get("do")) {
      case "usage":
        return this.statement(customerId, at);
      case "account":
        return this.account(customerId);
      default:
        return this.ofUnit(step, customerId, textOf(step, "value_unit_id"), at);
    }
  }

  private async ofUnit(
    step: JsonObject,
    customerId: string,
    valueUnitId: string,
    at: string | null,
  ): Promise<Writable | undefined> {
    const quantity = step.get("quantity") as bigint;
    switch (step.get("do")) {
      case "check":
        return decisionJson(await this.client.check(customerId, valueUnitId, quantity));
      case "reserve":
        return this.reserve(step, customerId, valueUnitId);
      case "approve":
        await this.client.approve(customerId, valueUnitId, { approvedBy: "somebody" });
        return undefined;
      default: {
        const eventId = (step.get("event_id") as string | undefined) ?? null;
        return recordedJson(await this.client.record(customerId, valueUnitId, quantity, { eventId, at }));
      }
    }
  }

  private async reserve(step: JsonObject, customerId: string, valueUnitId: string): Promise<Writable> {
    const seconds = Number(step.get("seconds") ?? 600n);
    const made = await this.client.reserve(customerId, valueUnitId, step.get("quantity") as bigint, { seconds });
    this.made.set(textOf(step, "name"), made);
    return decisionJson(made.decision);
  }

  private async statement(customerId: string, at: string | null): Promise<Writable> {
    try {
      return statementJson(await this.client.usage(customerId, { at }));
    } catch (problem) {
      if (problem instanceof NeverLoaded) {
        return "never_loaded";
      }
      throw problem;
    }
  }

  /** The account as a text would hold it, with the scenario's names of reservations. */
  private account(customerId: string): Writable {
    const account: Account = this.store.ledger(this.namespace).read(customerId);
    const renamed = [...this.made].reduce(
      (text, [name, { reservationId }]) => text.replaceAll(reservationId, name),
      dumped(account),
    );
    return parseExact(renamed) as Writable;
  }
}

function subjectOf(
  scenario: JsonObject,
): Pick<ClientOptions, "workspaceId" | "segment" | "stage"> & { targetEnvironment: string } {
  const [document] = [...(scenario.get("documents") as JsonObject).values()] as JsonObject[];
  const subject = (document as JsonObject).get("subject_resolution") as JsonObject;
  return {
    workspaceId: textOf(subject, "workspace_id"),
    segment: textOf(subject, "segment"),
    stage: textOf(subject, "stage"),
    targetEnvironment: textOf(subject, "target_environment"),
  };
}

/** Settings under their Python names. */
function settingsOf(scenario: JsonObject): Partial<ClientOptions> {
  const settings = scenario.get("settings") as JsonObject;
  const days = settings.get("customer_days") as ReadonlyMap<string, bigint> | undefined;
  const known: Readonly<Record<string, (value: Json) => Partial<ClientOptions>>> = {
    customer_days: () => ({ customerDay: (name) => (days?.has(name) ? Number(days.get(name)) : null) }),
    without_config: (value) => ({ withoutConfig: value as "open" | "closed" }),
    unknown_unit: (value) => ({ unknownUnit: value as "deny" | "allow" | "raise" }),
    accrues_from: (value) => ({ accruesFrom: new Date(String(value)) }),
    period_anchor: (value) => ({ periodAnchor: new Date(String(value)) }),
  };
  return Object.assign({}, ...[...settings].map(([name, value]) => known[name]?.(value) ?? unknownSetting(name)));
}

function unknownSetting(name: string): never {
  throw new Error(`This test does not know the setting ${name}.`);
}

function textOf(given: JsonObject, name: string): string {
  return given.get(name) as string;
}

function eventOf(event: JsonObject): Parameters<Client["recordEvent"]>[0] {
  return Object.fromEntries(event) as unknown as Parameters<Client["recordEvent"]>[0];
}

function decisionJson(decision: Decision): Writable {
  return {
    allow: decision.allow,
    action: decision.action,
    reason_code: decision.reasonCode,
    pool_id: decision.poolId,
    remaining: decision.remaining,
    threshold: decision.threshold,
    config_version_id: decision.configVersionId,
  };
}

function recordedJson({ duplicate, counted, fired }: Recorded): Writable {
  return { duplicate, counted, fired: fired.map((firing) => firing.mark).sort() };
}

function statementJson({ spendUsd, units }: Statement): Writable {
  const uses = [...units].map(([name, { used, reserved, overage, pools, reached }]) => {
    const drawn = pools.map((pool) => [pool.poolId, pool.available, pool.drawn]);
    return [name, { used, reserved, overage, pools: drawn, reached }] as const;
  });
  return { spend_usd: spendUsd, units: new Map<string, Writable>(uses) };
}

/** Numbers by their value, members and marks in any order. */
function comparable(value: Json, name = ""): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [key, comparable(item, key)]));
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => comparable(item));
    return name === "fired" || name === "approved" ? items.map(String).sort() : items;
  }
  return typeof value === "object" && value !== null ? String(value) : value;
}

test("the shared scenarios are there", () => {
  expect(SCENARIOS.length).toBeGreaterThanOrEqual(20);
});

test.each(SCENARIOS)("a client answers what %s expects", async (name) => {
  const scenario = parseExact(readFileSync(`${FOLDER}/${name}`, "utf-8")) as JsonObject;
  const run = new Run(scenario);
  for (const step of scenario.get("steps") as JsonObject[]) {
    const answer = await run.answer(step);
    if (step.has("expect") && answer !== undefined) {
      const told = comparable(parseExact(exactJson(answer)));
      expect(told, exactJson(step as Writable)).toEqual(comparable(step.get("expect") as Json));
    }
  }
  await run.close();
});
