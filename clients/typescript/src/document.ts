/**
 * An AVS config as frozen values: the shapes that the rest of this library enforces.
 *
 * Quantities and amounts are scaled integers (`numbers.ts`); `reading.ts` makes these from the bytes that AVS Brain
 * delivers.
 */
import type { Decimal } from "./decimal.js";
import type { PricePlan } from "./price_plan.js";

export const PERIOD_DAYS = 30;
export const DEFAULT_STALENESS_SECONDS = 86_400;

export type Action = "warn" | "throttle" | "block" | "require_approval" | "degrade_quality";
export type OverageBehavior = "allow_overage" | "throttle" | "hard_stop";
export type Aggregation = "count" | "sum" | "distinct_count";
/** What happens to use that cannot be judged: it goes on (open), or it is refused (closed). */
export type Fails = "open" | "closed";
export type Rail = "monthly_spend_cap_usd" | "usage_thresholds" | "absolute_usage_caps";
/** The rails that need counters: those of the config, and pools that stop at their allowance. */
export type CountersRail = Rail | "hard_stop";
/**
 * Of what a threshold is a share: of some pool of a unit, of the unit's whole allowance, or of that of any unit of the
 * customer, and then the action holds for every unit; or of the spend cap, by the whole bill, for all priced units.
 */
export type Scope = "pool" | "unit" | "customer" | "spend";
/** When a version's terms start where not at once: with the next period, or now with its amounts shared out by days. */
export type TermsStart = "next_period" | "prorated";

/** How each rail fails once the config has expired, unless the document says otherwise. */
export const ON_EXPIRED: Readonly<Record<Rail, Fails>> = {
  monthly_spend_cap_usd: "closed",
  usage_thresholds: "open",
  absolute_usage_caps: "closed",
};
/** How each fails once the counters cannot be read, unless the document says otherwise. */
export const ON_COUNTERS_UNAVAILABLE: Readonly<Record<CountersRail, Fails>> = { ...ON_EXPIRED, hard_stop: "closed" };

/** How periods are cut: 30 days each, months of a time zone, or months from each customer's own day on. */
export type PeriodAnchor =
  | { readonly kind: "fixed"; readonly atUs: number }
  | { readonly kind: "calendar_month" | "customer_day"; readonly timeZone: string };

/** Whose config: the four parts of subject_resolution. */
export interface Subject {
  readonly workspaceId: string;
  readonly segment: string;
  readonly stage: string;
  readonly targetEnvironment: string;
}

/** A subject as query parameters, in their order. */
export function subjectQuery(subject: Subject): Readonly<Record<string, string>> {
  return {
    workspace_id: subject.workspaceId,
    segment: subject.segment,
    stage: subject.stage,
    target_environment: subject.targetEnvironment,
  };
}

/**
 * How events become a quantity; `filters` are (dimension, wanted values), texts or exact numbers, any will do. A sum
 * adds up `field` less `minus`, which is empty where nothing is taken off.
 */
export interface Meter {
  readonly eventType: string;
  readonly filters: readonly (readonly [string, readonly (string | Decimal)[]])[];
  readonly aggregation: Aggregation;
  readonly field: string;
  readonly minus: string;
}

/** A value unit; `price` is USD per unit, scaled. */
export interface Unit {
  readonly valueUnitId: string;
  readonly meter: Meter;
  readonly price: bigint;
}

/** What may be carried: at most `most` (scaled), for `periods` periods after its own; null: no limit. */
export interface Rollover {
  readonly most: bigint | null;
  readonly periods: number | null;
}

/** `included` is per customer and period, scaled; `rollover` null: nothing is carried. */
export interface Pool {
  readonly poolId: string;
  readonly label: string;
  readonly valueUnitId: string;
  readonly included: bigint;
  readonly rollover: Rollover | null;
  readonly overageBehavior: OverageBehavior;
  readonly isExploration: boolean;
}

/** `expiresUs` after the customer's first qualifying event; null: never. */
export interface Exploration {
  readonly enabled: boolean;
  readonly qualifyingEvents: ReadonlySet<string>;
  readonly expiresUs: number | null;
  readonly graduationSignal: string | null;
}

/** `hundredths` of a percent of the available allowance, and what to do from there on. */
export interface Threshold {
  readonly percent: Decimal;
  readonly hundredths: bigint;
  readonly action: Action;
  readonly scope: Scope;
}

/** The most of one unit per customer and period, scaled, whatever the pools hold. */
export interface AbsoluteCap {
  readonly valueUnitId: string;
  readonly most: bigint;
  readonly action: Action;
}

/** What prevents a blow-up; `spendCap` is USD per customer and period, scaled. */
export interface Rails {
  readonly thresholds: readonly Threshold[];
  readonly spendCap: bigint | null;
  readonly atCapAction: Action | null;
  readonly absoluteCaps: readonly AbsoluteCap[];
}

/**
 * How long a copy may be used, and what happens after: `stale` and each rail of `onExpired` is open or closed, and so is
 * what happens while counters cannot be read. `periodAnchor` null: the client's own setting holds.
 */
export interface Delivery {
  readonly maxStalenessSeconds: number;
  readonly sequence: number;
  readonly stale: Fails;
  readonly onExpired: Readonly<Record<Rail, Fails>>;
  readonly onCountersUnavailable: Readonly<Record<CountersRail, Fails>>;
  readonly periodAnchor: PeriodAnchor | null;
}

/**
 * One config version; `upcoming` is the version that replaces it at `upcomingAtUs`, if one is approved.
 *
 * `before` are the terms before `sinceUs`, where the decision for this version does not let it hold at once for whole
 * periods: they hold until the end of the period in which `sinceUs` lies, or share it out, as `termsStart` says.
 */
export interface Document {
  readonly configVersionId: string;
  readonly subject: Subject;
  readonly units: readonly Unit[];
  readonly pools: readonly Pool[];
  readonly exploration: Exploration;
  readonly rails: Rails;
  readonly pricePlan: PricePlan | null;
  readonly delivery: Delivery;
  readonly upcomingAtUs: number | null;
  readonly upcoming: Document | null;
  readonly termsStart: TermsStart | null;
  readonly sinceUs: number | null;
  readonly before: Document | null;
}
