/**
 * How time is cut into periods, `(start, end]`: 30 days from an anchor, as in AVS Brain's simulation (spec 4.1), or
 * months of a time zone, from its first day or from each customer's own.
 *
 * A period has a number, so that one more is the next one, and a key, which names it in accounts: keys of different
 * kinds and anchors never collide, and periods that begin and end alike have the same key.
 */
import { DAY_US, microseconds } from "./clock.js";
import { PERIOD_DAYS, type PeriodAnchor } from "./document.js";
import { TimeZone } from "./time_zones.js";

const PERIOD_US = PERIOD_DAYS * DAY_US;
const FIXED_KEY = new RegExp(`^${PERIOD_DAYS}d@(-?\\d+)$`);
const MONTH_KEY = /^([a-z]+\d*)@(\d{4,})-(\d\d)@(.*)$/;

/** Where period 0 starts unless the client or the document says otherwise; every process must use the same. */
export const ANCHOR = new Date("2026-01-01T00:00:00Z");

/** The day of the month, 1 to 31, on which a customer's periods begin; null: the day of their first use. */
export type CustomerDay = (customerId: string) => number | null | undefined;

/** The periods of one customer. `accruesFrom`: the period from which the allowance counts; null: from the first use. */
export interface Calendar {
  readonly accruesFrom: number | null;
  /** Of the period with start < at ≤ end; negative before the anchor. */
  number(atUs: number): number;
  /** The last moment before the period. */
  startUs(number: number): number;
  /** The name of a period in accounts. */
  key(number: number): string;
  /** The number of the period with this key; null for a key of other calendars. */
  numberOf(key: string): number | null;
}

/** One period of a calendar: `startUs` is the last moment before it, `endUs` its last microsecond. */
export interface Period {
  readonly calendar: Calendar;
  readonly number: number;
  readonly key: string;
  readonly startUs: number;
  readonly endUs: number;
}

/** Periods of 30 days; `anchorUs` is the start of period 0. */
export class FixedCalendar implements Calendar {
  constructor(
    readonly anchorUs: number = microseconds(ANCHOR),
    readonly accruesFrom: number | null = null,
  ) {}

  number(atUs: number): number {
    const passed = atUs - this.anchorUs - 1;
    return (passed - remainder(passed)) / PERIOD_US;
  }

  startUs(number: number): number {
    return this.anchorUs + number * PERIOD_US;
  }

  key(number: number): string {
    return `${PERIOD_DAYS}d@${this.startUs(number)}`;
  }

  numberOf(key: string): number | null {
    const start = FIXED_KEY.exec(key)?.[1];
    const passed = start === undefined ? Number.NaN : Number(start) - this.anchorUs;
    return remainder(passed) === 0 ? passed / PERIOD_US : null;
  }
}

/**
 * Months of a time zone, each from midnight of `day`, or of the month's last day where it is shorter. A number is that of
 * the month in which the period begins, year × 12 + month - 1.
 */
export class MonthCalendar implements Calendar {
  private readonly starts = new Map<number, number>();

  constructor(
    readonly zone: TimeZone,
    readonly kind: string,
    readonly day = 1,
    readonly accruesFrom: number | null = null,
  ) {}

  number(atUs: number): number {
    const { year, month } = this.zone.dayAt(Math.floor(atUs / 1000));
    let number = year * 12 + month;
    while (this.startUs(number) >= atUs) {
      number -= 1;
    }
    while (this.startUs(number + 1) < atUs) {
      number += 1;
    }
    return number;
  }

  startUs(number: number): number {
    const known = this.starts.get(number);
    if (known !== undefined) {
      return known;
    }
    const [year, month] = [Math.floor(number / 12), number % 12];
    const lastDay = new Date(new Date(0).setUTCFullYear(year, month + 1, 0)).getUTCDate();
    const startUs = this.zone.midnightMs({ year, month, day: Math.min(this.day, lastDay) }) * 1000;
    this.starts.set(number, startUs);
    return startUs;
  }

  key(number: number): string {
    const year = String(Math.floor(number / 12)).padStart(4, "0");
    return `${this.kind}@${year}-${String((number % 12) + 1).padStart(2, "0")}@${this.zone.name}`;
  }

  numberOf(key: string): number | null {
    const [, kind, year, month, zone] = MONTH_KEY.exec(key) ?? [];
    return kind === this.kind && zone === this.zone.name ? Number(year) * 12 + Number(month) - 1 : null;
  }
}

/** What is over of whole periods: exact, which a quotient of doubles would not be. */
function remainder(us: number): number {
  const rest = us % PERIOD_US;
  return rest < 0 ? rest + PERIOD_US : rest;
}

/** The period that was asked for last, of each calendar: nearly always the running one. */
const last = new WeakMap<Calendar, Period>();

/** The period with start < at ≤ end. */
export function periodAt(calendar: Calendar, atUs: number): Period {
  const known = last.get(calendar);
  if (known !== undefined && known.startUs < atUs && atUs <= known.endUs) {
    return known;
  }
  const period = numbered(calendar, calendar.number(atUs));
  last.set(calendar, period);
  return period;
}

/** The period of this number. */
export function numbered(calendar: Calendar, number: number): Period {
  const [startUs, endUs] = [calendar.startUs(number), calendar.startUs(number + 1)];
  return { calendar, number, key: calendar.key(number), startUs, endUs };
}

/** The period with this key; null where it is of another calendar. */
export function periodOf(calendar: Calendar, key: string): Period | null {
  const number = calendar.numberOf(key);
  return number === null ? null : numbered(calendar, number);
}

/** How a client counts where the document does not say. */
export class PeriodSetting {
  private readonly anchor: PeriodAnchor;
  private readonly accruesFromUs: number | null;
  private readonly customerDay: CustomerDay | null;

  /**
   * `accruesFrom`: from when unused allowance rolls over; null: from each customer's first use. `customerDay`: customers'
   * own days.
   */
  constructor(
    anchor: Date | PeriodAnchor = ANCHOR,
    accruesFrom: Date | null = null,
    customerDay: CustomerDay | null = null,
  ) {
    this.anchor = anchor instanceof Date ? { kind: "fixed", atUs: microseconds(anchor) } : anchor;
    this.accruesFromUs = accruesFrom === null ? null : microseconds(accruesFrom);
    this.customerDay = customerDay;
  }

  /** By the document's anchor, or by this setting's where it has none. */
  calendars(anchor: PeriodAnchor | null): Calendars {
    return new Calendars(anchor ?? this.anchor, this.accruesFromUs, this.customerDay);
  }

  /** The key of a period that an earlier version of the clients, with the same setting, knew by its number. */
  keyOfNumbered(number: number): string {
    return new FixedCalendar(this.anchor.kind === "fixed" ? this.anchor.atUs : 0).key(number);
  }
}

/** The calendar of each customer, by one anchor; `common` is everybody's, where it does not depend on them. */
export class Calendars {
  readonly common: Calendar | null;
  private readonly zone: TimeZone | null;
  private readonly byDay = new Map<number, Calendar>();

  constructor(
    anchor: PeriodAnchor,
    private readonly accruesFromUs: number | null,
    private readonly customerDay: CustomerDay | null,
  ) {
    this.zone = anchor.kind === "fixed" ? null : new TimeZone(anchor.timeZone);
    this.common = this.commonOf(anchor);
  }

  /** Whether the app names customers' days, which may change at any time. */
  get asksTheApp(): boolean {
    return this.common === null && this.customerDay !== null;
  }

  /** Everybody's, or that of customers whose day is the first. */
  get usual(): Calendar {
    return this.common ?? this.ofDay(1);
  }

  /** The customer's calendar: by the day that the app names, else that of the first use, which may be now. */
  of(customerId: string, sinceUs: number | null, nowUs: number): Calendar {
    if (this.common !== null) {
      return this.common;
    }
    const firstMs = Math.floor((sinceUs ?? nowUs) / 1000);
    const day = this.customerDay?.(customerId) ?? (this.zone as TimeZone).dayAt(firstMs).day;
    if (!Number.isInteger(day) || day < 1 || day > 31) {
      const whose = JSON.stringify(customerId);
      throw new RangeError(`customerDay names ${day} for customer ${whose}: it must be 1 to 31 or null`);
    }
    return this.ofDay(day);
  }

  private commonOf(anchor: PeriodAnchor): Calendar | null {
    if (anchor.kind === "fixed") {
      return this.accruing((from) => new FixedCalendar(anchor.atUs, from));
    }
    return anchor.kind === "calendar_month" ? this.months("month", 1) : null;
  }

  private ofDay(day: number): Calendar {
    const calendar = this.byDay.get(day) ?? this.months(`day${day}`, day);
    this.byDay.set(day, calendar);
    return calendar;
  }

  private months(kind: string, day: number): Calendar {
    return this.accruing((from) => new MonthCalendar(this.zone as TimeZone, kind, day, from));
  }

  /** Every allowance accrues from the period that begins at or contains the moment. */
  private accruing(make: (accruesFrom: number | null) => Calendar): Calendar {
    const calendar = make(null);
    return this.accruesFromUs === null ? calendar : make(calendar.number(this.accruesFromUs + 1));
  }
}
