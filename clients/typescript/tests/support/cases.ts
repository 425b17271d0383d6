// Generated configs, and what apps do under them: the same for the clients of every language.
import fc from "fast-check";
import type { DimensionValue } from "../../src/metering.js";
import { config, EXPORT, type Members, pool, rails, UNIT, unit } from "./documents.js";
import { PRICE_PLAN } from "./plans.js";

export type Step =
  | { readonly kind: "pass"; readonly seconds: number }
  | { readonly kind: "check"; readonly customer: string; readonly unit: string; readonly quantity: string }
  | {
      readonly kind: "record";
      readonly customer: string;
      readonly unit: string;
      readonly quantity: string;
      readonly id: string | null;
      readonly days: number;
    }
  | { readonly kind: "event"; readonly event: Readonly<Record<string, DimensionValue>> }
  | {
      readonly kind: "reserve";
      readonly customer: string;
      readonly unit: string;
      readonly quantity: string;
      readonly seconds: number;
    }
  | { readonly kind: "commit"; readonly which: number; readonly quantity?: string }
  | { readonly kind: "release"; readonly which: number }
  | { readonly kind: "approve"; readonly customer: string; readonly unit: string };

/** A document as members, customers' own days by their id, and what happens. */
export interface Case {
  readonly members: Members;
  readonly days: Readonly<Record<string, number>>;
  readonly steps: readonly Step[];
}

const ACTIONS = fc.constantFrom("warn", "throttle", "block", "require_approval", "degrade_quality");
const CUSTOMERS = fc.constantFrom("ann", "bob", "zoë 😀", "10", "9");
const UNITS = fc.constantFrom(UNIT, EXPORT);
const QUANTITY = fc.oneof(
  fc.integer({ min: 0, max: 15 }).map(String),
  fc.integer({ min: 0, max: 9_999 }).map((thousandths) => String(thousandths / 1000)),
  fc.constantFrom("0.000000000001", "99999999999999.999999999999", "2.0000000000005"),
);
const FAIL = fc.constantFrom("open", "closed");

const POOL = fc.record({
  included_quantity: fc.integer({ min: 0, max: 12 }),
  overage_behavior: fc.constantFrom("allow_overage", "throttle", "hard_stop"),
  is_exploration_pool: fc.boolean(),
  value_unit_id: UNITS,
  rollover: fc.oneof(
    fc.constant({ enabled: false }),
    fc.record({
      enabled: fc.constant(true),
      expires_after_days: fc.constantFrom(null, 30, 60),
      max_rollover_quantity: fc.constantFrom(null, 5),
    }),
  ),
});

const THRESHOLDS = fc.uniqueArray(fc.record({ percent: fc.constantFrom(0, 30, 50, 70, 100, 150), action: ACTIONS }), {
  maxLength: 4,
  selector: ({ percent }) => percent,
});

const RAILS = fc
  .record({
    usage_thresholds: THRESHOLDS,
    cap: fc.constantFrom(null, 0, 5, 20),
    at_cap_action: ACTIONS,
    absolute: fc.boolean(),
  })
  .map(({ usage_thresholds, cap, at_cap_action, absolute }) =>
    rails({
      usage_thresholds,
      monthly_spend_cap_usd: cap,
      at_cap_action: cap === null ? null : at_cap_action,
      absolute_usage_caps: absolute ? [{ value_unit_id: UNIT, max_quantity: 9, action: at_cap_action }] : [],
    }),
  );

const DELIVERY = fc.record({
  fail: fc.record({ stale: FAIL }),
  period_anchor: fc.constantFrom<Members | null>(
    null,
    { kind: "fixed", at: "2025-12-20T06:30:00Z" },
    { kind: "calendar_month", time_zone: "America/New_York" },
    { kind: "customer_day", time_zone: "Europe/Berlin" },
  ),
  threshold_scopes: fc.constantFrom<Members[]>(
    [],
    [
      { percent: 30, scope: "unit" },
      { percent: 50, scope: "customer" },
      { percent: 100, scope: "customer" },
    ],
    [
      { percent: 30, scope: "spend" },
      { percent: 70, scope: "spend" },
      { percent: 100, scope: "spend" },
    ],
  ),
});

const EXPLORATION = fc.record({
  enabled: fc.boolean(),
  qualifying_events: fc.constantFrom(["render"], ["sign_up"], []),
  expires_after_days: fc.constantFrom(null, 10, 45),
  graduation_signal: fc.constantFrom(null, "upgraded"),
});

const UNITS_OF_CONFIG = [
  unit(),
  unit(EXPORT, 2, {
    event_type: "export",
    aggregation: { type: "distinct_count", field: "file" },
    filters: { hd: [true, 4] },
  }),
];

/** What of a config decides, without how it is delivered. */
const TERMS: fc.Arbitrary<Members> = fc
  .record({
    pools: fc.array(POOL, { minLength: 1, maxLength: 4 }),
    limits: RAILS,
    exploration: EXPLORATION,
    plan: fc.option(PRICE_PLAN),
  })
  .map(({ pools, limits, exploration, plan }) => {
    const named = pools.map((members, index) => pool({ ...members, pool_id: `pool_${index}`, label: `Pool ${index}` }));
    const whole = [...named, pool({ pool_id: "pool_export", value_unit_id: EXPORT, included_quantity: 3 })];
    const both = [...whole, pool({ pool_id: "pool_minute", included_quantity: 4 })];
    const terms = { value_units: UNITS_OF_CONFIG, pools: both, rails: limits, exploration };
    return plan === null ? terms : { ...terms, rating_agility: { price_plan: plan } };
  });

/** Terms that hold until the period of a moment ends. */
const BEFORE = fc
  .record({
    start: fc.constantFrom("next_period", "prorated"),
    since: fc.constantFrom("2026-01-10T00:00:00Z", "2026-02-20T12:00:00Z"),
    before: TERMS,
    first: fc.option(fc.record({ start: fc.constantFrom("next_period", "prorated"), before: TERMS })),
  })
  .map(({ start, since, before, first }) => {
    const terms = first && {
      ...first,
      since: "2026-01-04T18:00:00Z",
      before: { ...first.before, config_version_id: "cfg_00" },
    };
    return { start, since, before: { ...before, config_version_id: "cfg_0", ...(terms === null ? {} : { terms }) } };
  });

export const MEMBERS: fc.Arbitrary<Members> = fc
  .record({ now: TERMS, terms: fc.option(BEFORE, { freq: 2 }), delivery: DELIVERY })
  .map(({ now, terms, delivery }) => {
    const members = config(now, delivery);
    const governance = members["governance"] as Members;
    return terms === null ? members : { ...members, governance: { ...governance, terms } };
  });

const EVENT = fc.record({
  event_type: fc.constantFrom("render", "export", "sign_up"),
  customer_id: CUSTOMERS,
  minutes: fc.constantFrom<DimensionValue>(3, 0.25, "1e2", "-1", "many", null, true),
  file: fc.constantFrom<DimensionValue>("a", "b", 7, null),
  hd: fc.constantFrom<DimensionValue>(true, "True", 4, "4.0", false, "x"),
  event_id: fc.constantFrom(null, "e1", "e2"),
});

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.constantFrom(1, 61, 86_400, 12 * 86_400) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("check" as const), customer: CUSTOMERS, unit: UNITS, quantity: QUANTITY }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("record" as const),
      customer: CUSTOMERS,
      unit: UNITS,
      quantity: QUANTITY,
      id: fc.constantFrom(null, null, "a", "b"),
      days: fc.constantFrom(0, 0, 0, -40, 40),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("event" as const), event: EVENT }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("reserve" as const),
      customer: CUSTOMERS,
      unit: UNITS,
      quantity: QUANTITY,
      seconds: fc.constantFrom(0, 60, 600),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("commit" as const), which: fc.nat(9), quantity: QUANTITY }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("commit" as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("approve" as const), customer: CUSTOMERS, unit: UNITS }) },
);

export const CASE: fc.Arbitrary<Case> = fc.record({
  members: MEMBERS,
  days: fc.constantFrom<Readonly<Record<string, number>>>({}, { ann: 5, "10": 31 }),
  steps: fc.array(STEP, { minLength: 1, maxLength: 40 }),
});

const ODD: readonly unknown[] = [
  null,
  "",
  "5",
  5,
  -1,
  0.5,
  33.333,
  1e14,
  1e300,
  2 ** 53,
  true,
  [],
  {},
  ["a"],
  [null],
  "hard_stop",
  "2026-02-30T00:00:00Z",
];

/** Documents with one member that is something else, or not there. */
export const DAMAGED: fc.Arbitrary<{ readonly text: string; readonly damage: string }> = fc
  .record({ members: MEMBERS, pick: fc.nat(), value: fc.constantFrom(...ODD), isRemoved: fc.boolean() })
  .map(({ members, pick, value, isRemoved }) => {
    const document = JSON.parse(JSON.stringify(members)) as Record<string, unknown>;
    const places = placesIn(document);
    const [parent, name] = places[pick % places.length] as Place;
    if (isRemoved) {
      Reflect.deleteProperty(parent, name);
    } else {
      Reflect.set(parent, name, value);
    }
    const damage = `${name} ${isRemoved ? "is missing" : `is ${JSON.stringify(value)}`}`;
    return { text: JSON.stringify(document), damage };
  });

type Place = readonly [parent: object, name: string];

function placesIn(value: unknown): readonly Place[] {
  if (typeof value !== "object" || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([name, item]) => [[value, name] as const, ...placesIn(item)]);
}
