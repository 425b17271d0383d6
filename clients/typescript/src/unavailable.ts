/** What is decided while nobody knows what a customer has used: each rail as its document says (spec 9). */
import type { Decision } from "./decide.js";
import type { CountersRail } from "./document.js";
import type { Period } from "./periods.js";
import type { Plan, UnitPlan } from "./plan.js";
import type { Force, State } from "./types.js";

/** The decision about any quantity of a unit in the period; null for a unit without pools. */
export function uncounted({ plan, state }: Force, valueUnitId: string, period: Period): Decision | null {
  const terms = plan?.inPeriod(period);
  const unit = terms?.units.get(valueUnitId);
  return terms === undefined || unit === undefined ? null : decisionOf(terms, unit, state);
}

/**
 * Every rail that fails closed refuses what it might have refused. Of a config that has expired only those rails judge
 * that expire closed.
 */
function decisionOf(terms: Plan, unit: UnitPlan, state: State): Decision {
  const stale = state !== "fresh" && terms.document.delivery.stale === "closed";
  const allow = !stale && !isRefused(terms, unit, state);
  return {
    allow,
    action: allow ? null : "block",
    reasonCode: stale ? "config_stale" : "counters_unavailable",
    poolId: null,
    remaining: null,
    threshold: null,
    configVersionId: terms.configVersionId,
  };
}

function isRefused(terms: Plan, unit: UnitPlan, state: State): boolean {
  const { rails } = terms;
  const { onExpired, onCountersUnavailable } = terms.document.delivery;
  const judges: Readonly<Record<CountersRail, boolean>> = {
    monthly_spend_cap_usd: rails.spendCap !== null && rails.atCapAction !== null && !unit.price.isFree,
    usage_thresholds: rails.thresholds.length > 0,
    absolute_usage_caps: unit.absoluteCaps.length > 0,
    hard_stop: unit.lastPool.overageBehavior === "hard_stop",
  };
  const expired: Readonly<Record<string, string>> = state === "expired" ? onExpired : {};
  return (Object.keys(judges) as CountersRail[]).some(
    (rail) => judges[rail] && onCountersUnavailable[rail] === "closed" && expired[rail] !== "open",
  );
}
