/** The client: what an app calls. Deciding and counting happen in this process; the network is between the calls. */
import { MemoryCounters } from "./counters/memory.js";
import { Deciding, type DecidingOptions } from "./deciding.js";
import { Delivery, type DeliveryOptions } from "./delivery.js";
import type { PeriodAnchor } from "./document.js";
import type { EventQueue } from "./events.js";
import { ANCHOR, type CustomerDay, PeriodSetting } from "./periods.js";
import { compiled } from "./plan.js";
import type { Problem } from "./problems.js";
import type { CounterStore } from "./store.js";
import type { State } from "./types.js";

/** How a client has its config, how it decides, and how it counts. */
export interface ClientOptions extends DeliveryOptions, DecidingOptions {
  /** Where use is counted; in this process's memory unless said. */
  readonly counters?: CounterStore;
  /** How periods are cut where the document does not say: 30 days from a moment on, or months of a time zone. */
  readonly periodAnchor?: Date | Exclude<PeriodAnchor, { kind: "fixed" }>;
  /** The day of the month on which a customer's own periods begin; null: the day of their first use. */
  readonly customerDay?: CustomerDay;
  /** From when every customer's unused allowance rolls over; from their own first use unless said. */
  readonly accruesFrom?: Date;
}

/**
 * How the client is doing. `state` is fresh, stale, expired or never_loaded; `problems` is all that is wrong now, the
 * oldest first, `problem` the text of the newest.
 *
 * `configVersionId` and `sequence` are of the config that was delivered last, which may let the running period go on by
 * the terms before it.
 */
export interface Status {
  readonly state: State;
  readonly configVersionId: string | null;
  readonly sequence: number | null;
  readonly ageSeconds: number | null;
  readonly problem: string | null;
  readonly eventsWaiting: number;
  readonly eventsRefused: number;
  readonly problems: readonly Problem[];
}

/** Told how the client is doing after another config or state took over. */
export type ChangeListener = (status: Status) => void;

/**
 * Enforces the active config of one subject.
 *
 * Errors in the options are RangeErrors of the constructor. Without a connection everything works but `refresh` and
 * `flush`: the config held decides, counts are made, events wait.
 */
export class Client extends Deciding {
  private readonly delivery: Delivery;
  private readonly store: CounterStore;
  private readonly listeners = new Set<ChangeListener>();

  constructor(options: ClientOptions) {
    const { periodAnchor = ANCHOR, accruesFrom = null, customerDay = null, counters } = options;
    const setting = new PeriodSetting(periodAnchor, accruesFrom, customerDay);
    const store = counters ?? new MemoryCounters();
    const sending: { settle: (queue: EventQueue) => Promise<void> } = { settle: () => Promise.resolve() };
    const delivery = new Delivery(options, {
      compile: (document) => compiled(document, setting),
      beforeSend: (waiting) => sending.settle(waiting),
    });
    const { subject, config, queue, clock, problems } = delivery;
    const warn = (message: string) => problems.log("warn", message);
    super({ subject, config, store, queue, setting, clock, problems, warn }, options);
    this.delivery = delivery;
    this.store = store;
    sending.settle = (waiting) => this.settle(waiting);
    config.onChange = () => this.changed();
  }

  /** Follows the config and sends events in the background; returns at once. */
  start(): this {
    this.delivery.start();
    return this;
  }

  /** Waits for the first config, from disk or from AVS Brain; whether it came in time. */
  waitUntilLoaded(timeoutSeconds?: number): Promise<boolean> {
    return this.delivery.waitUntilLoaded(timeoutSeconds);
  }

  /** Asks for the config once, now. Rejects with Unreachable or DocumentRefused; what is held stays in force then. */
  refresh(): Promise<void> {
    return this.delivery.refresh();
  }

  /** Sends waiting events now; how many were taken. Rejects with Unreachable; what was not taken keeps waiting. */
  flush(): Promise<number> {
    return this.delivery.flush();
  }

  /** How the client is doing, for health checks and dashboards. */
  get status(): Status {
    const { plan, state } = this.delivery.config.current();
    const problems = this.delivery.problems.listed();
    return {
      state,
      configVersionId: plan?.configVersionId ?? null,
      sequence: plan?.document.delivery.sequence ?? null,
      ageSeconds: this.delivery.config.ageSeconds,
      problem: problems.at(-1)?.text ?? null,
      eventsWaiting: this.delivery.queue.size + this.reporter.overflowing,
      eventsRefused: this.delivery.queue.refused.size,
      problems,
    };
  }

  /** Calls the listener whenever another config or state takes over, until what this returns is called. */
  onChange(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Sends what waits if AVS Brain answers, ends what runs, gives back files and connections; a given store stays. */
  async close(): Promise<void> {
    await this.delivery.close();
  }

  /** `await using client = new Client(…)` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private changed(): void {
    for (const listener of this.listeners) {
      try {
        listener(this.status);
      } catch (problem) {
        this.delivery.problems.log("error", `What is called after a change failed: ${String(problem)}`);
      }
    }
  }

  /** Writes down what did not fit on the disk, and finds out what a process that died left held. */
  private async settle(queue: EventQueue): Promise<void> {
    this.reporter.catchUp();
    await queue.settle(async (namespace, customerId, mark) => {
      const account = await this.store.ledger(namespace).read(customerId);
      return account.fired.has(mark);
    });
  }
}
