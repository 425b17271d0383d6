/** Configs for the tests, as AVS Brain delivers them. */
export const SUBJECT = { workspaceId: "ws_1", segment: "smb", stage: "learning", targetEnvironment: "production" };
export const UNIT = "vu_minute";

type Json = Readonly<Record<string, unknown>>;

export function unit(name: string = UNIT, more: Json = {}): Json {
  return {
    value_unit_id: name,
    name,
    event_mapping: { event_type: "render", filters: {}, aggregation: { type: "sum", field: "minutes" } },
    unit_economics: { avg_cost_per_unit_usd: 0, target_price_per_unit_usd: 1 },
    ...more,
  };
}

export function pool(more: Json = {}): Json {
  return {
    pool_id: "pool_core",
    label: "pool_core",
    value_unit_id: UNIT,
    included_quantity: 10,
    rollover: { enabled: false },
    overage_behavior: "allow_overage",
    is_exploration_pool: false,
    ...more,
  };
}

/** `delivery` is added to what says how long a copy may be used. */
export function document(version = "cfg_1", { delivery = {}, ...more }: Json & { delivery?: Json } = {}): Json {
  return {
    avs_version: "v2.0",
    config_version_id: version,
    subject_resolution: { workspace_id: "ws_1", segment: "smb", stage: "learning", target_environment: "production" },
    value_units: [unit()],
    pools: [pool()],
    exploration: { enabled: false, qualifying_events: [], expires_after_days: null, graduation_signal: null },
    rails: { usage_thresholds: [], monthly_spend_cap_usd: null, at_cap_action: null, margin_floor: null },
    governance: { delivery: { max_staleness_seconds: 10 ** 8, sequence: 1, next: null, ...delivery } },
    ...more,
  };
}
