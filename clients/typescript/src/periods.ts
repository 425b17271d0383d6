/** Periods of 30 days, `(start, end]`, counted from an anchor: the same cut as in AVS Brain's simulation (spec 4.1). */
import { DAY_US, microseconds } from "./clock.js";
import { PERIOD_DAYS } from "./document.js";

export const PERIOD_US = PERIOD_DAYS * DAY_US;

/** Where period 0 starts unless the client is told otherwise; every process must use the same. */
export const ANCHOR = new Date("2026-01-01T00:00:00Z");

/**
 * `anchorUs` is the start of period 0. `accruesFrom`: the period from which every customer's allowance counts for
 * rollover; null: from the customer's own first use.
 */
export class Calendar {
  constructor(
    readonly anchorUs: number = microseconds(ANCHOR),
    readonly accruesFrom: number | null = null,
  ) {}

  /** The index of the period with start < at ≤ end; negative before the anchor. */
  period(atUs: number): number {
    return Math.ceil((atUs - this.anchorUs) / PERIOD_US) - 1;
  }

  /** The last moment before the period. */
  startUs(period: number): number {
    return this.anchorUs + period * PERIOD_US;
  }

  /** The period's last microsecond. */
  endUs(period: number): number {
    return this.startUs(period + 1);
  }
}

/** Periods from an anchor; every allowance accrues from the period that begins at or contains `accruesFrom`. */
export function calendarFrom(anchor: Date, accruesFrom: Date | null = null): Calendar {
  const calendar = new Calendar(microseconds(anchor));
  if (accruesFrom === null) {
    return calendar;
  }
  return new Calendar(calendar.anchorUs, calendar.period(microseconds(accruesFrom) + 1));
}
