// While the counters do not answer: decisions by what was seen, then as each rail says; what is used is counted later, once.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Account } from "../src/account.js";
import { MemoryCounters, type MemoryLedger } from "../src/counters/memory.js";
import { Deciding, type DecidingOptions } from "../src/deciding.js";
import { CountersUnavailable } from "../src/errors.js";
import type { CountersStatus } from "../src/keeping.js";
import { PeriodSetting } from "../src/periods.js";
import type { CounterStore, Edit, Ledger, Marks } from "../src/store.js";
import {
  config,
  type Members,
  pool,
  PutInForce,
  rails,
  read,
  SeenQueue,
  SetClock,
  SUBJECT,
  UNIT,
} from "./support/documents.js";
import { eventually } from "./waiting.js";

const HARD_STOP = { pools: [pool({ overage_behavior: "hard_stop" })] };

/** Accounts elsewhere: they outlive the process, and can be out of reach, before or after a change was made. */
class FarLedger implements Ledger {
  readonly viewMs = 0;
  readonly survives = true;
  readonly newcomer;
  readonly snapshots: ReadonlyMap<string, Account>;
  isAway = false;
  losesAnswers = false;
  asked = 0;

  constructor(private readonly near: MemoryLedger) {
    this.newcomer = near.newcomer;
    this.snapshots = near.snapshots;
  }

  async read(customerId: string): Promise<Account> {
    this.answer();
    return this.near.read(customerId);
  }

  async update<T>(customerId: string, marks: Marks, nowUs: number, edit: Edit<T>): Promise<T> {
    this.answer();
    const made = this.near.update(customerId, marks, nowUs, edit);
    if (this.losesAnswers) {
      this.isAway = true;
      throw new CountersUnavailable("The answer was lost.");
    }
    return made;
  }

  private answer(): void {
    this.asked += 1;
    if (this.isAway) {
      throw new CountersUnavailable("Nobody answers.");
    }
  }
}

/** A client's deciding half whose counters are far away. */
class Far extends Deciding {
  readonly clock: SetClock;
  readonly queue: SeenQueue;
  readonly inForce: PutInForce;
  readonly problems: Set<string>;
  readonly far: FarLedger;

  constructor(
    members: Members,
    delivery: Members,
    options: DecidingOptions & { keptPath?: string; far?: FarLedger } = {},
  ) {
    const far = options.far ?? new FarLedger(new MemoryCounters().ledger(""));
    const store: CounterStore = { ledger: () => far, close: () => undefined };
    const [clock, queue, setting, problems] = [new SetClock(), new SeenQueue(), new PeriodSetting(), new Set<string>()];
    const inForce = new PutInForce(read(config(members, delivery)), setting);
    const log = {
      begin: (code: string) => void problems.add(code),
      end: (...codes: readonly string[]) => void codes.map((code) => problems.delete(code)),
    };
    const { keptPath = null } = options;
    const shared = { subject: SUBJECT, config: inForce, store, queue, setting, clock, keptPath };
    super({ ...shared, problems: log, warn: () => undefined }, options);
    this.clock = clock;
    this.queue = queue;
    this.inForce = inForce;
    this.problems = problems;
    this.far = far;
  }

  get counters(): CountersStatus {
    return this.keeper?.status as CountersStatus;
  }

  settleIfAny(): Promise<void> {
    return this.keeper?.settleIfAny() as Promise<void>;
  }

  async used(customerId = "c"): Promise<string> {
    return String((await this.usage(customerId)).units.get(UNIT)?.used);
  }
}

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "avs-outages-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("decisions go by what was seen last, with what was used since, and nobody waits for who does not answer", async () => {
  const client = new Far(HARD_STOP, {});
  await client.record("c", UNIT, 4);
  client.far.isAway = true;
  expect(String((await client.check("c", UNIT)).remaining)).toBe("6");
  const asked = client.far.asked;
  await client.record("c", UNIT, 5);
  expect(String((await client.check("c", UNIT)).remaining)).toBe("1");
  expect((await client.reserve("c", UNIT, 2)).decision).toMatchObject({ allow: false, reasonCode: "hard_stop" });
  expect(client.far.asked).toBe(asked);
  expect(client.counters).toMatchObject({ state: "snapshot", kept: 1, keptInMemory: 1, problem: "Nobody answers." });
  expect([...client.problems]).toEqual(["counters_unavailable"]);
});

test.each<[Members, Members, boolean]>([
  [HARD_STOP, {}, false],
  [HARD_STOP, { on_counters_unavailable: { hard_stop: "open" } }, true],
  [{}, {}, true],
  [{ rails: rails({ usage_thresholds: [{ percent: 90, action: "block" }] }) }, {}, true],
  [
    { rails: rails({ usage_thresholds: [{ percent: 90, action: "block" }] }) },
    { on_counters_unavailable: { usage_thresholds: "closed" } },
    false,
  ],
  [{ rails: rails({ monthly_spend_cap_usd: 5, at_cap_action: "warn" }) }, {}, false],
  [{ rails: rails({ absolute_usage_caps: [{ value_unit_id: UNIT, max_quantity: 9 }] }) }, {}, false],
])(
  "when that is too old each rail does as the document says (%j, %j): allowed is %s",
  async (members, delivery, allow) => {
    const client = new Far(members, delivery, { snapshotSeconds: 10 });
    await client.record("c", UNIT, 1);
    client.far.isAway = true;
    expect((await client.check("c", UNIT)).reasonCode).toBe("included");
    client.clock.pass(11);
    const expected = { allow, action: allow ? null : "block", reasonCode: "counters_unavailable", remaining: null };
    expect(await client.check("c", UNIT)).toMatchObject(expected);
    expect(await client.check("never seen", UNIT)).toMatchObject(expected);
    expect((await client.reserve("c", UNIT)).decision).toMatchObject(expected);
    expect(client.counters.state).toBe("unavailable");
  },
);

test("what is used in an outage is counted once when it is over, and fires then", async () => {
  const members = { rails: rails({ usage_thresholds: [{ percent: 70, action: "warn" }] }) };
  const client = new Far(members, {});
  const made = await client.reserve("c", UNIT, 3);
  client.far.isAway = true;
  await client.check("c", UNIT);
  await client.commit(made, 2);
  await client.record("c", UNIT, 1, { eventId: "e" });
  expect((await client.record("c", UNIT, 1, { eventId: "e" })).duplicate).toBe(true);
  await client.record("c", UNIT, "0.5");
  await client.recordEvent({ event_type: "render", customer_id: "c", minutes: 4 });
  expect(client.queue.released).toEqual([]);
  client.far.isAway = false;
  await eventually(() => client.counters.state === "ok");
  expect([client.counters.kept, client.problems.size, await client.used()]).toEqual([0, 0, "7.5"]);
  expect((await client.record("c", UNIT, 1, { eventId: "e" })).duplicate).toBe(true);
  expect((await client.commit(made)).duplicate).toBe(true);
  expect(client.queue.bodies().map((event) => event["event_type"])).toEqual(["rail_warning_shown"]);
});

test("a commit whose answer was lost counts once", async () => {
  const client = new Far({}, {});
  const made = await client.reserve("c", UNIT, 3);
  client.far.losesAnswers = true;
  expect((await client.commit(made)).duplicate).toBe(false);
  expect(client.counters.kept).toBe(1);
  client.far.losesAnswers = false;
  client.far.isAway = false;
  await eventually(() => client.counters.state === "ok");
  expect(await client.used()).toBe("3");
});

test("a record without an eventId whose answer was lost is the caller's to judge", async () => {
  const client = new Far({}, {});
  client.far.losesAnswers = true;
  await expect(client.record("c", UNIT, 3)).rejects.toMatchObject({ code: "counters_unavailable" });
  await expect(client.record("c", UNIT, 3)).resolves.toMatchObject({ duplicate: false });
});

test("what a process kept on disk is counted by the next one", async () => {
  const far = new FarLedger(new MemoryCounters().ledger(""));
  const keptPath = join(folder, "kept");
  const first = new Far({}, {}, { keptPath, far });
  far.isAway = true;
  await first.check("c", UNIT);
  await first.record("c", UNIT, 2);
  expect(first.counters).toMatchObject({ kept: 1, keptInMemory: 0 });
  far.isAway = false;
  const second = new Far({}, {}, { keptPath, far });
  await Promise.all([first.settleIfAny(), second.settleIfAny()]);
  await eventually(async () => (await second.used()) === "2");
  await second.settleIfAny();
  expect(await second.used()).toBe("2");
});
