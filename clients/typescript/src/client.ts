/** The client: what an app calls. Deciding and counting happen in this process; the network is between the calls. */
import type { Recorded, Reservation } from "./bookkeeping.js";
import { microseconds, timestamp } from "./clock.js";
import { MemoryCounters } from "./counters/memory.js";
import type { CountersStatus } from "./counters/steady.js";
import { Deciding, type DecidingOptions } from "./deciding.js";
import { Delivery, type DeliveryOptions } from "./delivery.js";
import type { PeriodAnchor } from "./document.js";
import { CountersUnavailable } from "./errors.js";
import type { EventQueue } from "./events.js";
import { type GivenEvent, usageEvent } from "./metering.js";
import { freshName } from "./names.js";
import { type Quantity, used } from "./numbers.js";
import { keptPath, usagePath } from "./paths.js";
import { ANCHOR, type CustomerDay, PeriodSetting } from "./periods.js";
import { compiled } from "./plan.js";
import type { Problem } from "./problems.js";
import type { Answer, CounterStore } from "./store.js";
import type { State } from "./types.js";
import { UsageEvents, type UsageOptions } from "./usage_events.js";
import { UsageSender } from "./usage_sender.js";

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
  /** Whether AVS Brain is sent a usage event of every count, too, unless a call says otherwise; false unless said. */
  readonly sendUsage?: boolean;
}

/** What may be said about a record: its id, when it was, and the usage event that AVS Brain is sent of it. */
export interface RecordOptions extends UsageOptions {
  readonly eventId?: string | null;
  readonly at?: Date | string | null;
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
  /** How the counters are; what a store that cannot fail has is ok. */
  readonly counters: CountersStatus;
}

/** How counters are that cannot fail. */
const COUNTING: CountersStatus = { state: "ok", since: null, problem: null, kept: 0, keptInMemory: 0 };

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
  private readonly usageQueue: EventQueue;
  private readonly usageSender: UsageSender;
  private readonly usageEvents: UsageEvents;
  private usageTaken = 0;
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
    const kept = options.directory === undefined ? null : keptPath(options.directory, subject);
    super({ subject, config, store, queue, setting, clock, problems, warn, keptPath: kept }, options);
    this.delivery = delivery;
    this.store = store;
    this.usageQueue = delivery.queueAt(usagePath);
    this.usageSender = new UsageSender(this.usageQueue, delivery.brain, problems);
    const namespace = `${subject.workspaceId}/${subject.targetEnvironment}`;
    const always = options.sendUsage ?? false;
    this.usageEvents = new UsageEvents({ queue: this.usageQueue, subject, namespace, problems, always });
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
  async flush(): Promise<number> {
    const before = this.usageTaken;
    const taken = await this.delivery.flush();
    return taken + this.usageTaken - before;
  }

  /** As `Deciding.record`; `sendUsage` sends AVS Brain a usage event of it too, through the same durable queue, once. */
  override async record(
    customerId: string,
    valueUnitId: string,
    quantity: Quantity = 1,
    options: RecordOptions = {},
  ): Promise<Recorded> {
    if (!this.usageEvents.isWanted(options)) {
      return super.record(customerId, valueUnitId, quantity, options);
    }
    const atUs = options.at == null ? this.delivery.clock.wallUs() : microseconds(options.at);
    const eventId = options.eventId ?? freshName();
    const use = { customerId, valueUnitId, quantity: used(quantity, "quantity"), atUs };
    const count = { name: eventId, mark: `e:${valueUnitId}:${eventId}` };
    const sent = this.usageEvents.ofUse(this.termsAt(customerId, atUs), use, options, count);
    const at = timestamp(atUs);
    return this.usageEvents.sending(sent, this.survives, () =>
      super.record(customerId, valueUnitId, quantity, { eventId, at }),
    );
  }

  /** As `Deciding.recordEvent`; with `sendUsage` AVS Brain is sent this very event, once. */
  override async recordEvent(event: GivenEvent, options: Pick<UsageOptions, "sendUsage"> = {}): Promise<Recorded> {
    if (!this.usageEvents.isWanted(options)) {
      return super.recordEvent(event);
    }
    const { clock, subject } = this.delivery;
    const nowUs = clock.wallUs();
    const named = { ...event, event_id: event.event_id ?? `use_${freshName()}`, ts: event.ts ?? timestamp(nowUs) };
    const sent = this.usageEvents.ofEvent(named, usageEvent(named, subject, nowUs));
    return this.usageEvents.sending(sent, this.survives, () => super.recordEvent(named));
  }

  /** As `Deciding.commit`; the usage event falls into the period that the work was reserved in, as the count does. */
  override async commit(reservation: Reservation, quantity?: Quantity, options: UsageOptions = {}): Promise<Recorded> {
    if (!this.usageEvents.isWanted(options)) {
      return super.commit(reservation, quantity);
    }
    const { customerId, hold, reservationId: name } = reservation;
    const atUs = this.countsAtUs(reservation);
    const amount = quantity === undefined ? hold.quantity : used(quantity, "quantity");
    const use = { customerId, valueUnitId: hold.valueUnitId, quantity: amount, atUs };
    const sent = this.usageEvents.ofUse(this.termsAt(customerId, atUs), use, options, { name, mark: `c:${name}` });
    return this.usageEvents.sending(sent, this.survives, () => super.commit(reservation, quantity));
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
      eventsWaiting: this.delivery.queue.size + this.usageQueue.size + this.overflowing,
      eventsRefused: this.delivery.queue.refused.size + this.usageQueue.refused.size,
      problems,
      counters: this.keeper?.status() ?? COUNTING,
    };
  }

  /** Calls the listener whenever another config or state takes over, until what this returns is called. */
  onChange(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Says something where the client says what happens. */
  log(level: "info" | "warn" | "error", message: string): void {
    this.delivery.problems.log(level, message);
  }

  /** Sends what waits if AVS Brain answers, ends what runs, gives back files and connections; a given store stays. */
  async close(): Promise<void> {
    await this.delivery.close();
    this.keeper?.close();
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
    this.usageEvents.catchUp();
    try {
      await this.keeper?.settleIfAny();
      await this.usageQueue.settle((namespace, customerId, mark) => this.remembers(namespace, customerId, mark));
      await queue.settle(async (namespace, customerId, mark) => {
        const account = await this.store.ledger(namespace).read(customerId);
        return account.fired.has(mark);
      });
    } catch (problem) {
      if (!(problem instanceof CountersUnavailable)) {
        throw problem;
      }
      this.log("info", `Events wait for their counts: ${problem.message}`);
    }
    this.usageTaken += await this.usageSender.flush();
  }

  /** Whether the counters remember that this was counted. */
  private remembers(namespace: string, customerId: string, mark: string): Answer<boolean> {
    const nowUs = this.delivery.clock.wallUs();
    const ledger = this.store.ledger(namespace);
    return ledger.update(customerId, new Map([[mark, nowUs]]), nowUs, (_, known) => [null, known.size > 0]);
  }

  /** Events that are in memory only. */
  private get overflowing(): number {
    return this.reporter.overflowing + this.usageEvents.overflowing;
  }
}
