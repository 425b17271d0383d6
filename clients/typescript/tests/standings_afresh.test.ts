// What a client keeps of its decisions is what it would decide anew: after any calls, by any config and plan.
import fc from "fast-check";
import { expect, test } from "vitest";
import { dumped, loaded } from "../src/account_text.js";
import { MemoryCounters } from "../src/counters/memory.js";
import type { Document } from "../src/document.js";
import { PeriodSetting } from "../src/periods.js";
import { CASE, type Case, type Step } from "./support/cases.js";
import { type Decider, decider } from "./support/deciders.js";
import { EXPORT, read, SetClock, UNIT } from "./support/documents.js";

const NAMESPACE = "ws_1/production";

/** A client that has decided nothing yet and knows what another one knows. */
function afresh(document: Document, store: MemoryCounters, clock: SetClock, setting: PeriodSetting): Decider {
  const copy = new MemoryCounters();
  for (const [name, account] of store.ledger(NAMESPACE).snapshots) {
    copy.ledger(NAMESPACE).update(name, new Map(), 0, () => [loaded(dumped(account)), null]);
  }
  const same = new SetClock();
  [same.wall, same.monotonic] = [clock.wall, clock.monotonic];
  return decider({ document, store: copy, setting, clock: same });
}

async function does({ client, clock }: Decider, step: Step): Promise<void> {
  switch (step.kind) {
    case "pass":
      return clock.pass(step.seconds);
    case "record": {
      const at = new Date(clock.wall / 1000 + step.days * 86_400_000);
      await client.record(step.customer, step.unit, step.quantity, { eventId: step.id, at });
      return;
    }
    case "reserve":
      await client.reserve(step.customer, step.unit, step.quantity, { seconds: step.seconds });
      return;
    case "approve":
      return client.approve(step.customer, step.unit, { approvedBy: "Theresa" });
    default:
  }
}

async function compare({ members, days, steps }: Case): Promise<void> {
  const setting = new PeriodSetting(undefined, null, (name) => days[name]);
  const [document, store] = [read(members), new MemoryCounters()];
  const own = decider({ document, store, setting });
  for (const step of steps) {
    await does(own, step);
    const { client } = afresh(document, store, own.clock, setting);
    for (const customer of ["ann", "bob"]) {
      for (const of of [UNIT, EXPORT]) {
        const quantity = step.kind === "check" ? step.quantity : 1;
        expect(await own.client.check(customer, of, quantity)).toEqual(await client.check(customer, of, quantity));
      }
    }
  }
}

test("a client that has gone on deciding decides as one that begins with the same accounts", async () => {
  await fc.assert(fc.asyncProperty(CASE, compare), { numRuns: 150 });
});
