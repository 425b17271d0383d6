/** The usage event that tells AVS Brain what was counted here, so that what is enforced is what is simulated. */
import { createHash } from "node:crypto";
import type { Recorded } from "./bookkeeping.js";
import { timestamp } from "./clock.js";
import { Decimal } from "./decimal.js";
import type { Meter, Subject } from "./document.js";
import { CountersUnavailable, NeverLoaded } from "./errors.js";
import { exactJson, type Writable } from "./json.js";
import { type DimensionValue, type GivenEvent, matches, metered, type UsageEvent, usageEvent } from "./metering.js";
import { SCALE, unscaled } from "./numbers.js";
import { Outbox } from "./outbox.js";
import type { Plan } from "./plan.js";
import { SPELLINGS } from "./reading_terms.js";
import type { EventSink, Outgoing, ProblemLog } from "./types.js";

/** What an app says about the usage event of a count; what it does not say follows from the unit's event_mapping. */
export interface UsageOptions {
  /** Whether AVS Brain is sent a usage event of this count, too; as the client's `sendUsage` says where it is not said. */
  readonly sendUsage?: boolean | undefined;
  readonly eventType?: string | undefined;
  readonly dimensions?: Readonly<Record<string, DimensionValue>> | undefined;
}

/** A scaled quantity of a unit that was used at a moment. */
export interface Used {
  readonly customerId: string;
  readonly valueUnitId: string;
  readonly quantity: bigint;
  readonly atUs: number;
}

const NAMED_LIKE_DIMENSIONS: readonly string[] = ["workspace_id", "customer_id", "segment"];

/** What usage events are made for, and where they wait; `namespace` is that of the counts. */
export interface UsageReporting {
  readonly queue: EventSink;
  readonly subject: Subject;
  readonly namespace: string;
  readonly problems: ProblemLog;
  /** Whether counts are sent unless a call says otherwise. */
  readonly always: boolean;
}

/** Makes the usage events of one subject, and lets them go with their counts. */
export class UsageEvents {
  private readonly outbox: Outbox;

  constructor(private readonly by: UsageReporting) {
    this.outbox = new Outbox(by.queue, by.problems, "queue of usage events");
  }

  /** How many events are in memory only, for they could not be written. */
  get overflowing(): number {
    return this.outbox.overflowing;
  }

  /** Whether a count is sent as a usage event; RangeError for one that is described and not sent. */
  isWanted({ sendUsage = this.by.always, eventType, dimensions }: UsageOptions): boolean {
    if (!sendUsage && (eventType !== undefined || dimensions !== undefined)) {
      throw new RangeError("eventType and dimensions are of the usage event, and none is sent: pass sendUsage");
    }
    return sendUsage;
  }

  /**
   * Counts, and sends the event of it, both or neither: where counts survive this process it is written down before, and
   * let go after the count. What dies in between, or is not known to be counted, is settled later.
   */
  async sending(sent: Outgoing, survives: boolean, count: () => Promise<Recorded>): Promise<Recorded> {
    if (survives) {
      this.outbox.hold([sent]);
    }
    try {
      const recorded = await count();
      if (!recorded.duplicate) {
        this.outbox.release([sent]);
      }
      return recorded;
    } catch (problem) {
      if (survives && !(problem instanceof CountersUnavailable)) {
        this.outbox.discard([sent.eventId]);
      }
      throw problem;
    }
  }

  /** Writes down what could not be written before. */
  catchUp(): void {
    this.outbox.catchUp();
  }

  /**
   * The event of one count, of which the counters remember `mark`; `name` is what makes it this count. RangeError where
   * AVS Brain would count something else from it than is counted here; NeverLoaded without a plan, because nothing says
   * then what AVS Brain would count.
   */
  ofUse(terms: Plan | null, use: Used, told: UsageOptions, { name, mark }: { name: string; mark: string }): Outgoing {
    if (terms === null) {
      throw new NeverLoaded("There is no config yet that says which usage event this use is.");
    }
    const meter = terms.units.get(use.valueUnitId)?.unit.meter;
    const eventType = told.eventType ?? meter?.eventType;
    if (eventType === undefined) {
      const unit = JSON.stringify(use.valueUnitId);
      throw new RangeError(`eventType is missing: the config has no unit ${unit} that would say it`);
    }
    const derived = meter === undefined ? {} : derivedFrom(meter, use, told.dimensions ?? {});
    const given = { ...derived, ...told.dimensions, event_type: eventType, customer_id: use.customerId };
    const event = usageEvent(given, this.by.subject, use.atUs);
    requireSame(terms, event, use);
    return this.outgoing(event, given, idOf(this.by.subject, use, name), mark);
  }

  /** An event that the app made itself, under its own id. */
  ofEvent(given: GivenEvent, event: UsageEvent): Outgoing {
    if (event.eventId === null) {
      throw new RangeError("event_id is missing: a usage event that is sent needs one");
    }
    return this.outgoing(event, given, event.eventId, `e::${event.eventId}`);
  }

  private outgoing(
    event: UsageEvent,
    given: Readonly<Record<string, unknown>>,
    eventId: string,
    mark: string,
  ): Outgoing {
    const { workspaceId } = this.by.subject;
    const dimensions = [...event.dimensions.keys()].map((name) => [name, exact(given[name])] as const);
    const body = {
      ...Object.fromEntries(dimensions),
      event_id: eventId,
      ts: timestamp(event.atUs),
      event_type: event.eventType,
      customer_id: event.customerId,
      workspace_id: event.texts.get("workspace_id") ?? workspaceId,
      segment: event.texts.get("segment") ?? this.by.subject.segment,
    };
    return { eventId, body: exactJson(body), proof: [this.by.namespace, event.customerId, mark] };
  }
}

/** The id of the event of one count: the same count, the same id, in every process, language and try. */
function idOf({ workspaceId, targetEnvironment }: Subject, { customerId, valueUnitId }: Used, name: string): string {
  const parts = [workspaceId, targetEnvironment, customerId, valueUnitId, name];
  return `use_${createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 32)}`;
}

/** The dimensions that follow from the event_mapping: a value for each filter, the quantity as what is summed. */
function derivedFrom(
  meter: Meter,
  use: Used,
  told: UsageOptions["dimensions"] & object,
): Record<string, DimensionValue> {
  const derived: Record<string, DimensionValue> = {};
  for (const [dimension, wanted] of meter.filters) {
    if (!Object.hasOwn(told, dimension) && !NAMED_LIKE_DIMENSIONS.includes(dimension)) {
      derived[dimension] = only(wanted, dimension, use.valueUnitId);
    }
  }
  if (meter.aggregation === "sum" && !Object.hasOwn(told, meter.field)) {
    derived[meter.field] = unscaled(use.quantity);
  } else if (meter.aggregation === "count" && use.quantity !== SCALE) {
    const problem = `${use.valueUnitId} counts events, and one event is 1, not ${unscaled(use.quantity)}`;
    throw new RangeError(`${problem}: record 1 for each, or use recordEvent`);
  } else if (meter.aggregation === "distinct_count") {
    throw new RangeError(`${use.valueUnitId} counts distinct values of ${meter.field}: use recordEvent`);
  }
  return derived;
}

function only(wanted: readonly (string | Decimal)[], name: string, valueUnitId: string): DimensionValue {
  const truth = [true, false].find((value) => SPELLINGS[`${value}`].join() === wanted.join());
  if (truth !== undefined || wanted.length === 1) {
    return truth ?? wanted[0];
  }
  throw new RangeError(
    `${valueUnitId} counts events whose ${name} is one of ${wanted.join(", ")}: say which in dimensions`,
  );
}

/** RangeError unless the event counts for this unit alone, and as much. */
function requireSame(terms: Plan, event: UsageEvent, { valueUnitId, quantity }: Used): void {
  const fitting = [...terms.units].filter(([, { unit }]) => matches(unit.meter, event));
  const amounts = new Map(fitting.map(([name, { unit }]) => [name, metered(unit.meter, event)]));
  if (terms.units.has(valueUnitId) && amounts.get(valueUnitId) !== quantity) {
    const counted = `${unscaled(amounts.get(valueUnitId) ?? 0n)} of ${valueUnitId}`;
    const problem = `AVS Brain would count ${counted} from this event, not ${unscaled(quantity)}`;
    throw new RangeError(`${problem}: dimensions and quantity must agree with the unit's event_mapping`);
  }
  const others = [...amounts].filter(([name, amount]) => amount !== 0n && name !== valueUnitId).map(([name]) => name);
  if (others.length > 0) {
    throw new RangeError(`AVS Brain would count this event for ${others.sort().join(", ")} too: use recordEvent`);
  }
}

/** A number with a fraction is the shortest decimal that means it, as in JSON. */
function exact(value: unknown): Writable {
  return typeof value === "number" ? Decimal.of(String(value)) : (value as Writable);
}
