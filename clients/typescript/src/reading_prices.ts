/** The price plan of an avs_config, read strictly, every number exact. */
import type { JsonObject } from "./json.js";
import * as members from "./members.js";
import { SCALE } from "./numbers.js";
import { OveragePrice, type PriceModel, type Tier } from "./overage_price.js";
import { type CustomerTerms, NO_TERMS, type Prepaid, type PricePlan } from "./price_plan.js";

const MODELS: readonly PriceModel[] = ["per_unit", "graduated", "volume", "package"];
/** What a version that follows does in mid-period: the decision has followed it, or said otherwise, before apps see it. */
const CHANGE_POLICIES = ["at_next_period", "prorate"] as const;
const NAME = "price_plan";
const MOST_TIERS = 100;

/** What the plan may name: value units and pools of its config. */
export interface Named {
  readonly units: ReadonlySet<string>;
  readonly pools: ReadonlySet<string>;
}

/** `rating_agility.price_plan`; null where the config has none. */
export function pricePlanOf(given: JsonObject, named: Named): PricePlan | null {
  const plan = members.objectOrNull(members.maybeObject(given, "rating_agility"), NAME);
  if (plan === null) {
    return null;
  }
  if (!members.isAbsent(plan.get("change_policy"))) {
    members.oneOf(CHANGE_POLICIES, plan.get("change_policy"), `${NAME}.change_policy`);
  }
  const usual = contractOf(plan, NO_TERMS, named, NAME);
  const overrides = members.maybeObjects(plan, "overrides").map((item) => overrideOf(item, usual, named));
  return { usual, overrides: unique(overrides, `${NAME}.overrides`) };
}

function overrideOf(given: JsonObject, usual: CustomerTerms, named: Named): readonly [string, CustomerTerms] {
  const customerId = members.textOf(given, "customer_id");
  const name = `${NAME}.overrides.${customerId}`;
  const terms = contractOf(given, usual, named, name);
  return [customerId, { ...terms, included: includedOf(given, named.pools, name) }];
}

/** The terms that a contract states, and those of `usual` for the rest. */
function contractOf(given: JsonObject, usual: CustomerTerms, { units }: Named, name: string): CustomerTerms {
  const prices = members.maybeObjects(given, "unit_prices").map((item) => unitPriceOf(item, units, name));
  const isTrueUpStated = !members.isAbsent(given.get("true_up"));
  return {
    platformFee: members.maybeAmount(given.get("platform_fee_usd"), `${name}.platform_fee_usd`) ?? usual.platformFee,
    minimumCommit:
      members.maybeAmount(given.get("minimum_commit_usd"), `${name}.minimum_commit_usd`) ?? usual.minimumCommit,
    trueUp: isTrueUpStated ? members.flag(given, "true_up") : usual.trueUp,
    prepaid: given.has("prepaid") ? prepaidOf(members.objectOrNull(given, "prepaid"), name) : usual.prepaid,
    unitPrices: new Map([...usual.unitPrices, ...unique(prices, `${name}.unit_prices`)]),
    included: usual.included,
  };
}

function includedOf(given: JsonObject, pools: ReadonlySet<string>, name: string): ReadonlyMap<string, bigint> {
  const listed = [...members.maybeObject(given, "included_quantity")];
  return new Map(
    listed.map(([poolId, quantity]) => {
      const where = `${name}.included_quantity.${poolId}`;
      return [
        pools.has(poolId) ? poolId : refused(where, "the config has no such pool"),
        members.amount(quantity, where),
      ];
    }),
  );
}

function prepaidOf(given: JsonObject | null, name: string): Prepaid | null {
  if (given === null) {
    return null;
  }
  return {
    amount: members.amount(given.get("amount_usd"), `${name}.prepaid.amount_usd`),
    price: members.amount(given.get("price_usd"), `${name}.prepaid.price_usd`),
    expiresAfterDays: members.maybeDays(given.get("expires_after_days"), `${name}.prepaid.expires_after_days`),
  };
}

function unitPriceOf(given: JsonObject, units: ReadonlySet<string>, of: string): readonly [string, OveragePrice] {
  const valueUnitId = members.textOf(given, "value_unit_id");
  const name = `${of}.unit_prices.${valueUnitId}`;
  if (!units.has(valueUnitId)) {
    refused(name, "the config has no such value unit");
  }
  const model = members.oneOf(MODELS, given.get("model"), `${name}.model`);
  const tiers = members.objectsOf(given, "tiers").map((tier, index) => tierOf(tier, `${name}.tiers.${index + 1}`));
  refuseTiers(model, tiers, `${name}.tiers`);
  return [valueUnitId, new OveragePrice(model, tiers, packageSizeOf(given, model, `${name}.package_size`))];
}

function tierOf(given: JsonObject, name: string): Tier {
  return {
    upTo: members.maybeAmount(given.get("up_to"), `${name}.up_to`),
    unitPrice: members.amount(given.get("unit_price_usd"), `${name}.unit_price_usd`),
    flatFee: members.maybeAmount(given.get("flat_fee_usd"), `${name}.flat_fee_usd`) ?? 0n,
  };
}

/** Tiers ascend without a gap, and only the last has no end; one price and packages have a single tier without fee. */
function refuseTiers(model: PriceModel, tiers: readonly Tier[], name: string): void {
  if (tiers.length < 1 || tiers.length > MOST_TIERS) {
    refused(name, `there must be 1 to ${MOST_TIERS}, not ${tiers.length}`);
  }
  if ((model === "per_unit" || model === "package") && (tiers.length !== 1 || tiers[0]?.flatFee !== 0n)) {
    refused(name, `${model} has one open tier and no flat fee`);
  }
  let from = 0n;
  for (const [index, { upTo }] of tiers.entries()) {
    const isLast = index === tiers.length - 1;
    if (isLast !== (upTo === null) || (upTo !== null && upTo <= from)) {
      refused(`${name}.${index + 1}.up_to`, "tiers ascend from 0, and only the last has no end");
    }
    from = upTo ?? from;
  }
}

function packageSizeOf(given: JsonObject, model: PriceModel, name: string): bigint | null {
  const size = members.maybeAmount(given.get("package_size"), name);
  if ((size !== null) !== (model === "package")) {
    refused(name, "packages have one, and nothing else has");
  }
  if (size !== null && (size === 0n || size % SCALE !== 0n)) {
    refused(name, "it must be a whole number above 0");
  }
  return size;
}

function unique<T>(listed: readonly (readonly [string, T])[], name: string): ReadonlyMap<string, T> {
  const byId = new Map(listed);
  return byId.size === listed.length ? byId : refused(name, "an id stands there twice");
}

function refused(name: string, problem: string): never {
  throw new RangeError(`${name}: ${problem}`);
}
