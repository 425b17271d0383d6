/** Which usage events a unit counts, and what it counts of them (spec 4.2, 1), the same as AVS Brain's simulation. */
import { microseconds, parseMoment } from "./clock.js";
import { Decimal } from "./decimal.js";
import type { Meter, Subject } from "./document.js";
import { readToPlaces, SCALE, scaled } from "./numbers.js";

const BASE_FIELDS: ReadonlySet<string> = new Set([
  "event_id",
  "ts",
  "event_type",
  "workspace_id",
  "customer_id",
  "segment",
]);
const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$/;

/** What a dimension may be; a number with a fraction is the shortest decimal that means it, as in JSON. */
export type DimensionValue = string | number | bigint | boolean | Decimal | null | undefined;

/** A usage event as apps write it: event_type, customer_id and any dimensions; event_id and ts where there are any. */
export interface GivenEvent {
  readonly event_type: string;
  readonly customer_id: string;
  readonly event_id?: string | null | undefined;
  /** RFC 3339, or a Date; now where there is none. */
  readonly ts?: string | Date | null | undefined;
  readonly workspace_id?: string | undefined;
  readonly segment?: string | undefined;
  readonly [dimension: string]: DimensionValue | Date;
}

/** Something that a customer did; `texts` are what may be named like a dimension, `dimensions` are texts by name. */
export interface UsageEvent {
  readonly eventId: string | null;
  readonly atUs: number;
  readonly eventType: string;
  readonly customerId: string;
  readonly texts: ReadonlyMap<string, string>;
  readonly dimensions: ReadonlyMap<string, string>;
}

/** An event as it was given; RangeError names what does not fit. */
export function usageEvent(given: GivenEvent, subject: Subject, nowUs: number): UsageEvent {
  const customerId = needed(given, "customer_id");
  return {
    eventId: given.event_id ?? null,
    atUs: momentOf(given.ts, nowUs),
    eventType: needed(given, "event_type"),
    customerId,
    texts: new Map([
      ["customer_id", customerId],
      ["workspace_id", given.workspace_id || subject.workspaceId],
      ["segment", given.segment || subject.segment],
    ]),
    dimensions: new Map(
      Object.entries(given)
        .filter(([name, value]) => !BASE_FIELDS.has(name) && value !== null && value !== undefined)
        .map(([name, value]) => [name, dimensionText(value, name)]),
    ),
  };
}

/** Whether the event is of the meter's type and passes every filter: texts exactly, numbers by value. */
export function matches(meter: Meter, event: UsageEvent): boolean {
  return (
    event.eventType === meter.eventType &&
    meter.filters.every(([name, wanted]) =>
      wanted.some((value) =>
        typeof value === "string" ? textIn(event, name) === value : numberIn(event, name)?.equals(value),
      ),
    )
  );
}

/**
 * What a matching event adds, scaled: 1 of a count; of a sum its number less the one that is taken off, each 0 where
 * there is none; a distinct count adds 1 for every value that is new, which `distinctValue` names.
 */
export function metered(meter: Meter, event: UsageEvent): bigint {
  if (meter.aggregation === "sum") {
    return summed(event, meter.field) - (meter.minus === "" ? 0n : summed(event, meter.minus));
  }
  return meter.aggregation === "count" || textIn(event, meter.field) !== undefined ? SCALE : 0n;
}

/** Why a sum gets nothing from a matching event: its field is missing or no number; null when it gets something. */
export function addsNothing(meter: Meter, event: UsageEvent): string | null {
  if (meter.aggregation !== "sum" || numberIn(event, meter.field) !== null) {
    return null;
  }
  const text = textIn(event, meter.field);
  return text === undefined
    ? `${meter.field} is missing`
    : `${meter.field} is ${JSON.stringify(text)}, which is no number below 10^14`;
}

/** What a distinct count counts; undefined for the other aggregations. */
export function distinctValue(meter: Meter, event: UsageEvent): string | undefined {
  return meter.aggregation === "distinct_count" ? textIn(event, meter.field) : undefined;
}

function needed(given: GivenEvent, name: "event_type" | "customer_id"): string {
  const value: unknown = given[name];
  if (typeof value !== "string") {
    throw new RangeError(`${name} is ${String(value)}: an event needs it as a text`);
  }
  return value;
}

function momentOf(moment: unknown, nowUs: number): number {
  if (moment === null || moment === undefined) {
    return nowUs;
  }
  return moment instanceof Date ? microseconds(moment) : parseMoment(String(moment));
}

function summed(event: UsageEvent, name: string): bigint {
  const number = numberIn(event, name);
  return number === null ? 0n : scaled(number, name);
}

function textIn(event: UsageEvent, name: string): string | undefined {
  return event.texts.get(name) ?? event.dimensions.get(name);
}

/** The exact number below 10**14 that a dimension's text is in JSON's notation, read to 12 places; else null. */
function numberIn(event: UsageEvent, name: string): Decimal | null {
  const text = event.dimensions.get(name);
  return text !== undefined && NUMBER.test(text) ? readToPlaces(Decimal.of(text)) : null;
}

/** Texts as they are, numbers in canonical notation, true and false as words. */
function dimensionText(value: unknown, name: string): string {
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") {
    return typeof value === "bigint" ? Decimal.of(value).toString() : String(value);
  }
  if (value instanceof Decimal) {
    return value.toString();
  }
  if (typeof value === "number" && Number.isFinite(value)) {
    return Decimal.of(String(value)).toString();
  }
  throw new RangeError(`${name} is ${String(value)}: a dimension is a text, a finite number, true or false`);
}
