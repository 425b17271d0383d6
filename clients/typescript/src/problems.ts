/** What is wrong with a client now: each problem in its status from when it began until it is over, and logged once. */

/** How a client says what happens: `console` by default, where `info` says nothing. */
export type Log = (level: "info" | "warn" | "error", message: string) => void;

export type ProblemCode =
  | "never_loaded"
  | "unreachable"
  | "token_refused"
  | "config_refused"
  | "cache_damaged"
  | "cache_not_written"
  | "queue_not_written"
  | "queue_damaged"
  | "queue_in_memory"
  | "events_lost"
  | "events_not_sent"
  | "events_refused"
  | "counters_unavailable"
  | "unknown_unit";

/** Something that is wrong: `code` is stable, `since` is when it began, `text` says what it means and what to do. */
export interface Problem {
  readonly code: ProblemCode;
  readonly since: Date;
  readonly text: string;
}

/** Writes what goes wrong to the console. */
export const consoleLog: Log = (level, message) => {
  if (level !== "info") {
    console[level](`avs-brain-client: ${message}`);
  }
};

/** The problems of one client, one of each code at a time. */
export class Problems {
  private readonly now = new Map<ProblemCode, Problem>();

  constructor(readonly log: Log = consoleLog) {}

  /** Logged when it is new; later texts only take the place of the first. */
  begin(code: ProblemCode, text: string): void {
    const known = this.now.get(code);
    this.now.set(code, { code, since: known?.since ?? new Date(), text });
    if (known === undefined) {
      this.log("warn", text);
    }
  }

  /** They are over; nothing when there were none. */
  end(...codes: readonly ProblemCode[]): void {
    for (const code of codes) {
      if (this.now.delete(code)) {
        this.log("info", `Over: ${code}.`);
      }
    }
  }

  has(code: ProblemCode): boolean {
    return this.now.has(code);
  }

  /** The oldest first. */
  listed(): readonly Problem[] {
    return [...this.now.values()].sort((one, other) => one.since.getTime() - other.since.getTime());
  }
}
