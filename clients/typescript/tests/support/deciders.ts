// A deciding half with a config put in force, a clock that tests set, and a queue that tests look into.
import { MemoryCounters } from "../../src/counters/memory.js";
import { Deciding, type DecidingOptions } from "../../src/deciding.js";
import type { Document, Subject } from "../../src/document.js";
import { PeriodSetting } from "../../src/periods.js";
import type { CounterStore } from "../../src/store.js";
import { PutInForce, SeenQueue, SetClock, SUBJECT } from "./documents.js";

export interface Setup extends DecidingOptions {
  readonly document: Document | null;
  readonly subject?: Subject;
  readonly store?: CounterStore;
  readonly setting?: PeriodSetting;
  readonly clock?: SetClock;
}

export interface Decider {
  readonly client: Deciding;
  readonly clock: SetClock;
  readonly config: PutInForce;
  readonly queue: SeenQueue;
  readonly problems: Map<string, string>;
  readonly warnings: string[];
}

export function decider(setup: Setup): Decider {
  const { subject = SUBJECT, store = new MemoryCounters(), setting = new PeriodSetting() } = setup;
  const { clock = new SetClock() } = setup;
  const config = new PutInForce(setup.document, setting);
  const queue = new SeenQueue();
  const problems = new Map<string, string>();
  const warnings: string[] = [];
  const foundation = {
    subject,
    config,
    store,
    queue,
    setting,
    clock,
    problems: {
      begin: (code: string, text: string) => void problems.set(code, text),
      end: (...codes: readonly string[]) => void codes.map((code) => problems.delete(code)),
    },
    warn: (message: string) => void warnings.push(message),
  };
  return { client: new Deciding(foundation, setup), clock, config, queue, problems, warnings };
}
