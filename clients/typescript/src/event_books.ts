/** Counting usage events: metered by the terms of their period for every unit that they fit, and noted for exploration. */
import type { Account } from "./account.js";
import { type Bookkeeper, Recorded } from "./bookkeeping.js";
import type { Meter } from "./document.js";
import type { Json } from "./journal.js";
import { addsNothing, distinctValue, matches, metered, type UsageEvent } from "./metering.js";
import { FixedCalendar, type Period } from "./periods.js";
import type { Plan } from "./plan.js";
import { type Answer, type Ledger, andThen } from "./store.js";
import { count, NOTHING_FIRED } from "./usage.js";
import type { Edited, Writer } from "./writing.js";

const USUAL_GRID = new FixedCalendar();
const DUPLICATE = new Recorded(true, new Map());

type Meters = ReadonlyMap<string, Meter>;

/** What one event counts for: its meters by unit, their distinct values' marks, what adds nothing, and its own mark. */
interface Fit {
  readonly event: UsageEvent;
  readonly period: Period;
  readonly meters: Meters;
  readonly distinct: ReadonlyMap<string, string>;
  readonly lacking: ReadonlyMap<string, string>;
  readonly own: string | null;
}

/** Events of one ledger. */
export class EventBooks {
  private readonly unitsThatLacked = new Set<string>();

  constructor(
    private readonly books: Bookkeeper,
    private readonly ledger: Ledger,
    private readonly writer: Writer,
    private readonly warn: (message: string) => void,
  ) {}

  /** Counts an event; once, where it has an id. */
  record(plan: Plan, event: UsageEvent, nowUs: number, attempt?: string): Answer<Recorded> {
    return andThen(this.period(plan, event), (period) => {
      const fit = fitOf(plan, event, period);
      this.sayOnce(fit.lacking);
      const until = Math.max(nowUs, event.atUs) + this.books.rememberedUs;
      const names = [...fit.distinct.values(), ...(fit.own === null ? [] : [fit.own])];
      const marks = new Map(names.map((mark) => [mark, until]));
      const task = { plan, customerId: event.customerId, marks, nowUs, attempt };
      return this.writer.update(
        task,
        (account, known) => counted(plan, this.books.keyed(account), fit, { known, nowUs }),
        this.books.rescue(task, "event", () => [bodyOf(event)]),
      );
    });
  }

  /** The account is read only where the customer's own day may follow from it. */
  private period(plan: Plan, event: UsageEvent): Answer<Period> {
    const { customerId, atUs } = event;
    const account = plan.calendars.common === null ? this.books.account(customerId) : this.ledger.newcomer;
    return andThen(account, (known) => this.books.period(plan, known, customerId, atUs));
  }

  /** Logs the first event of each unit that adds nothing to it; every one is in its `Recorded`. */
  private sayOnce(lacking: ReadonlyMap<string, string>): void {
    for (const [name, reason] of lacking) {
      if (!this.unitsThatLacked.has(name)) {
        this.unitsThatLacked.add(name);
        this.warn(`An event adds nothing to ${name}: ${reason}.`);
      }
    }
  }
}

function bodyOf({ eventId, atUs, eventType, customerId, texts, dimensions }: UsageEvent): Json {
  return [eventId, atUs, eventType, customerId, [...texts], [...dimensions]];
}

/** The event that was kept. */
export function keptEvent([body]: readonly Json[]): UsageEvent {
  const [eventId, atUs, eventType, customerId, texts, dimensions] = body as readonly [
    string | null,
    number,
    string,
    string,
    readonly (readonly [string, string])[],
    readonly (readonly [string, string])[],
  ];
  return { eventId, atUs, eventType, customerId, texts: new Map(texts), dimensions: new Map(dimensions) };
}

function fitOf(plan: Plan, event: UsageEvent, period: Period): Fit {
  const fitting = [...plan.inPeriod(period).units].filter(([, { unit }]) => matches(unit.meter, event));
  const meters = new Map(fitting.map(([name, { unit }]) => [name, unit.meter]));
  return {
    event,
    period,
    meters,
    distinct: byUnit(meters, (meter, name) => distinctMark(meter, name, event, period)),
    lacking: byUnit(meters, (meter) => addsNothing(meter, event)),
    own: event.eventId === null ? null : `e::${event.eventId}`,
  };
}

function byUnit(meters: Meters, say: (meter: Meter, name: string) => string | null): ReadonlyMap<string, string> {
  const said = new Map<string, string>();
  for (const [name, meter] of meters) {
    const text = say(meter, name);
    if (text !== null) {
      said.set(name, text);
    }
  }
  return said;
}

/** A period stands in the mark of a distinct value by its number where it has one from of old. */
function distinctMark(meter: Meter, name: string, event: UsageEvent, { key }: Period): string | null {
  const value = distinctValue(meter, event);
  return value === undefined ? null : `d:${name}:${USUAL_GRID.numberOf(key) ?? key}:${value}`;
}

function counted(
  plan: Plan,
  account: Account,
  { event, period, meters, distinct, lacking, own }: Fit,
  { known, nowUs }: { known: ReadonlySet<string>; nowUs: number },
): Edited<Recorded> {
  if (own !== null && known.has(own)) {
    return [null, DUPLICATE, NOTHING_FIRED];
  }
  const fresh = [...meters].filter(([name]) => !known.has(distinct.get(name) ?? ""));
  const quantities = new Map(fresh.map(([name, meter]) => [name, metered(meter, event)]));
  const seen = account.seeing(event.eventType, event.atUs);
  const using = quantities.size > 0 ? seen.usingSince(event.atUs) : seen;
  const change = count(plan, using, quantities, { customerId: event.customerId, period, nowUs });
  return [change.account, new Recorded(false, quantities, change.firings, lacking), change.firings];
}
