/** From what fired to enforcement events in the queue: once each, and not lost when the disk is full. */
import { createHash, randomBytes } from "node:crypto";
import { timestamp } from "./clock.js";
import type { Decision } from "./decide.js";
import { PERIOD_DAYS, type Subject } from "./document.js";
import { type Firing, GRADUATED, thresholdKey } from "./firing.js";
import { isGivenId } from "./ids.js";
import { exactJson, type Writable } from "./json.js";
import { unscaled } from "./numbers.js";
import { Outbox } from "./outbox.js";
import type { Period } from "./periods.js";
import type { Plan } from "./plan.js";
import type { EventSink, Outgoing, ProblemLog } from "./types.js";

const MOST_REMEMBERED = 100_000;

/** A quantity that was asked for: in which period, of which unit, scaled, and when. */
export interface Wanted {
  readonly period: Period;
  readonly valueUnitId: string;
  readonly quantity: bigint;
  readonly nowUs: number;
}

/** What an event says, and what its id is made of. */
interface Told {
  readonly eventType: string;
  readonly context: Readonly<Record<string, Writable>>;
  readonly mark: string;
  readonly once: readonly (string | number)[];
}

/** What reporting needs; `namespace` is the ledger's, for the proof that a count was made. */
export interface Reporting {
  readonly queue: EventSink;
  readonly subject: Subject;
  readonly namespace: string;
  readonly problems: ProblemLog;
  readonly warn: (message: string) => void;
}

/** Makes the events of one subject. */
export class Reporter {
  private readonly outbox: Outbox;
  private readonly refusals = new Set<string>();
  private readonly unfit = new Set<string>();

  constructor(private readonly to: Reporting) {
    this.outbox = new Outbox(to.queue, to.problems, "event queue");
  }

  /** The events of what fired; what is not reported by itself has none. */
  events(plan: Plan, customerId: string, firings: readonly Firing[], nowUs: number): readonly Outgoing[] {
    return firings.flatMap((firing) => {
      const { eventType, context, mark, key, period } = firing;
      if (eventType === null) {
        return [];
      }
      const once = [key === GRADUATED ? "" : ofPeriod(period), key];
      return [this.event(plan.inPeriod(period), customerId, nowUs, { eventType, context, mark, once })];
    });
  }

  /** Reports that a customer was blocked: once per customer, period and reason, however often they try. */
  refused(plan: Plan, customerId: string, wanted: Wanted, decision: Decision): void {
    if (decision.action !== "block") {
      return;
    }
    const { period, valueUnitId, nowUs } = wanted;
    const key = refusalKey(valueUnitId, decision);
    const mark = `${period.key}:${key}`;
    if (this.isKnown(`${customerId}\n${mark}`)) {
      return;
    }
    const once = [ofPeriod(period), key];
    const told = { eventType: "hard_cap_blocked", context: refusal(wanted, decision), mark, once };
    this.release([this.event(plan.inPeriod(period), customerId, nowUs, told)]);
  }

  /** Reports something that the app tells, by the terms of a period; every call is an event of its own. */
  say(terms: Plan, customerId: string, nowUs: number, told: Pick<Told, "eventType" | "context">): void {
    const once = [randomBytes(12).toString("hex")];
    this.release([this.event(terms, customerId, nowUs, { ...told, mark: "", once })]);
  }

  /** Before the count. */
  hold(events: readonly Outgoing[]): void {
    this.outbox.hold(events);
  }

  /** After the count. */
  release(events: readonly Outgoing[]): void {
    this.outbox.release(events);
  }

  /** There was no count. */
  discard(eventIds: readonly string[]): void {
    this.outbox.discard(eventIds);
  }

  /** Writes down what did not fit on the disk before. */
  catchUp(): void {
    this.outbox.catchUp();
  }

  /** How many events are in memory only. */
  get overflowing(): number {
    return this.outbox.overflowing;
  }

  private isKnown(refusalMark: string): boolean {
    if (this.refusals.has(refusalMark)) {
      return true;
    }
    if (this.refusals.size >= MOST_REMEMBERED) {
      this.refusals.clear();
    }
    this.refusals.add(refusalMark);
    return false;
  }

  /** Says once that AVS Brain will refuse what is reported about a customer, because of the customer's id. */
  private checkCustomer(customerId: string): void {
    if (isGivenId(customerId) || this.unfit.has(customerId) || this.unfit.size >= MOST_REMEMBERED) {
      return;
    }
    this.unfit.add(customerId);
    this.to.warn(
      `AVS Brain refuses enforcement events about customer ${JSON.stringify(customerId)}: a customer_id has 1 to 200 ` +
        "characters and no control or direction characters. Its use is counted all the same.",
    );
  }

  private event(plan: Plan, customerId: string, nowUs: number, told: Told): Outgoing {
    const { workspaceId, targetEnvironment } = this.to.subject;
    this.checkCustomer(customerId);
    const eventId = eventIdOf([workspaceId, targetEnvironment, customerId, ...told.once]);
    const body = exactJson({
      enforcement_event_id: eventId,
      workspace_id: workspaceId,
      customer_id: customerId,
      config_version_id: plan.configVersionId,
      occurred_at: timestamp(nowUs),
      event_type: told.eventType,
      context: told.context,
    });
    return { eventId, body, proof: [this.to.namespace, customerId, told.mark] };
  }
}

/** The id of something that happens once: the same parts, the same id, in every process and language. */
export function eventIdOf(parts: readonly (string | number)[]): string {
  return `enf_${createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 32)}`;
}

/** What an event's id has of a period: the start where there are 30 days from it, else the whole key. */
function ofPeriod({ key, startUs }: Period): string | number {
  return key.startsWith(`${PERIOD_DAYS}d@`) ? startUs : key;
}

function refusal(wanted: Wanted, decision: Decision): Readonly<Record<string, Writable>> {
  return {
    reason_code: decision.reasonCode,
    action: "block",
    value_unit_id: wanted.valueUnitId,
    pool_id: decision.poolId,
    wanted_quantity: unscaled(wanted.quantity),
    remaining_quantity: decision.remaining,
    ...(decision.threshold === null ? {} : { percent: decision.threshold }),
  };
}

/** Reaching a blocking threshold or cap and being refused by it are one thing. */
function refusalKey(valueUnitId: string, { reasonCode, threshold, action }: Decision): string {
  switch (reasonCode) {
    case "usage_threshold":
      return thresholdKey(threshold, action);
    case "spend_cap":
      return `spend_cap:${action}`;
    default:
      return `refused:${reasonCode}:${valueUnitId}`;
  }
}
