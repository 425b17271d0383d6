// Configs for the tests, as AVS Brain delivers them, and what holds one in force without delivering it.
import { Clock, SECOND_US } from "../../src/clock.js";
import type { Document, Subject } from "../../src/document.js";
import { exactJson, type Json, type JsonObject, parseExact, type Writable } from "../../src/json.js";
import type { PeriodSetting } from "../../src/periods.js";
import { compiled } from "../../src/plan.js";
import { documentOf } from "../../src/reading.js";
import type { ConfigInForce, EventSink, Force, Outgoing, State } from "../../src/types.js";

export const SUBJECT: Subject = {
  workspaceId: "ws_1",
  segment: "smb",
  stage: "learning",
  targetEnvironment: "production",
};
export const UNIT = "vu_minute";
export const EXPORT = "vu_export";
export const NOW = new Date("2026-01-15T00:00:00Z");

export type Members = { readonly [name: string]: Writable };

export function unit(name = UNIT, price: Writable = 1, mapping: Members = {}): Members {
  const usual = { event_type: "render", filters: {}, aggregation: { type: "sum", field: "minutes" } };
  return {
    value_unit_id: name,
    event_mapping: { ...usual, ...mapping },
    unit_economics: { target_price_per_unit_usd: price },
  };
}

export function pool(more: Members = {}): Members {
  return {
    pool_id: "pool_core",
    label: "Core",
    value_unit_id: UNIT,
    included_quantity: 10,
    rollover: { enabled: false },
    overage_behavior: "allow_overage",
    is_exploration_pool: false,
    ...more,
  };
}

export function rails(more: Members = {}): Members {
  return { usage_thresholds: [], monthly_spend_cap_usd: null, at_cap_action: null, margin_floor: null, ...more };
}

/** The JSON of a document; `delivery` is its governance.delivery. */
export function config(members: Members = {}, delivery: Members = {}): Members {
  return {
    avs_version: "v2.0",
    config_version_id: "cfg_1",
    subject_resolution: { workspace_id: "ws_1", segment: "smb", stage: "learning", target_environment: "production" },
    value_units: [unit()],
    pools: [pool()],
    exploration: { enabled: false, qualifying_events: [], expires_after_days: null, graduation_signal: null },
    rails: rails(),
    governance: { delivery: { max_staleness_seconds: 10 ** 8, sequence: 1, next: null, ...delivery } },
    ...members,
  };
}

export function read(members: Members): Document {
  return documentOf(parseExact(exactJson(members)) as JsonObject);
}

/** The members of a JSON object over those of another. */
export function over(members: Members, given: JsonObject): Document {
  return documentOf(new Map<string, Json>([...(parseExact(exactJson(members)) as JsonObject), ...given]));
}

/** Stands still until it is told. */
export class SetClock extends Clock {
  wall: number;
  monotonic = 1e9;

  constructor(now: Date = NOW) {
    super();
    this.wall = now.getTime() * 1000;
  }

  override wallUs(): number {
    return this.wall;
  }

  override monotonicMs(): number {
    return this.monotonic;
  }

  pass(seconds: number): void {
    this.wall += seconds * SECOND_US;
    this.monotonic += seconds * 1000;
  }
}

/** A config that is in force because it was put there. */
export class PutInForce implements ConfigInForce {
  force: Force;

  constructor(
    document: Document | null,
    private readonly setting: PeriodSetting,
    state: State = "fresh",
  ) {
    this.force = this.forceOf(document, state);
  }

  put(document: Document, state: State = "fresh"): void {
    this.force = this.forceOf(document, state);
  }

  current(): Force {
    return this.force;
  }

  private forceOf(document: Document | null, state: State): Force {
    const plan = document === null ? null : compiled(document, this.setting);
    return { plan, state: plan === null ? "never_loaded" : state, untilMs: Number.POSITIVE_INFINITY };
  }
}

/** A queue in memory that shows what is in it; an id is taken once. */
export class SeenQueue implements EventSink {
  readonly held = new Map<string, Outgoing>();
  readonly released: Outgoing[] = [];

  hold(events: readonly Outgoing[]): void {
    for (const event of events) {
      this.held.set(event.eventId, event);
    }
  }

  release(events: readonly Outgoing[]): void {
    this.discard(events.map((event) => event.eventId));
    const known = new Set(this.released.map((event) => event.eventId));
    this.released.push(...events.filter((event) => !known.has(event.eventId)));
  }

  discard(eventIds: readonly string[]): void {
    for (const eventId of eventIds) {
      this.held.delete(eventId);
    }
  }

  /** The bodies of what was let go. */
  bodies(): readonly Record<string, unknown>[] {
    return this.released.map((event) => JSON.parse(event.body) as Record<string, unknown>);
  }
}
