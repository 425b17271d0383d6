/** Value units, pools, exploration and rails of an avs_config, read strictly, every number exact. */
import { DAY_US } from "./clock.js";
import { Decimal } from "./decimal.js";
import {
  type AbsoluteCap,
  type Action,
  type Aggregation,
  type Exploration,
  type Meter,
  type OverageBehavior,
  PERIOD_DAYS,
  type Pool,
  type Rails,
  type Rollover,
  type Scope,
  type Threshold,
  type Unit,
} from "./document.js";
import type { Json, JsonObject } from "./json.js";
import * as members from "./members.js";
import { readToPlaces } from "./numbers.js";

const OVERAGE_BEHAVIORS: readonly OverageBehavior[] = ["allow_overage", "throttle", "hard_stop"];
const ACTIONS: readonly Action[] = ["warn", "throttle", "block", "require_approval", "degrade_quality"];
const AGGREGATIONS: readonly Aggregation[] = ["count", "sum", "distinct_count"];
/** The texts that a filter's true or false means, the same as in AVS Brain's simulation. */
export const SPELLINGS = { true: ["true", "True", "TRUE"], false: ["false", "False", "FALSE"] } as const;
/** How an absolute usage cap may name its quantity: documents of earlier versions left that to the operator. */
const CAP_QUANTITIES = ["max_quantity", "quantity", "cap", "limit"] as const;
const ONE_HUNDREDTH = 10n ** 10n;

/** A value unit with its meter and price. */
export function unitOf(given: JsonObject): Unit {
  const valueUnitId = members.textOf(given, "value_unit_id");
  const price = members.objectOf(given, "unit_economics").get("target_price_per_unit_usd");
  return {
    valueUnitId,
    meter: meterOf(members.objectOf(given, "event_mapping")),
    price: members.amount(price, `${valueUnitId}.target_price_per_unit_usd`),
  };
}

/** A pool; its label is its id where it has none. */
export function poolOf(given: JsonObject): Pool {
  const poolId = members.textOf(given, "pool_id");
  return {
    poolId,
    label: members.maybeText(given, "label") || poolId,
    valueUnitId: members.textOf(given, "value_unit_id"),
    included: members.amount(given.get("included_quantity"), `${poolId}.included_quantity`),
    rollover: rolloverOf(members.maybeObject(given, "rollover"), poolId),
    overageBehavior: members.oneOf(OVERAGE_BEHAVIORS, given.get("overage_behavior"), `${poolId}.overage_behavior`),
    isExploration: members.flag(given, "is_exploration_pool"),
  };
}

/** The exploration of a config; disabled where it has none. */
export function explorationOf(given: JsonObject): Exploration {
  const days = members.maybeDays(given.get("expires_after_days"), "exploration.expires_after_days");
  return {
    enabled: members.flag(given, "enabled"),
    qualifyingEvents: new Set(members.maybeList(given, "qualifying_events").map(eventType)),
    expiresUs: days === null ? null : days * DAY_US,
    graduationSignal: members.maybeText(given, "graduation_signal"),
  };
}

/** The rails of a config. A threshold without percent or action is a draft's and not evaluated. */
export function railsOf(given: JsonObject, scopes: Scopes): Rails {
  const thresholds = members.maybeObjects(given, "usage_thresholds").map((item) => thresholdOf(item, scopes));
  return {
    thresholds: thresholds.filter((threshold) => threshold !== null).sort(inOrder),
    spendCap: members.maybeAmount(given.get("monthly_spend_cap_usd"), "monthly_spend_cap_usd"),
    atCapAction: actionOf(given, "at_cap_action"),
    absoluteCaps: members.maybeObjects(given, "absolute_usage_caps").map(absoluteCapOf),
  };
}

/** Scopes of thresholds by hundredths of a percent. */
export type Scopes = ReadonlyMap<bigint, Scope>;

/** A percentage in hundredths; at most two decimal places. */
export function hundredthsOf(value: Json | undefined, name: string): bigint {
  const quantity = members.amount(value, name);
  return quantity % ONE_HUNDREDTH === 0n
    ? quantity / ONE_HUNDREDTH
    : members.refuse(name, value, "at most 2 decimal places");
}

function meterOf(mapping: JsonObject): Meter {
  const aggregation = members.objectOf(mapping, "aggregation");
  const filters = members.maybeObject(mapping, "filters");
  const kind = members.oneOf(AGGREGATIONS, aggregation.get("type"), "aggregation.type");
  return {
    eventType: members.textOf(mapping, "event_type"),
    filters: [...filters].map(([name, value]) => [name, wanted(value, `filters.${name}`)] as const),
    aggregation: kind,
    field: kind === "count" ? "" : members.textOf(aggregation, "field"),
    minus: minusOf(aggregation, kind),
  };
}

function minusOf(aggregation: JsonObject, kind: Aggregation): string {
  const minus = members.maybeText(aggregation, "minus") ?? "";
  if (minus !== "" && kind !== "sum") {
    return members.refuse("aggregation.minus", minus, `only a sum takes a field off, ${kind} cannot`);
  }
  return minus;
}

function wanted(value: Json, name: string): readonly (string | Decimal)[] {
  const values: readonly Json[] = Array.isArray(value) ? value : [value];
  if (values.length === 0) {
    throw new RangeError(`${name} is an empty list, which no event has`);
  }
  return values.flatMap((item) => wantedValues(item, name));
}

/** What a dimension has where it has the value: three spellings of true and false, numbers read to 12 places. */
function wantedValues(value: Json, name: string): readonly (string | Decimal)[] {
  if (typeof value === "boolean") {
    return SPELLINGS[`${value}`];
  }
  if (typeof value === "string") {
    return [value];
  }
  if (typeof value === "bigint" || value instanceof Decimal) {
    const number = Decimal.of(value);
    return [readToPlaces(number) ?? number];
  }
  return members.refuse(name, value, "a text, a number, true, false or a list of these");
}

function eventType(value: Json): string {
  return typeof value === "string" ? value : members.refuse("qualifying_events", value, "they must be texts");
}

function rolloverOf(given: JsonObject, poolId: string): Rollover | null {
  const days = members.maybeDays(given.get("expires_after_days"), `${poolId}.rollover.expires_after_days`);
  const rollover = {
    most: members.maybeAmount(given.get("max_rollover_quantity"), `${poolId}.max_rollover_quantity`),
    periods: days === null ? null : Math.floor(days / PERIOD_DAYS),
  };
  return members.flag(given, "enabled") ? rollover : null;
}

function actionOf(given: JsonObject, name: string): Action | null {
  const action = given.get(name);
  return members.isAbsent(action) ? null : members.oneOf(ACTIONS, action, name);
}

function thresholdOf(given: JsonObject, scopes: Scopes): Threshold | null {
  const action = actionOf(given, "action");
  if (members.isAbsent(given.get("percent"))) {
    return null;
  }
  const percent = given.get("percent") as bigint | Decimal;
  const hundredths = hundredthsOf(percent, "usage_thresholds.percent");
  const scope = scopes.get(hundredths) ?? "pool";
  return action === null ? null : { percent: Decimal.of(percent), hundredths, action, scope };
}

function inOrder(one: Threshold, other: Threshold): number {
  const difference = Number(one.hundredths - other.hundredths);
  return difference || Number(one.action > other.action) - Number(one.action < other.action);
}

/** `{value_unit_id, max_quantity, action?}`: without an action it blocks. A cap that cannot be read is an error. */
function absoluteCapOf(given: JsonObject): AbsoluteCap {
  const valueUnitId = members.textOf(given, "value_unit_id");
  const name = CAP_QUANTITIES.find((one) => given.has(one)) ?? CAP_QUANTITIES[0];
  return {
    valueUnitId,
    most: members.amount(given.get(name), `absolute_usage_caps.${valueUnitId}.${name}`),
    action: actionOf(given, "action") ?? "block",
  };
}
