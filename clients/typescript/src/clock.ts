/** Time: the wall clock for periods and effective_at, the monotonic one for ages. Tests bring their own. */

export const SECOND_US = 1_000_000;
export const DAY_US = 86_400 * SECOND_US;
const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/;

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

/** Microseconds since 1970, UTC, of a Date; RangeError for one that is no moment. */
export function microseconds(moment: Date): number {
  const ms = moment.getTime();
  if (Number.isNaN(ms)) {
    throw new RangeError("The Date is no moment.");
  }
  return ms * 1000;
}

/** RFC 3339 as microseconds since 1970, digits after the sixth cut off; RangeError for anything else. */
export function parseMoment(text: string): number {
  const parts = RFC_3339.exec(text);
  const ms = parts === null ? Number.NaN : Date.parse(`${parts[1]}T${parts[2]}${(parts[4] ?? "").toUpperCase()}`);
  if (Number.isNaN(ms)) {
    throw new RangeError(`${JSON.stringify(text)} is no moment: RFC 3339 with a time zone is.`);
  }
  const fraction = Number((parts?.[3] ?? "").padEnd(6, "0").slice(0, 6));
  return ms * 1000 + fraction;
}

/** `2026-01-15T00:00:00Z`, with microseconds only where there are any. */
export function timestamp(us: number): string {
  const fraction = ((us % SECOND_US) + SECOND_US) % SECOND_US;
  const seconds = new Date((us - fraction) / 1000).toISOString().slice(0, 19);
  return fraction === 0 ? `${seconds}Z` : `${seconds}.${String(fraction).padStart(6, "0")}Z`;
}
