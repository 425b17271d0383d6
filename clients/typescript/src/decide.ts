/** The decision: what the app should do about a quantity. */
import type { Decimal } from "./decimal.js";
import type { Action } from "./document.js";
import type { Plan } from "./plan.js";
import type { ReasonCode } from "./rules.js";

/**
 * What the app should do.
 *
 * `allow`: go on, or not. `action`: one of warn, throttle, degrade_quality, block, require_approval, or null.
 * `reasonCode`: included, overage, overage_throttled, hard_stop, usage_threshold, spend_cap, absolute_cap, config_stale,
 * config_expired, unit_not_in_config or never_loaded. `poolId`: the pool that gives, or that takes the overage.
 * `remaining`: units of allowance left before this quantity. `threshold`: the percentage that was reached.
 */
export interface Decision {
  readonly allow: boolean;
  readonly action: Action | null;
  readonly reasonCode: ReasonCode;
  readonly poolId: string | null;
  readonly remaining: Decimal | null;
  readonly threshold: Decimal | null;
  readonly configVersionId: string | null;
}

const NO_POOL = { poolId: null, remaining: null, threshold: null } as const;

/** The decision while there is no config at all. */
export function withoutConfig(allow: boolean): Decision {
  return { allow, action: allow ? null : "block", reasonCode: "never_loaded", ...NO_POOL, configVersionId: null };
}

/** Nothing governs a unit that no pool of the config names. */
export function outsideConfig({ configVersionId }: Plan): Decision {
  return { allow: true, action: null, reasonCode: "unit_not_in_config", ...NO_POOL, configVersionId };
}
