/** From the bytes of an avs_config to a Document, read strictly; `parse` says what is wrong as `Malformed`. */
import { parseMoment } from "./clock.js";
import {
  type CountersRail,
  DEFAULT_STALENESS_SECONDS,
  type Delivery,
  type Document,
  type Fails,
  ON_COUNTERS_UNAVAILABLE,
  ON_EXPIRED,
  type PeriodAnchor,
  type Pool,
  type Rail,
  type Scope,
  type Subject,
  type TermsStart,
  type Unit,
} from "./document.js";
import { Malformed } from "./errors.js";
import { type Json, type JsonObject, parseExact } from "./json.js";
import * as members from "./members.js";
import { type Named, pricePlanOf } from "./reading_prices.js";
import { TimeZone } from "./time_zones.js";
import { explorationOf, hundredthsOf, poolOf, railsOf, type Scopes, unitOf } from "./reading_terms.js";

const FAILS: readonly Fails[] = ["open", "closed"];
const SCOPES: readonly Scope[] = ["pool", "unit", "customer", "spend"];
const ANCHORS: readonly PeriodAnchor["kind"][] = ["fixed", "calendar_month", "customer_day"];
/** A document whose terms start at once does not say so. */
const TERMS_START: readonly TermsStart[] = ["next_period", "prorated"];
const USUAL_DELIVERY: JsonObject = new Map([
  ["max_staleness_seconds", BigInt(DEFAULT_STALENESS_SECONDS)],
  ["sequence", 0n],
]);
const USUAL_FAIL: JsonObject = new Map([["stale", "open"]]);
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The document of these bytes; Malformed says what is wrong with it. */
export function parse(body: Uint8Array): Document {
  try {
    const given = parseExact(UTF_8.decode(body));
    if (!(given instanceof Map)) {
      throw new RangeError("it is no JSON object");
    }
    return documentOf(given);
  } catch (problem) {
    throw new Malformed(`This config cannot be enforced: ${(problem as Error).message}`, { cause: problem });
  }
}

/** A document from its JSON, numbers exact; RangeError names what does not fit. */
export function documentOf(given: JsonObject): Document {
  const delivered = deliveredOf(given);
  const coming = members.objectOrNull(delivered, "next");
  const units = members.objectsOf(given, "value_units").map(unitOf);
  const pools = members.objectsOf(given, "pools").map(poolOf);
  const document: Document = {
    configVersionId: members.textOf(given, "config_version_id"),
    subject: subjectOf(members.objectOf(given, "subject_resolution")),
    units,
    pools,
    exploration: explorationOf(members.maybeObject(given, "exploration")),
    rails: railsOf(members.maybeObject(given, "rails"), scopesOf(delivered)),
    pricePlan: pricePlanOf(given, namedIn(units, pools)),
    delivery: deliveryOf(delivered),
    upcomingAtUs: coming === null ? null : parseMoment(members.textOf(coming, "effective_at")),
    upcoming: coming === null ? null : upcomingOf(members.objectOf(coming, "document"), delivered),
    ...startOf(given),
  };
  refuseUnknownUnits(document);
  return document;
}

/** When the terms of a version start that does not hold at once, and the terms before it. */
function startOf(given: JsonObject): Pick<Document, "termsStart" | "sinceUs" | "before"> {
  const terms = members.objectOrNull(members.maybeObject(given, "governance"), "terms");
  if (terms === null) {
    return { termsStart: null, sinceUs: null, before: null };
  }
  return {
    termsStart: members.oneOf(TERMS_START, terms.get("start"), "governance.terms.start"),
    sinceUs: parseMoment(members.textOf(terms, "since")),
    before: beforeOf(given, terms),
  };
}

function deliveredOf(given: JsonObject): JsonObject {
  return members.maybeObject(members.maybeObject(given, "governance"), "delivery");
}

function subjectOf(given: JsonObject): Subject {
  return {
    workspaceId: members.textOf(given, "workspace_id"),
    segment: members.textOf(given, "segment"),
    stage: members.textOf(given, "stage"),
    targetEnvironment: members.textOf(given, "target_environment"),
  };
}

function namedIn(units: readonly Unit[], pools: readonly Pool[]): Named {
  const named = { units: units.map(({ valueUnitId }) => valueUnitId), pools: pools.map(({ poolId }) => poolId) };
  return { units: new Set(named.units), pools: new Set(named.pools) };
}

function refuseUnknownUnits({ units, pools }: Document): void {
  const known = new Set(units.map((unit) => unit.valueUnitId));
  const unknown = new Set(pools.map((pool) => pool.valueUnitId).filter((name) => !known.has(name)));
  if (unknown.size > 0) {
    throw new RangeError(`pools name value units that the config does not have: ${[...unknown].sort().join(", ")}`);
  }
}

/** The terms before: of the same subject, delivered like the version after them. */
function beforeOf(given: JsonObject, terms: JsonObject): Document {
  const before = members.objectOf(terms, "before");
  const delivery = new Map([...deliveredOf(given)].filter(([name]) => name !== "next"));
  const governance = new Map<string, Json>([
    ["delivery", delivery],
    ["terms", before.get("terms") ?? null],
  ]);
  const subject = given.get("subject_resolution") ?? null;
  return documentOf(new Map([...before, ["subject_resolution", subject], ["governance", governance]]));
}

/** The next version; one that does not say how it is delivered goes on like the one that brought it. */
function upcomingOf(given: JsonObject, delivered: JsonObject): Document {
  const coming = documentOf(given);
  return deliveredOf(given).size > 0 ? coming : { ...coming, delivery: deliveryOf(delivered) };
}

function deliveryOf(given: JsonObject): Delivery {
  const stated = new Map([...USUAL_DELIVERY, ...given]);
  const stale = new Map([...USUAL_FAIL, ...members.maybeObject(given, "fail")]).get("stale");
  return {
    maxStalenessSeconds: members.whole(stated.get("max_staleness_seconds"), "delivery.max_staleness_seconds"),
    sequence: members.whole(stated.get("sequence"), "delivery.sequence"),
    stale: members.oneOf(FAILS, stale, "delivery.fail.stale"),
    onExpired: failsOf<Rail>(given, "on_expired", ON_EXPIRED),
    onCountersUnavailable: failsOf<CountersRail>(given, "on_counters_unavailable", ON_COUNTERS_UNAVAILABLE),
    periodAnchor: anchorOf(members.objectOrNull(given, "period_anchor")),
  };
}

function failsOf<R extends string>(given: JsonObject, name: string, usual: Record<R, Fails>): Record<R, Fails> {
  const stated = members.maybeObject(given, name);
  const rails = Object.entries(usual) as [R, Fails][];
  const read = rails.map(([rail, fails]) => {
    const word = stated.has(rail) ? stated.get(rail) : fails;
    return [rail, members.oneOf(FAILS, word, `${name}.${rail}`)];
  });
  return Object.fromEntries(read) as Record<R, Fails>;
}

/** `{kind, at}` or `{kind, time_zone}`; RangeError names what does not fit, such as a zone that is not known here. */
export function anchorOf(given: JsonObject | null): PeriodAnchor | null {
  if (given === null) {
    return null;
  }
  const kind = members.oneOf(ANCHORS, given.get("kind"), "period_anchor.kind");
  if (kind === "fixed") {
    return { kind, atUs: parseMoment(members.textOf(given, "at")) };
  }
  return { kind, timeZone: new TimeZone(members.textOf(given, "time_zone")).name };
}

function scopesOf(given: JsonObject): Scopes {
  const listed = members.maybeObjects(given, "threshold_scopes");
  return new Map(
    listed.map((item) => [
      hundredthsOf(item.get("percent"), "threshold_scopes.percent"),
      members.oneOf(SCOPES, item.get("scope"), "threshold_scopes.scope"),
    ]),
  );
}
