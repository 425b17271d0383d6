// The scenarios that AVS Brain's simulation is held to, event by event through a client: the same numbers.
//
// The files are shared; what an enforcing client cannot know (cost, margins, retention, comparisons) is listed here.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { MemoryCounters } from "../src/counters/memory.js";
import type { Deciding } from "../src/deciding.js";
import { Decimal } from "../src/decimal.js";
import { exactJson, type Json, type JsonObject, parseExact, type Writable } from "../src/json.js";
import type { GivenEvent } from "../src/metering.js";
import { PeriodSetting } from "../src/periods.js";
import { decider } from "./support/deciders.js";
import { config, over, SetClock, SUBJECT } from "./support/documents.js";
import { Books, type Fired, outputs, type Question } from "./support/ledgers.js";

const FOLDER = fileURLToPath(new URL("../../scenarios/simulation", import.meta.url));
const SCENARIOS = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const NOT_ENFORCED = [
  "/window",
  "/blocking_issues",
  "/risks",
  "/data_issues",
  "/unmatched_usage",
  "/lens_metrics",
  "/metrics",
  "/primary_metric_deltas",
  "/customer_impact",
  "/economics/baseline",
  "/economics/delta",
  "/revenue_lines/baseline",
  "/revenue_lines/delta",
  "/revenue_lines/by_period",
  "/price_plan",
  "/exploration_summary/customers_began",
  "/exploration_summary/customers_expired",
  "/exploration_summary/customers_exploring",
  "/exploration_summary/exploration_depth",
  "/exploration_summary/qualifying_events",
  "/enforcement_forecast/revenue_share_throttled_or_stopped",
];
/** Objects with members that are not enforced. */
const WHOLE = ["/economics/candidate", "/revenue_lines", "/revenue_lines/candidate"];
const NEVER_ENFORCED_ENDINGS = [
  "/prepaid",
  "/expired_credits",
  "/cost_usd",
  "/margin",
  "/no_revenue",
  "/start",
  "/end",
  "/value_unit_id",
];

interface Asked extends Question {
  readonly segment: string | null;
  readonly window: { readonly as_of: string; readonly days: bigint };
}

type Event = GivenEvent & { readonly ts: string; readonly segment: string };

interface Scenario {
  readonly question: Asked;
  readonly document: JsonObject;
  readonly events: readonly Event[];
  readonly expected: ReadonlyMap<string, Json>;
}

/** Whether a client can know the number; revenue only where overage is what is paid for. */
function isEnforced(pointer: string, question: Asked): boolean {
  if (NOT_ENFORCED.some((start) => pointer.startsWith(start)) || WHOLE.includes(pointer)) {
    return false;
  }
  if (NEVER_ENFORCED_ENDINGS.some((end) => pointer.endsWith(end))) {
    return false;
  }
  const isPaid = question.pricing_mode === "use_unit_economics" && !pointer.startsWith("/pool_breakdown");
  return !pointer.endsWith("/revenue_usd") || isPaid;
}

/** Maps as plain objects; numbers stay exact. */
function plain(value: Json): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

function scenarioOf(name: string): Scenario {
  const given = parseExact(readFileSync(`${FOLDER}/${name}`, "utf-8")) as JsonObject;
  const question = plain(given.get("question") ?? null) as Asked;
  const { rails } = question.candidate;
  const decimal = (value: unknown) => (typeof value === "bigint" ? Decimal.of(value) : (value as Decimal));
  const exact = {
    usage_thresholds: rails.usage_thresholds.map((one) => ({ ...one, percent: decimal(one.percent) })),
    monthly_spend_cap_usd: rails.monthly_spend_cap_usd === null ? null : decimal(rails.monthly_spend_cap_usd),
    at_cap_action: rails.at_cap_action,
  };
  return {
    question: { ...question, candidate: { ...question.candidate, rails: exact } },
    document: (given.get("question") as JsonObject).get("candidate") as JsonObject,
    events: plain(given.get("events") ?? null) as Event[],
    expected: given.get("expected") as JsonObject,
  };
}

/** In the order in which they happened, up to the end of the window. */
function inOrder({ question, events }: Scenario): readonly Event[] {
  const asOf = Date.parse(question.window.as_of);
  const happened = events.filter((event) => Date.parse(event.ts) <= asOf);
  return [...happened].sort((one, other) => {
    const difference = Date.parse(one.ts) - Date.parse(other.ts);
    return difference || ((one.event_id ?? "") < (other.event_id ?? "") ? -1 : 1);
  });
}

function clientOf(scenario: Scenario, store: MemoryCounters, document: JsonObject, segment: string): Deciding {
  const asOf = new Date(scenario.question.window.as_of);
  const start = startOf(scenario);
  const subject = { ...SUBJECT, segment };
  const setting = new PeriodSetting(start, start);
  return decider({ document: over(config(), document), subject, store, setting, clock: new SetClock(asOf) }).client;
}

function startOf({ question }: Scenario): Date {
  return new Date(Date.parse(question.window.as_of) - Number(question.window.days) * 86_400_000);
}

async function replay(client: Deciding, events: readonly Event[]): Promise<Fired> {
  const fired: [string, Awaited<ReturnType<Deciding["recordEvent"]>>][] = [];
  for (const event of events) {
    fired.push([event.customer_id, await client.recordEvent(event)]);
  }
  return fired;
}

/** Events of other segments of the workspace go to another client, which counts no unit. */
async function countedElsewhere(scenario: Scenario, store: MemoryCounters): Promise<void> {
  const { segment } = scenario.question;
  const empty = new Map<string, Json>([...scenario.document, ["value_units", []], ["pools", []]]);
  empty.delete("rating_agility"); // prices of units that this client does not count
  const elsewhere = inOrder(scenario).filter((event) => segment !== null && event.segment !== segment);
  await replay(clientOf(scenario, store, empty, "elsewhere"), elsewhere);
}

async function booked(scenario: Scenario): Promise<Writable> {
  const { question, document } = scenario;
  const store = new MemoryCounters();
  await countedElsewhere(scenario, store);
  const client = clientOf(scenario, store, document, SUBJECT.segment);
  const events = inOrder(scenario).filter((event) => question.segment === null || event.segment === question.segment);
  const fired = await replay(client, events);
  const customers = new Set(events.map((event) => event.customer_id));
  const books = await Books.made(client, customers, startOf(scenario), Number(question.window.days) / 30);
  expect(thresholdsFired(fired, books)).toEqual(crossings(books, question));
  return outputs(books, question, fired);
}

/** (customer, period, percent) of every firing inside the window, each as often as it fired. */
function thresholdsFired(fired: Fired, books: Books): readonly string[] {
  const firings = fired.flatMap(([name, recorded]) => recorded.fired.map((firing) => [name, firing] as const));
  return firings
    .filter(([name, { key, period }]) => key.startsWith("threshold:") && period.number >= 0 && books.of.has(name))
    .map(([name, { period, context }]) => `${name} ${period.number} ${String(context["percent"])}`)
    .sort();
}

function crossings(books: Books, { candidate }: Asked): readonly string[] {
  return candidate.rails.usage_thresholds
    .flatMap(({ percent }) => books.crossings(percent).map(([name, index]) => `${name} ${index} ${percent}`))
    .sort();
}

function at(value: Json, pointer: string): Json {
  const steps = pointer.split("/").slice(1);
  return steps.reduce<Json>((inner, step) => {
    const item = Array.isArray(inner) ? inner[Number(step)] : (inner as JsonObject).get(step);
    return item ?? null;
  }, value);
}

/** Numbers by their value, whatever they were written as. */
function text(value: Json): string {
  return exactJson(parseExact(exactJson(value)) as Writable);
}

test("the shared scenarios are there", () => {
  expect(SCENARIOS.length).toBeGreaterThanOrEqual(20);
});

test.each(SCENARIOS)("a client books what %s expects", async (name) => {
  const scenario = scenarioOf(name);
  const found = parseExact(exactJson(await booked(scenario)));
  const wanted = [...scenario.expected].filter(([pointer]) => isEnforced(pointer, scenario.question));
  const known = Object.fromEntries(wanted.map(([pointer]) => [pointer, text(at(found, pointer))]));
  expect(known).toEqual(Object.fromEntries(wanted.map(([pointer, value]) => [pointer, text(value)])));
});

test("the comparison notices a client that enforces something else", async () => {
  const scenario = scenarioOf("draw_down_order.json");
  const genuine = exactJson(await booked(scenario));
  const pools = scenario.document.get("pools") as JsonObject[];
  const [first = new Map<string, Json>(), ...rest] = pools;
  const more = new Map<string, Json>([
    ...first,
    ["included_quantity", (first.get("included_quantity") as bigint) + 1n],
  ]);
  const altered = new Map<string, Json>([...scenario.document, ["pools", [more, ...rest]]]);
  expect(exactJson(await booked({ ...scenario, document: altered }))).not.toBe(genuine);
});
