/** Time: the wall clock for periods and effective_at, the monotonic one for ages. Tests bring their own. */

export const SECOND_US = 1_000_000;
export const DAY_US = 86_400 * SECOND_US;
const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?([Zz]|[+-]\d{2}:\d{2})$/;

/** The machine's clocks. */
export class Clock {
  /** Microseconds since 1970, UTC; may jump when the machine's clock is set. */
  wallUs(): number {
    return Date.now() * 1000;
  }

  /** Milliseconds from an arbitrary start; never jumps. */
  monotonicMs(): number {
    return performance.now();
  }
}

/** Microseconds since 1970, UTC, of a Date or an RFC 3339 text; RangeError for one that is no moment. */
export function microseconds(moment: Date | string): number {
  if (typeof moment === "string") {
    return parseMoment(moment);
  }
  const ms = moment.getTime();
  if (Number.isNaN(ms)) {
    throw new RangeError("The Date is no moment.");
  }
  return ms * 1000;
}

/** RFC 3339, at most microseconds, as microseconds since 1970; RangeError for anything else. */
export function parseMoment(text: string): number {
  const [, day, time, digits = "", zone = "Z"] = RFC_3339.exec(text) ?? [];
  const local = Date.parse(`${day}T${time}Z`);
  const us = Date.parse(`${day}T${time}${zone.toUpperCase()}`) * 1000 + Number(digits.padEnd(6, "0"));
  if (!isOnCalendar(local, `${day}T${time}`) || !isExact(us, digits)) {
    throw new RangeError(`${JSON.stringify(text)} is no moment with its time zone, like 2026-01-15T00:00:00Z`);
  }
  return us;
}

/** Whether there is such a day and time; the machine would take the 30th of February for the 2nd of March. */
function isOnCalendar(ms: number, written: string): boolean {
  return !Number.isNaN(ms) && !written.startsWith("0000") && new Date(ms).toISOString().startsWith(written);
}

/** After the year 2255 only whole seconds are exact numbers. */
function isExact(us: number, digits: string): boolean {
  return Number.isSafeInteger(us) || (!Number.isNaN(us) && Number(digits) === 0);
}

/** `2026-01-15T00:00:00Z`, with microseconds only where there are any. */
export function timestamp(us: number): string {
  const fraction = ((us % SECOND_US) + SECOND_US) % SECOND_US;
  const seconds = new Date((us - fraction) / 1000).toISOString().slice(0, 19);
  return fraction === 0 ? `${seconds}Z` : `${seconds}.${String(fraction).padStart(6, "0")}Z`;
}
