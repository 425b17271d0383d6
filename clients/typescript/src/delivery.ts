/**
 * The half of a client that touches the outside: it follows the config, keeps it on disk, and sends what was reported.
 *
 * All of it happens between requests. Nothing here throws into one, and nothing keeps an app alive that has ended.
 */
import { Brain } from "./brain.js";
import { DiskCache } from "./cache.js";
import { Clock } from "./clock.js";
import { ConfigHolder } from "./config.js";
import { Sender } from "./deliver.js";
import type { Document, Subject } from "./document.js";
import { EventQueue } from "./events.js";
import { Backoff, Follower, LONGEST_BACKOFF_SECONDS, type Mode } from "./follow.js";
import { messageOf } from "./http.js";
import { cachePath, queuePath, refuseUntrusted } from "./paths.js";
import type { Plan } from "./plan.js";
import { type Log, Problems } from "./problems.js";
import { BrainOrPublished, Published, isHttp } from "./published.js";
import type { Pinned } from "./signatures.js";
import type { Source, State } from "./types.js";

/** For how long a confirmed config counts as fresh; of "poll" in multiples of its interval. */
const FRESH_SECONDS: Readonly<Record<Mode, number>> = { poll: 2.5, longpoll: 75, stream: 60, manual: 60 };
/** Seconds between two looks at what is published while AVS Brain does not answer. */
const MOST_PAUSE_SECONDS = 30;
/** For how long `close`, and the end of the process, wait for events to be sent. */
const CLOSING_MS = 5_000;

export interface DeliveryOptions {
  /** AVS Brain. */
  readonly baseUrl?: string;
  /** Where it publishes: an https address, a file:// URL or a folder; polled while AVS Brain does not answer. */
  readonly published?: string;
  readonly workspaceId: string;
  readonly segment: string;
  readonly stage: string;
  /** "production" unless said. */
  readonly targetEnvironment?: string;
  /** Keeps the last-known-good config and the event queue; without it both live in memory only. */
  readonly directory?: string;
  /** stream (the default), longpoll, poll (every `pollSeconds`) or manual (`refresh` asks, `flush` sends). */
  readonly mode?: Mode;
  /** 30 unless said. */
  readonly pollSeconds?: number;
  /**
   * The JSON Web Key Set to trust and no other, or the path or file URL of a file that has it, which is read anew for every
   * document that comes; without it the keys that the server publishes, which needs https or a server on this machine.
   */
  readonly keys?: Pinned;
  readonly token?: string;
  /** Whether enforcement events carry client_id and sequence; they do unless told otherwise. */
  readonly numberedEvents?: boolean;
  /** 5 unless said. */
  readonly flushSeconds?: number;
  readonly clock?: Clock;
  /** Where the client says what goes wrong; the console unless said. */
  readonly log?: Log;
}

/** What the deciding half brings. */
export interface DeliveryHooks {
  readonly compile: (document: Document) => Plan;
  /** Called before events are sent: writes down what waits in memory, settles what a process that died left held. */
  readonly beforeSend: (queue: EventQueue) => Promise<void>;
}

/** Errors in the options are RangeErrors of the constructor; nothing else is thrown but by `refresh` and `flush`. */
export class Delivery {
  readonly subject: Subject;
  readonly problems: Problems;
  readonly clock: Clock;
  readonly config: ConfigHolder;
  readonly queue: EventQueue;
  readonly brain: Brain | null;
  private readonly directory: string | undefined;
  private readonly queues: EventQueue[] = [];
  private readonly source: Source;
  private readonly sender: Sender;
  private readonly follower: Follower;
  private readonly follows: boolean;
  private readonly flushMs: number;
  private readonly backoff = new Backoff();
  private timer: NodeJS.Timeout | null = null;
  private closed = false;
  private sendAtMs = 0;
  private readonly atExit = () => void this.flushInTime();

  constructor(
    options: DeliveryOptions,
    private readonly hooks: DeliveryHooks,
  ) {
    const { baseUrl, published, directory, clock = new Clock(), flushSeconds = 5 } = options;
    if (options.keys === undefined) {
      refuseUntrustedOf(baseUrl, published);
    }
    this.subject = subjectOf(options);
    this.problems = new Problems(options.log);
    this.clock = clock;
    this.flushMs = flushSeconds * 1000;
    const brain = baseUrl === undefined ? null : new Brain(baseUrl, options.token);
    this.brain = brain;
    this.source = sourceOf(brain, published === undefined ? null : new Published(published), this.problems.log);
    this.config = this.holder(options, this.source);
    this.directory = directory;
    this.queue = this.queueAt(queuePath);
    const { queue, problems } = this;
    this.sender = new Sender({ queue, brain, problems, numbered: options.numberedEvents ?? true });
    this.follower = this.followerOf(options);
    this.follows = modeOf(options) !== "manual";
    this.config.load();
  }

  /** A queue in the client's directory, at the path that is made of it; in memory where there is none. */
  queueAt(pathIn: (directory: string, subject: Subject) => string): EventQueue {
    const queue = queueIn(this.directory === undefined ? null : pathIn(this.directory, this.subject), this.problems);
    this.queues.push(queue);
    return queue;
  }

  get state(): State {
    return this.config.current().state;
  }

  /** Follows the config and sends events in the background; returns at once. */
  start(): void {
    if (this.timer !== null || this.closed) {
      return;
    }
    this.timer = setInterval(() => this.tick(), this.flushMs).unref();
    process.once("beforeExit", this.atExit);
    if (this.follows) {
      void this.follower.run();
    }
  }

  /** Waits for the first config, from disk or from AVS Brain; whether it came in time. The app stays alive meanwhile. */
  async waitUntilLoaded(timeoutSeconds?: number): Promise<boolean> {
    if (this.config.force.state !== "never_loaded") {
      return true;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      const ms = timeoutSeconds === undefined ? 2 ** 31 - 1 : timeoutSeconds * 1000;
      timer = setTimeout(() => resolve(false), ms);
    });
    const loaded = await Promise.race([this.config.loaded.then(() => true), late]);
    clearTimeout(timer);
    return loaded;
  }

  /**
   * Asks for the config once, now. Rejects with Unreachable or DocumentRefused; what is held stays in force then. The app
   * stays alive meanwhile.
   */
  refresh(): Promise<void> {
    return awake(this.follower.refresh());
  }

  /** Sends waiting events now; how many were taken. Rejects with Unreachable; what was not taken keeps waiting. */
  async flush(): Promise<number> {
    await this.hooks.beforeSend(this.queue);
    const taken = await this.sender.flush();
    this.problems.end("events_not_sent", "queue_not_written");
    return taken;
  }

  /** Sends what waits if AVS Brain answers in time, ends what runs, gives back files and connections. */
  async close(): Promise<void> {
    if (this.closed) {
      return;
    }
    this.closed = true;
    process.off("beforeExit", this.atExit);
    clearInterval(this.timer ?? undefined);
    this.follower.close();
    await this.flushInTime();
    await this.source.close();
    for (const queue of this.queues) {
      queue.close();
    }
  }

  private holder(options: DeliveryOptions, source: Source): ConfigHolder {
    const { directory, keys = null } = options;
    return new ConfigHolder({
      subject: this.subject,
      compile: this.hooks.compile,
      source,
      cache: directory === undefined ? null : new DiskCache(cachePath(directory, this.subject)),
      pinned: keys,
      freshSeconds: freshSecondsOf(options),
      clock: this.clock,
      problems: this.problems,
    });
  }

  private followerOf(options: DeliveryOptions): Follower {
    const { pollSeconds = 30 } = options;
    return new Follower({
      source: this.source,
      holder: this.config,
      subject: this.subject,
      mode: modeOf(options),
      pollSeconds,
      longestPauseSeconds: fallsBack(options) ? Math.min(pollSeconds, MOST_PAUSE_SECONDS) : LONGEST_BACKOFF_SECONDS,
      problems: this.problems,
    });
  }

  private tick(): void {
    this.config.current();
    if (performance.now() >= this.sendAtMs) {
      this.sendAtMs = Number.POSITIVE_INFINITY; // one at a time
      void this.tryToSend();
    }
  }

  private async tryToSend(): Promise<void> {
    try {
      await this.flush();
      this.backoff.succeeded();
      this.sendAtMs = 0;
    } catch (problem) {
      this.problems.begin("events_not_sent", `${this.queue.size} events wait to be sent: ${messageOf(problem)}`);
      this.sendAtMs = performance.now() + this.backoff.failed() * 1000;
    }
  }

  /** What is not sent in time waits on disk for the next process. */
  private async flushInTime(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSING_MS);
    });
    try {
      await Promise.race([this.flush(), late]);
    } catch (problem) {
      this.problems.log("info", `Enforcement events keep waiting: ${messageOf(problem)}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Keeps the app alive until the promise is settled: what is asked for in the background does not. */
async function awake<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 2 ** 30);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}

function subjectOf(options: DeliveryOptions): Subject {
  const { workspaceId, segment, stage, targetEnvironment = "production" } = options;
  return { workspaceId, segment, stage, targetEnvironment };
}

/** Without AVS Brain there is nothing to stream: what is published is polled. */
function modeOf({ mode = "stream", baseUrl }: DeliveryOptions): Mode {
  if (!Object.hasOwn(FRESH_SECONDS, mode)) {
    throw new RangeError(`mode is ${JSON.stringify(mode)}: allowed are ${Object.keys(FRESH_SECONDS).join(", ")}`);
  }
  return baseUrl === undefined && mode !== "manual" ? "poll" : mode;
}

function fallsBack({ baseUrl, published }: DeliveryOptions): boolean {
  return baseUrl !== undefined && published !== undefined;
}

/** With somewhere to fall back to, long enough to stay fresh by it, however long AVS Brain takes not to answer. */
function freshSecondsOf(options: DeliveryOptions): number {
  const mode = modeOf(options);
  const seconds = FRESH_SECONDS[mode] * (mode === "poll" ? (options.pollSeconds ?? 30) : 1);
  return fallsBack(options) ? Math.max(seconds, FRESH_SECONDS.manual) : seconds;
}

/** Without pinned keys every place that they may come from must vouch for them; a folder is its owner's. */
function refuseUntrustedOf(baseUrl: string | undefined, published: string | undefined): void {
  if (baseUrl !== undefined) {
    refuseUntrusted(baseUrl);
  }
  if (published !== undefined && isHttp(published)) {
    refuseUntrusted(published);
  }
}

function sourceOf(brain: Source | null, published: Source | null, log: Log): Source {
  if (brain !== null && published !== null) {
    return new BrainOrPublished(brain, published, (message) => log("info", message));
  }
  const source = brain ?? published;
  if (source === null) {
    throw new RangeError("Nowhere to have a config from: pass baseUrl, published, or both.");
  }
  return source;
}

/** On disk where there is a folder that can be written; an app must start without it too. */
function queueIn(path: string | null, problems: Problems): EventQueue {
  if (path === null) {
    return new EventQueue();
  }
  try {
    const queue = new EventQueue(path);
    if (queue.aside !== undefined) {
      problems.begin(
        "queue_damaged",
        `The queue of events was damaged and is empty now. Events that waited in it are in ${queue.aside}.`,
      );
    }
    return queue;
  } catch (problem) {
    const text = `Events are kept in memory only, and lost with this process, for ${path} cannot be opened: `;
    problems.begin("queue_in_memory", text + messageOf(problem));
    return new EventQueue();
  }
}
