// What holds for every sequence of calls: never more than allowed, duplicates change nothing, order does not matter.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Reservation } from "../src/bookkeeping.js";
import { Decimal } from "../src/decimal.js";
import type { Document } from "../src/document.js";
import { unscaled } from "../src/numbers.js";
import type { Statement, UnitUse } from "../src/statement.js";
import { decider } from "./support/deciders.js";
import { config, type Members, NOW, pool, rails, read, UNIT } from "./support/documents.js";

const QUANTITY = fc.oneof(
  fc.integer({ min: 0, max: 8 }).map((whole) => Decimal.of(whole)),
  fc.integer({ min: 0, max: 5_000 }).map((thousandths) => Decimal.normal(BigInt(thousandths), -3)),
);
const STEP = fc.tuple(fc.constantFrom("reserve", "commit", "release", "lapse"), QUANTITY, fc.nat(5));

const CAPS: Readonly<Record<string, readonly [most: number, members: Members]>> = {
  "a hard stop": [10, { pools: [pool({ overage_behavior: "hard_stop" })] }],
  "a blocking threshold": [9, { rails: rails({ usage_thresholds: [{ percent: 90, action: "block" }] }) }],
  "a spend cap": [17, { rails: rails({ monthly_spend_cap_usd: 7, at_cap_action: "block" }) }],
  "a spend cap by a price plan": [
    17,
    {
      rails: rails({ monthly_spend_cap_usd: 7, at_cap_action: "block" }),
      rating_agility: { price_plan: { platform_fee_usd: 2, prepaid: { amount_usd: 3, price_usd: 1 } } },
    },
  ],
  "an absolute cap": [4, { rails: rails({ absolute_usage_caps: [{ value_unit_id: UNIT, max_quantity: 4 }] }) }],
};

/** A client of one customer who reserves, commits, releases and forgets. */
class Worker {
  readonly open: Reservation[] = [];
  private readonly own;

  constructor(document: Document) {
    this.own = decider({ document });
  }

  /** Nobody commits more than was reserved. */
  async does(what: string, quantity: Decimal, which: number): Promise<void> {
    const { client, clock } = this.own;
    if (what === "reserve") {
      const made = await client.reserve("c", UNIT, quantity, { seconds: 60 });
      this.open.push(...(made.decision.allow ? [made] : []));
    } else if (what === "lapse") {
      clock.pass(61);
      this.open.length = 0;
    } else if (this.open.length > 0) {
      const [made] = this.open.splice(which % this.open.length, 1) as [Reservation];
      const held = unscaled(made.hold.quantity);
      const part = quantity.compare(held) < 0 ? quantity : held;
      await (what === "release" ? client.release(made) : client.commit(made, part));
    }
  }

  async taken(): Promise<Decimal> {
    const use = (await this.own.client.usage("c")).units.get(UNIT) as UnitUse;
    return use.used.plus(use.reserved);
  }
}

test.each(Object.keys(CAPS))("work reserved below %s never uses more than it allows", async (cap) => {
  const [most, members] = CAPS[cap] as readonly [number, Members];
  const document = read(config(members));
  const holds = fc.asyncProperty(fc.array(STEP, { maxLength: 40 }), async (steps) => {
    const worker = new Worker(document);
    for (const step of steps) {
      await worker.does(...step);
      expect((await worker.taken()).compare(Decimal.of(most))).toBeLessThanOrEqual(0);
    }
  });
  await fc.assert(holds, { numRuns: 60 });
});

type Sent = readonly (readonly [number: number, quantity: Decimal, days: number])[];

async function booksOf(document: Document, sent: Sent): Promise<readonly Statement[]> {
  const { client } = decider({ document });
  for (const [number, quantity, days] of sent) {
    const at = new Date(NOW.getTime() + days * 86_400_000);
    await client.record("c", UNIT, quantity, { eventId: `evt_${number}`, at });
  }
  const ends = [0, 1, 2, 3].map((index) => new Date(NOW.getTime() + 30 * index * 86_400_000));
  return Promise.all(ends.map((at) => client.usage("c", { at })));
}

test("neither order nor copies of records matter", async () => {
  const rollover = { enabled: true, expires_after_days: 60, max_rollover_quantity: 12 };
  const document = read(config({ pools: [pool({ rollover })] }));
  const records = fc.uniqueArray(fc.tuple(fc.nat(20), QUANTITY, fc.nat(100)), {
    maxLength: 20,
    selector: ([id]) => id,
  });
  const shuffled = records.chain((sent) =>
    fc.tuple(fc.constant(sent), fc.shuffledSubarray([...sent, ...sent], { minLength: sent.length * 2 })),
  );
  const agree = fc.asyncProperty(shuffled, async ([sent, again]) => {
    expect(await booksOf(document, again)).toEqual(await booksOf(document, sent));
  });
  await fc.assert(agree, { numRuns: 60 });
});

const TWO_THRESHOLDS = [
  { percent: 50, action: "warn" },
  { percent: 150, action: "require_approval" },
];

test("check, checkNow and reserve say the same, quickly or considered", async () => {
  const limits = rails({ usage_thresholds: TWO_THRESHOLDS, monthly_spend_cap_usd: 4, at_cap_action: "throttle" });
  const document = read(config({ rails: limits }));
  const agree = fc.asyncProperty(
    fc.array(QUANTITY, { maxLength: 8 }),
    QUANTITY,
    fc.nat(30),
    async (used, quantity, whole) => {
      const { client } = decider({ document });
      for (const amount of used) {
        await client.record("c", UNIT, amount);
      }
      for (const asked of [quantity, whole]) {
        const quick = await client.check("c", UNIT, asked);
        const made = await client.reserve("c", UNIT, asked);
        await client.release(made);
        expect(await client.check("c", UNIT, asked)).toEqual(quick);
        expect([client.checkNow("c", UNIT, asked), made.decision]).toEqual([quick, quick]);
      }
    },
  );
  await fc.assert(agree, { numRuns: 100 });
});
