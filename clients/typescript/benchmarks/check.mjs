// Decisions per second beside the GrowthBook, Unleash and flagd SDKs answering one flag, in one run and one process.
//
//     npm run build && node benchmarks/check.mjs            # rivals.mjs says what to install for the comparison
//
// Rates are of processor time of this process, the best of several rounds; wall-clock rates beside them show what else
// the machine was doing. Latencies are of single calls, the timer's own cost included.
import { loadavg } from "node:os";
import { Clock, Decimal, MemoryCounters } from "../dist/esm/index.js";
import { Deciding } from "../dist/esm/deciding.js";
import { PeriodSetting } from "../dist/esm/periods.js";
import { compiled } from "../dist/esm/plan.js";
import { parse } from "../dist/esm/reading.js";
import { flagd, growthbook, unleash } from "./rivals.mjs";

const CUSTOMERS = Array.from({ length: 1_000 }, (_, number) => `cust_${number}`);
const [ROUNDS, CALLS, SAMPLES] = [7, 200_000, 200_000];
const SUBJECT = { workspaceId: "ws_1", segment: "smb", stage: "learning", targetEnvironment: "production" };
const UNIT = "vu_minute";

/** Three thresholds, a spend cap and a large allowance. */
const DOCUMENT = {
  config_version_id: "cfg_1",
  subject_resolution: { workspace_id: "ws_1", segment: "smb", stage: "learning", target_environment: "production" },
  value_units: [
    {
      value_unit_id: UNIT,
      event_mapping: { event_type: "render", aggregation: { type: "sum", field: "minutes" } },
      unit_economics: { target_price_per_unit_usd: 1 },
    },
  ],
  pools: [
    { pool_id: "pool_core", value_unit_id: UNIT, included_quantity: 90_000_000, overage_behavior: "allow_overage" },
  ],
  rails: {
    usage_thresholds: [
      { percent: 70, action: "warn" },
      { percent: 90, action: "throttle" },
      { percent: 100, action: "block" },
    ],
    monthly_spend_cap_usd: 100,
    at_cap_action: "block",
  },
};

/** The same with a fee, credits that carry over, graduated overage, a commit, and a contract of somebody else. */
const PLANNED = {
  ...DOCUMENT,
  rating_agility: {
    price_plan: {
      platform_fee_usd: 49,
      minimum_commit_usd: 60,
      prepaid: { amount_usd: 50, price_usd: 40, expires_after_days: 90 },
      unit_prices: [
        {
          value_unit_id: UNIT,
          model: "graduated",
          tiers: [
            { up_to: 100, unit_price_usd: 2 },
            { up_to: null, unit_price_usd: 1 },
          ],
        },
      ],
      overrides: [{ customer_id: "somebody", platform_fee_usd: 0 }],
    },
  },
};

const nothing = () => undefined;

/** A client's deciding half, and customers who have used some of their allowance. */
async function avs(document = DOCUMENT) {
  const setting = new PeriodSetting();
  const plan = compiled(parse(Buffer.from(JSON.stringify(document))), setting);
  const force = { plan, state: "fresh", untilMs: Number.POSITIVE_INFINITY };
  const queue = { hold: nothing, release: nothing, discard: nothing };
  const problems = { begin: nothing, end: nothing };
  const store = new MemoryCounters();
  const config = { force, current: () => force };
  const base = { subject: SUBJECT, config, store, queue, setting, clock: new Clock(), problems, warn: nothing };
  const client = new Deciding(base);
  for (const [number, customer] of CUSTOMERS.entries()) {
    await client.record(customer, UNIT, number);
  }
  return { client, accounts: store.ledger("ws_1/production").snapshots };
}

async function kept() {
  const { client } = await avs();
  return { ask: (customer) => client.checkNow(customer, UNIT, 1), close: nothing };
}

async function awaited() {
  const { client } = await avs();
  return { ask: (customer) => client.check(customer, UNIT, 1), close: nothing };
}

/** Nothing that was worked out before is used: period, allowance, rules, place among them, all from the account. */
async function anew(document) {
  const { client, accounts } = await avs(document);
  const ask = (customer) => {
    accounts.get(customer).standings = null;
    return client.checkNow(customer, UNIT, 1);
  };
  return { ask, close: nothing };
}

/** The quantity is an exact decimal. */
async function anewOfDecimal() {
  const { client, accounts } = await avs();
  const quantity = Decimal.of("0.25");
  const ask = (customer) => {
    accounts.get(customer).standings = null;
    return client.checkNow(customer, UNIT, quantity);
  };
  return { ask, close: nothing };
}

async function checkAndRecord(document) {
  const { client } = await avs(document);
  const ask = async (customer) => {
    await client.check(customer, UNIT, 1);
    await client.record(customer, UNIT, 1);
  };
  return { ask, close: nothing };
}

async function reserveAndCommit() {
  const { client } = await avs();
  return { ask: async (customer) => client.commit(await client.reserve(customer, UNIT, 2), 1), close: nothing };
}

/** [name, contender, whether its calls are awaited, the least rate, the largest p99 in µs]. */
const CONTENDERS = [
  ["avs-brain-client checkNow, as decided before", kept, false, 500_000, 5],
  ["avs-brain-client check, awaited", awaited, true, 500_000, 5],
  ["avs-brain-client checkNow, decided anew", () => anew(DOCUMENT), false, 250_000, 10],
  ["avs-brain-client checkNow of 0.25, decided anew", anewOfDecimal, false, 250_000, 10],
  ["avs-brain-client check + record", () => checkAndRecord(DOCUMENT), true, 100_000, null],
  ["avs-brain-client reserve + commit", reserveAndCommit, true, 60_000, null],
  ["avs-brain-client checkNow, decided anew by a price plan", () => anew(PLANNED), false, null, null],
  ["avs-brain-client check + record by a price plan", () => checkAndRecord(PLANNED), true, null, null],
  ["GrowthBook isOn", growthbook, false, null, null],
  ["Unleash isEnabled", () => unleash(CUSTOMERS), false, null, null],
  ["flagd resolveBooleanEvaluation", flagd, false, null, null],
];

async function round(ask, isAwaited) {
  const [began, spent] = [performance.now(), process.cpuUsage()];
  for (let call = 0; call < CALLS; call += 1) {
    const answer = ask(CUSTOMERS[call % CUSTOMERS.length]);
    if (isAwaited) {
      await answer;
    }
  }
  const { user, system } = process.cpuUsage(spent);
  return [CALLS / ((user + system) / 1e6), CALLS / ((performance.now() - began) / 1000)];
}

async function latencies(ask, isAwaited) {
  const taken = new Float64Array(SAMPLES);
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const began = process.hrtime.bigint();
    const answer = ask(CUSTOMERS[sample % CUSTOMERS.length]);
    if (isAwaited) {
      await answer;
    }
    taken[sample] = Number(process.hrtime.bigint() - began) / 1000;
  }
  return taken.sort();
}

async function measured(contender, isAwaited) {
  const { ask, close } = await contender();
  const rounds = [];
  for (let count = 0; count < ROUNDS; count += 1) {
    rounds.push(await round(ask, isAwaited));
  }
  const taken = await latencies(ask, isAwaited);
  await close();
  const [rate, wall] = [0, 1].map((at) => Math.max(...rounds.map((one) => one[at])));
  return { rate, wall, p50: taken[SAMPLES / 2], p99: taken[Math.floor(SAMPLES * 0.99)] };
}

function row(name, { rate, wall, p50, p99 }) {
  const whole = (number) => Math.round(number).toLocaleString("en-US");
  return `| ${name} | ${whole(rate)} | ${whole(wall)} | ${p50.toFixed(2)} | ${p99.toFixed(2)} |`;
}

console.log(`Node ${process.version}, load before the run ${loadavg()[0].toFixed(1)}\n`);
console.log("| | decisions/s of processor time | decisions/s, wall clock | p50 µs | p99 µs |");
console.log("|---|---:|---:|---:|---:|");
const missed = [];
for (const [name, contender, isAwaited, leastRate, mostP99] of CONTENDERS) {
  try {
    const found = await measured(contender, isAwaited);
    console.log(row(name, found));
    if (found.rate < (leastRate ?? 0) || found.p99 >= (mostP99 ?? Number.POSITIVE_INFINITY)) {
      missed.push(name);
    }
  } catch (problem) {
    if (problem.code !== "MODULE_NOT_FOUND") {
      throw problem;
    }
    console.log(`| ${name} | not installed | | | |`);
  }
}
console.log(missed.length === 0 ? "\nEvery goal is met." : `\nMissed: ${missed.join("; ")}.`);
process.exit(missed.length === 0 ? 0 : 1);
