// A period that is shared out between versions by its days: the table that every client and the simulation read.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseMoment } from "../src/clock.js";
import type { Document } from "../src/document.js";
import { exactJson, type Json, type JsonObject, parseExact, type Writable } from "../src/json.js";
import { unscaled } from "../src/numbers.js";
import type { CustomerTerms } from "../src/price_plan.js";
import { includedOf, prorated, shareOf } from "../src/proration.js";
import { config, over } from "./support/documents.js";

const FOLDER = fileURLToPath(new URL("../../scenarios/proration", import.meta.url));
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

function scenario(name: string): JsonObject {
  return parseExact(readFileSync(`${FOLDER}/${name}`, "utf-8")) as JsonObject;
}

function listed(given: JsonObject, name: string): readonly JsonObject[] {
  return (given.get(name) ?? []) as readonly JsonObject[];
}

function told({ prepaid, ...terms }: CustomerTerms, { pools }: Document): Writable {
  return {
    platform_fee_usd: unscaled(terms.platformFee),
    minimum_commit_usd: unscaled(terms.minimumCommit),
    true_up: terms.trueUp,
    prepaid: prepaid && {
      amount_usd: unscaled(prepaid.amount),
      price_usd: unscaled(prepaid.price),
      expires_after_days: prepaid.expiresAfterDays,
    },
    included: new Map(pools.map((pool) => [pool.poolId, unscaled(includedOf({ prepaid, ...terms }, pool))])),
  };
}

function termsTold(document: Document): Writable {
  const plan = document.pricePlan;
  const contracts = plan === null ? [] : [["*", plan.usual] as const, ...plan.overrides];
  return plan && new Map(contracts.map(([name, terms]) => [name, told(terms, document)]));
}

/** Members in whatever order, numbers by their value. */
function plain(value: Json): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([name, item]) => [name, plain(item)]));
  }
  return Array.isArray(value) ? value.map(plain) : exactJson(value as Writable);
}

function same(value: Writable): unknown {
  return plain(parseExact(exactJson(value)));
}

const CASES = FILES.flatMap((name) => listed(scenario(name), "cases").map((one) => [name, one] as const));

test("the shared table is there", () => expect(CASES.length).toBeGreaterThanOrEqual(10));

test.each(CASES)("amounts of a period are shared by its days: %s", (name, one) => {
  const [first, ...later] = listed(scenario(name), "versions").map((version) => over(config(), version));
  const elapsed = one.get("elapsed_days") as readonly bigint[];
  const periodDays = one.get("period_days") as bigint;
  const document = later.reduce((before, after, index) => {
    const share = { elapsedDays: elapsed[index] as bigint, periodDays: elapsed[index + 1] ?? periodDays };
    return prorated(before, after, share);
  }, first as Document);
  const pools = document.pools.map((pool) => [pool.poolId, unscaled(pool.included), pool.overageBehavior]);
  expect(same(pools)).toEqual(plain(one.get("pools") as Json));
  expect(same(termsTold(document))).toEqual(plain(one.get("terms") as Json));
});

test.each(listed(scenario("days.json"), "days").map((row) => [row.get("since") as string, row] as const))(
  "days are elapsed time, rounded half-even: %s",
  (_, row) => {
    const [start = 0, since = 0, end = 0] = ["start", "since", "end"].map((name) =>
      parseMoment(row.get(name) as string),
    );
    const share = { elapsedDays: row.get("elapsed_days"), periodDays: row.get("period_days") };
    expect(shareOf(start, since, end)).toEqual(share);
  },
);
