/** Staying up to date in the background: poll, long poll or stream, with jittered exponential backoff. */
import type { ConfigHolder } from "./config.js";
import type { Subject } from "./document.js";
import { DocumentRefused, TokenRefused } from "./errors.js";
import { messageOf } from "./http.js";
import type { Problems } from "./problems.js";
import type { Source } from "./types.js";

export type Mode = "stream" | "longpoll" | "poll" | "manual";

const LONG_POLL_SECONDS = 30;
const HELD_SECONDS = 1;
const FIRST_BACKOFF_SECONDS = 0.5;
export const LONGEST_BACKOFF_SECONDS = 10;
/** How what goes wrong is told. */
const CODES = ["token_refused", "config_refused", "unreachable"] as const;

/** Full jitter: anything from 0 to a bound that doubles with every failure, so that many clients spread out. */
export class Backoff {
  failures = 0;

  succeeded(): void {
    this.failures = 0;
  }

  /** How many seconds to wait before the next attempt. */
  failed(random: () => number = Math.random): number {
    this.failures += 1;
    return random() * Math.min(FIRST_BACKOFF_SECONDS * 2 ** Math.min(this.failures, 16), LONGEST_BACKOFF_SECONDS);
  }
}

export interface FollowerOptions {
  readonly source: Source;
  readonly holder: ConfigHolder;
  readonly subject: Subject;
  readonly mode: Mode;
  readonly pollSeconds: number;
  /** Bounds the time between two attempts, however many failed. */
  readonly longestPauseSeconds: number;
  readonly problems: Problems;
}

/** Keeps a ConfigHolder up to date until it is closed. Nothing here keeps the app alive. */
export class Follower {
  private readonly backoff = new Backoff();
  private closed = false;
  private wake: () => void = () => undefined;

  constructor(private readonly options: FollowerOptions) {}

  /** Asks once, now. Rejects with Unreachable or DocumentRefused; what is held stays in force then. */
  async refresh(): Promise<void> {
    try {
      await this.ask(0);
    } catch (problem) {
      this.tell(problem);
      throw problem;
    }
    this.confirmed();
  }

  /** Until `close`; nothing that goes wrong ends it. */
  async run(): Promise<void> {
    while (!this.closed) {
      let pauseSeconds: number;
      try {
        pauseSeconds = await this.round();
        this.confirmed();
      } catch (problem) {
        pauseSeconds = Math.min(this.backoff.failed(), this.options.longestPauseSeconds);
        if (!this.closed) {
          this.tell(problem);
        }
      }
      await this.pause(pauseSeconds);
    }
  }

  close(): void {
    this.closed = true;
    this.wake();
  }

  private confirmed(): void {
    this.options.problems.end(...CODES, "never_loaded");
    this.backoff.succeeded();
  }

  private tell(problem: unknown): void {
    const { problems, holder } = this.options;
    const code = codeOf(problem);
    problems.end(...CODES.filter((other) => other !== code));
    problems.begin(code, `No config from AVS Brain: ${messageOf(problem)} What is held stays in force.`);
    if (holder.force.state === "never_loaded") {
      problems.begin(
        "never_loaded",
        "There is no config yet, neither from AVS Brain nor on disk: nothing is enforced by one.",
      );
    }
  }

  private round(): Promise<number> {
    switch (this.options.mode) {
      case "stream":
        return this.stream();
      case "longpoll":
        return this.longPoll();
      default:
        return this.poll();
    }
  }

  /** Whether there was another document. */
  private async ask(waitSeconds: number): Promise<boolean> {
    const { source, holder, subject } = this.options;
    const delivered = await source.config(subject, holder.etag, waitSeconds);
    if (delivered === null) {
      holder.confirm();
    } else {
      await holder.adopt(delivered);
    }
    return delivered !== null;
  }

  private async poll(): Promise<number> {
    await this.ask(0);
    return this.options.pollSeconds * (0.9 + 0.2 * Math.random());
  }

  /**
   * No pause between rounds: the server holds each until something changed or its time is over. One that does not hold
   * them is polled.
   */
  private async longPoll(): Promise<number> {
    const beganMs = performance.now();
    const changed = await this.ask(LONG_POLL_SECONDS);
    return changed || heldSince(beganMs) ? 0 : this.options.pollSeconds;
  }

  /**
   * Asks once over the plain endpoint, so that a config is there even where streams are not let through; where they end
   * at once, it is polled.
   */
  private async stream(): Promise<number> {
    await this.ask(0);
    this.confirmed();
    const { source, holder, subject } = this.options;
    const beganMs = performance.now();
    for await (const delivered of source.stream(subject, holder.etag)) {
      if (this.closed) {
        break;
      }
      if (delivered === null) {
        holder.confirm();
      } else {
        await holder.adopt(delivered);
      }
      this.confirmed();
    }
    return heldSince(beganMs) ? Math.random() : this.options.pollSeconds;
  }

  private pause(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.closed) {
        resolve();
        return;
      }
      const timer = setTimeout(resolve, seconds * 1000).unref();
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function heldSince(beganMs: number): boolean {
  return performance.now() - beganMs >= HELD_SECONDS * 1000;
}

function codeOf(problem: unknown): (typeof CODES)[number] {
  if (problem instanceof DocumentRefused) {
    return "config_refused";
  }
  return problem instanceof TokenRefused ? "token_refused" : "unreachable";
}
