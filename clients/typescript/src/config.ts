/** The config in force: verified, never older than what was held, kept on disk, with its state and the next version. */
import { createHash } from "node:crypto";

import { type DiskCache, type Stored, compareOrder } from "./cache.js";
import { type Clock, SECOND_US } from "./clock.js";
import { type Document, type Subject, subjectQuery } from "./document.js";
import { DocumentRefused, Malformed, Replayed } from "./errors.js";
import { messageOf } from "./http.js";
import type { Plan } from "./plan.js";
import type { Problems } from "./problems.js";
import { parse } from "./reading.js";
import { type Pinned, type Signed, keysOf, verify } from "./signatures.js";
import { Trust } from "./trust.js";
import type { ConfigInForce, Delivered, Force, Source } from "./types.js";

const LONGEST_MS = 3_600_000;
/** How far the wall clock may drift from the monotonic one before everything is decided anew. */
const JUMP_US = SECOND_US;
const SAVE_EVERY_MS = 60_000;

/** A verified document, what it says, and when (monotonic) AVS Brain last said that it holds. */
interface Held {
  readonly stored: Stored;
  readonly plan: Plan;
  readonly upcoming: Plan | null;
  readonly confirmedMs: number;
}

export interface HolderOptions {
  readonly subject: Subject;
  /** What makes a plan of a document: done once per delivery. */
  readonly compile: (document: Document) => Plan;
  readonly source: Source;
  readonly cache: DiskCache | null;
  readonly pinned: Pinned | null;
  /** For how long after its confirmation a config counts as fresh. */
  readonly freshSeconds: number;
  readonly clock: Clock;
  readonly problems: Problems;
}

/** Takes up documents and says what decides. `onChange` is called after another document or state took over. */
export class ConfigHolder implements ConfigInForce {
  force: Force;
  onChange: () => void = () => undefined;
  /** Fulfilled with the first config. */
  readonly loaded: Promise<void>;

  private readonly trust: Trust;
  private held: Held | null = null;
  private saveAtMs = 0;
  private offsetUs: number;
  private markLoaded: () => void = () => undefined;

  constructor(private readonly options: HolderOptions) {
    this.trust = new Trust(options.source, options.pinned, options.problems);
    this.loaded = new Promise((resolve) => {
      this.markLoaded = resolve;
    });
    this.offsetUs = this.wallAheadUs();
    this.force = this.forceNow();
  }

  /** Of the document held, for If-None-Match and Last-Event-ID; null without one. */
  get etag(): string | null {
    return this.held?.stored.etag ?? null;
  }

  /** Since AVS Brain last confirmed the document; null without one. */
  get ageSeconds(): number | null {
    return this.held === null ? null : (this.options.clock.monotonicMs() - this.held.confirmedMs) / 1000;
  }

  current(): Force {
    const jumped = Math.abs(this.wallAheadUs() - this.offsetUs) >= JUMP_US;
    if (this.options.clock.monotonicMs() < this.force.untilMs && !jumped) {
      return this.force;
    }
    this.offsetUs = this.wallAheadUs();
    return this.decideAnew();
  }

  /** Takes up what is on disk, if it is genuine; its age counts on from when it was last confirmed. */
  load(): void {
    const { cache, problems, clock } = this.options;
    const say = (message: string) => problems.begin("cache_damaged", message);
    const stored = cache?.load(say) ?? null;
    if (stored === null) {
      return;
    }
    try {
      const signed = verify(stored.body, stored.signature, this.trust.pinned ?? keysOf(stored.jwks));
      this.take(stored, signed, Math.max(clock.wallUs() - stored.confirmedAtUs, 0) / 1000);
    } catch (problem) {
      if (!(problem instanceof DocumentRefused || problem instanceof RangeError)) {
        throw problem;
      }
      cache?.setAside(problem.message, say);
    }
  }

  /** Verifies a delivered document and enforces it from now on; DocumentRefused keeps what is held in force. */
  async adopt(delivered: Delivered): Promise<void> {
    if (this.held !== null && Buffer.compare(delivered.body, this.held.stored.body) === 0) {
      this.confirm();
      return;
    }
    const { signed, jwks } = await this.trust.verified(delivered);
    const stored: Stored = {
      body: delivered.body,
      signature: delivered.signature,
      etag: createHash("sha256").update(delivered.body).digest("hex"),
      order: [0, 0],
      confirmedAtUs: this.options.clock.wallUs(),
      jwks,
    };
    this.save(this.take(stored, signed, 0));
  }

  /** AVS Brain says that the document held is still the one. */
  confirm(): void {
    if (this.held === null) {
      return;
    }
    const { clock } = this.options;
    const stored = { ...this.held.stored, confirmedAtUs: clock.wallUs() };
    this.held = { ...this.held, stored, confirmedMs: clock.monotonicMs() };
    if (this.force.state !== "fresh") {
      this.decideAnew();
    }
    if (clock.monotonicMs() >= this.saveAtMs) {
      this.save(stored);
    }
  }

  /** Puts a document in force whose signature was checked. */
  private take(given: Stored, signed: Signed, ageMs: number): Stored {
    const document = parse(given.body);
    if (!sameSubject(document.subject, this.options.subject)) {
      throw new Malformed(`This config is for ${named(document.subject)}, not for ${named(this.options.subject)}.`);
    }
    const stored: Stored = { ...given, order: [document.delivery.sequence, signed.issuedAt] };
    const { compile, clock } = this.options;
    const plan = compile(document);
    if (this.held !== null && compareOrder(stored.order, this.held.stored.order) < 0) {
      throw new Replayed(`(sequence, signed at) ${stored.order} is older than ${this.held.stored.order}.`);
    }
    this.held = { stored, plan, upcoming: this.upcoming(document), confirmedMs: clock.monotonicMs() - ageMs };
    this.decideAnew();
    this.markLoaded();
    return stored;
  }

  /** A disk that is full must not stop anybody: what is in memory stays in force. */
  private save(stored: Stored): void {
    const { cache, problems, clock } = this.options;
    if (cache === null) {
      return;
    }
    try {
      cache.save(stored);
      problems.end("cache_not_written");
    } catch (problem) {
      problems.begin(
        "cache_not_written",
        `The config could not be kept on disk, so a restart without AVS Brain would have none: ${messageOf(problem)}`,
      );
    }
    this.saveAtMs = clock.monotonicMs() + SAVE_EVERY_MS;
  }

  /** The version after this one, if one is announced: it may announce another in turn. */
  private upcoming(document: Document): Plan | null {
    return document.upcoming === null ? null : this.options.compile(document.upcoming);
  }

  private wallAheadUs(): number {
    const { clock } = this.options;
    return clock.wallUs() - clock.monotonicMs() * 1000;
  }

  private decideAnew(): Force {
    const before = this.force;
    this.force = this.forceNow();
    if (before.plan !== this.force.plan || before.state !== this.force.state) {
      this.onChange();
    }
    return this.force;
  }

  private forceNow(): Force {
    const nowMs = this.options.clock.monotonicMs();
    const { held } = this;
    if (held === null) {
      return { plan: null, state: "never_loaded", untilMs: nowMs + LONGEST_MS };
    }
    const { plan, upcoming } = held;
    let untilMs = nowMs + LONGEST_MS;
    if (upcoming !== null && plan.document.upcomingAtUs !== null) {
      const aheadUs = plan.document.upcomingAtUs - this.options.clock.wallUs();
      if (aheadUs <= 0) {
        // For good: a clock that is set back does not bring the old version back.
        this.held = { ...held, plan: upcoming, upcoming: this.upcoming(upcoming.document) };
        return this.forceNow();
      }
      untilMs = Math.min(untilMs, nowMs + aheadUs / 1000);
    }
    const staleAtMs = held.confirmedMs + plan.document.delivery.maxStalenessSeconds * 1000;
    const freshUntilMs = Math.min(held.confirmedMs + this.options.freshSeconds * 1000, staleAtMs);
    if (nowMs < freshUntilMs) {
      return { plan, state: "fresh", untilMs: Math.min(untilMs, freshUntilMs) };
    }
    const stale = nowMs < staleAtMs;
    return { plan, state: stale ? "stale" : "expired", untilMs: stale ? Math.min(untilMs, staleAtMs) : untilMs };
  }
}

function sameSubject(one: Subject, other: Subject): boolean {
  return named(one) === named(other);
}

function named(subject: Subject): string {
  return JSON.stringify(subjectQuery(subject));
}
