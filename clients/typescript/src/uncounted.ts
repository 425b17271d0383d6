/** What is decided while nobody knows what a customer has used: each rail as its document says (spec 9). */
import type { Decision } from "./decide.js";
import type { CountersRail, Rail } from "./document.js";
import type { Plan, UnitPlan } from "./plan.js";
import type { State } from "./types.js";

/** The decision about any quantity of a unit by the terms of a period; null for a unit without pools. */
export function uncounted(terms: Plan, valueUnitId: string, state: State): Decision | null {
  const unit = terms.units.get(valueUnitId);
  if (unit === undefined) {
    return null;
  }
  const isStale = state !== "fresh" && terms.document.delivery.stale === "closed";
  const allow = !isStale && !refuses(terms, unit, state);
  return {
    allow,
    action: allow ? null : "block",
    reasonCode: isStale ? "config_stale" : "counters_unavailable",
    poolId: null,
    remaining: null,
    threshold: null,
    configVersionId: terms.configVersionId,
  };
}

/**
 * Every rail that fails closed refuses what it might have refused. Of a config that has expired only those rails judge
 * that expire closed.
 */
function refuses({ rails, document }: Plan, unit: UnitPlan, state: State): boolean {
  const { onCountersUnavailable, onExpired } = document.delivery;
  const judges: Readonly<Record<CountersRail, boolean>> = {
    monthly_spend_cap_usd: rails.spendCap !== null && rails.atCapAction !== null && unit.unit.price !== 0n,
    usage_thresholds: rails.thresholds.length > 0,
    absolute_usage_caps: unit.absoluteCaps.length > 0,
    hard_stop: unit.lastPool.overageBehavior === "hard_stop",
  };
  const isLetThrough = (rail: CountersRail) => state === "expired" && onExpired[rail as Rail] === "open";
  const names = Object.keys(judges) as CountersRail[];
  return names.some((name) => judges[name] && onCountersUnavailable[name] === "closed" && !isLetThrough(name));
}
