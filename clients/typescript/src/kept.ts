/** What could not be counted yet, kept until it is: in a journal beside the queue of events, else in memory. */
import { CountersUnavailable } from "./errors.js";
import { Journal, type Json, type Machine } from "./journal.js";

const MOST_IN_MEMORY = 10_000;

/** A change that waits: `name` is its own, `kind` and `body` say what it is. */
export interface Kept {
  readonly name: string;
  readonly kind: "record" | "event" | "commit" | "release" | "approve";
  readonly body: { readonly [member: string]: Json };
}

/** What the lines of the journal come to. */
class Waiting implements Machine {
  readonly changes = new Map<string, Kept>();

  apply(entry: Json): boolean {
    if (Array.isArray(entry) && entry[0] === "keep") {
      const [, name, kind, body] = entry as unknown as ["keep", string, Kept["kind"], Kept["body"]];
      this.changes.set(name, { name, kind, body });
    } else if (Array.isArray(entry) && entry[0] === "done") {
      this.changes.delete(String(entry[1]));
    }
    return true;
  }

  *entries(): Iterable<Json> {
    for (const { name, kind, body } of this.changes.values()) {
      yield ["keep", name, kind, body];
    }
  }

  reset(): void {
    this.changes.clear();
  }
}

/**
 * Changes in the order in which they happened. Several processes may share a journal: what two of them settle is counted
 * once, by its marks.
 */
export class KeptChanges {
  private readonly waiting = new Waiting();
  private readonly memory = new Map<string, Kept>();
  private journal: Journal | null = null;

  /** `path` null: in memory only. */
  constructor(private readonly path: string | null) {
    this.open();
  }

  get size(): number {
    return this.waiting.changes.size + this.memory.size;
  }

  /** How many of them would be lost with the process. */
  get inMemory(): number {
    return this.memory.size;
  }

  /** Throws CountersUnavailable when there is no room: then the change is neither counted nor kept. */
  add(kept: Kept): void {
    if (this.written(["keep", kept.name, kept.kind, kept.body])) {
      return;
    }
    if (this.memory.size >= MOST_IN_MEMORY) {
      throw new CountersUnavailable(`${MOST_IN_MEMORY} changes wait in memory already: this one was not kept.`);
    }
    this.memory.set(kept.name, kept);
  }

  /** All that wait, the oldest first. */
  all(): readonly Kept[] {
    try {
      this.journal?.catchUp();
    } catch {
      // What was read before is still to be counted.
    }
    return [...this.waiting.changes.values(), ...this.memory.values()];
  }

  /** It was counted. */
  done({ name }: Kept): void {
    if (!this.memory.delete(name)) {
      this.written(["done", name]);
    }
  }

  close(): void {
    this.journal?.close();
    this.journal = null;
  }

  private written(entry: Json): boolean {
    const journal = this.open();
    try {
      journal?.append(() => entry);
      journal?.sync();
      return journal !== null;
    } catch {
      return false;
    }
  }

  private open(): Journal | null {
    try {
      this.journal ??= this.path === null ? null : new Journal(this.path, this.waiting);
    } catch {
      this.journal = null;
    }
    return this.journal;
  }
}
