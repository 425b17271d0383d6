/** Local days of a time zone, by what the machine's own database of zones says. */

const DAY_MS = 86_400_000;

/** A calendar day of a zone: `month` counts from 0. */
export interface LocalDay {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** A time zone by its IANA name; RangeError when this machine does not know it. */
export class TimeZone {
  private readonly format: Intl.DateTimeFormat;

  constructor(readonly name: string) {
    this.format = formatOf(name);
  }

  /** The day on which a moment lies, milliseconds since 1970. */
  dayAt(ms: number): LocalDay {
    const local = new Date(this.localMs(ms));
    return { year: local.getUTCFullYear(), month: local.getUTCMonth(), day: local.getUTCDate() };
  }

  /**
   * The moment, in milliseconds since 1970, at which a day begins. Where a change of the clocks skips midnight it is the
   * one that midnight would have been; where midnight comes twice, the first.
   */
  midnightMs({ year, month, day }: LocalDay): number {
    const local = new Date(0).setUTCFullYear(year, month, day);
    const [before, after] = [this.offsetMs(local - DAY_MS), this.offsetMs(local + DAY_MS)];
    const first = local - before;
    const isAfterChange = this.offsetMs(first) !== before && this.offsetMs(local - after) === after;
    return isAfterChange ? local - after : first;
  }

  private offsetMs(ms: number): number {
    return this.localMs(ms) - ms;
  }

  /** What clocks of the zone show, as if it were UTC. */
  private localMs(ms: number): number {
    const whole = Math.floor(ms / 1000) * 1000;
    const shown = Object.fromEntries(this.format.formatToParts(whole).map((part) => [part.type, Number(part.value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
    return (
      new Date(0).setUTCFullYear(year, month - 1, day) + ((hour * 60 + minute) * 60 + second) * 1000 + (ms - whole)
    );
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const number = "numeric";
  const shown = { year: number, month: number, day: number, hour: number, minute: number, second: number } as const;
  try {
    if (/^[+-]/.test(timeZone)) {
      throw new RangeError("an offset is no time zone");
    }
    return new Intl.DateTimeFormat("en-US", { timeZone, calendar: "gregory", hourCycle: "h23", ...shown });
  } catch (problem) {
    throw new RangeError(`time zone ${JSON.stringify(timeZone)} is not known here`, { cause: problem });
  }
}
