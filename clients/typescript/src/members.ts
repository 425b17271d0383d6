/** Members of a JSON object, read strictly: RangeError names the one that does not fit. */
import { Decimal } from "./decimal.js";
import { asciiText, type Json, type JsonObject } from "./json.js";
import { atLeastZero } from "./numbers.js";

const NO_MEMBERS: JsonObject = new Map();
/** 273 years. */
const MOST_DAYS = 100_000;

/** How a value is shown where it does not fit. */
export function shown(value: Json | undefined): string {
  if (value === undefined) {
    return "missing";
  }
  if (typeof value === "string") {
    return asciiText(value);
  }
  if (value instanceof Map) {
    return "an object";
  }
  return Array.isArray(value) ? "a list" : String(value);
}

/** A member that must be an object. */
export function objectOf(given: JsonObject, name: string): JsonObject {
  const value = given.get(name);
  return value instanceof Map ? value : refuse(name, value, "it must be an object");
}

/** A member that may be an object; null where it is null or missing. */
export function objectOrNull(given: JsonObject, name: string): JsonObject | null {
  return isAbsent(given.get(name)) ? null : objectOf(given, name);
}

/** A member that may be an object; empty where it is null or missing. */
export function maybeObject(given: JsonObject, name: string): JsonObject {
  return objectOrNull(given, name) ?? NO_MEMBERS;
}

/** A member that must be a list of objects. */
export function objectsOf(given: JsonObject, name: string): readonly JsonObject[] {
  return listOf(given, name).map((item) => (item instanceof Map ? item : refuse(name, item, "it must hold objects")));
}

/** A member that may be a list; empty where it is null or missing. */
export function maybeList(given: JsonObject, name: string): readonly Json[] {
  return isAbsent(given.get(name)) ? [] : listOf(given, name);
}

/** A member that may be a list of objects; empty where it is null or missing. */
export function maybeObjects(given: JsonObject, name: string): readonly JsonObject[] {
  return isAbsent(given.get(name)) ? [] : objectsOf(given, name);
}

/** A member that must be a text with something in it. */
export function textOf(given: JsonObject, name: string): string {
  const value = given.get(name);
  return typeof value === "string" && value !== "" ? value : refuse(name, value, "it must be a text");
}

/** A member that may be a text; null where it is null or missing. */
export function maybeText(given: JsonObject, name: string): string | null {
  const value = given.get(name);
  return isAbsent(value) || typeof value === "string" ? (value ?? null) : refuse(name, value, "it must be a text");
}

/** A member that is true, or false where it is null or missing. */
export function flag(given: JsonObject, name: string): boolean {
  const value = given.get(name);
  return isAbsent(value) || typeof value === "boolean"
    ? value === true
    : refuse(name, value, "it must be true or false");
}

/** An amount or a quantity, scaled; a text is none, even where it looks like one. */
export function amount(value: Json | undefined, name: string): bigint {
  return typeof value === "bigint" || value instanceof Decimal
    ? atLeastZero(value, name)
    : refuse(name, value, "it must be a number");
}

/** An amount or a quantity that may be missing or null. */
export function maybeAmount(value: Json | undefined, name: string): bigint | null {
  return isAbsent(value) ? null : amount(value, name);
}

/** Days that may be missing or null; as microseconds they are exact numbers. */
export function maybeDays(value: Json | undefined, name: string): number | null {
  return isAbsent(value) ? null : whole(value, name, MOST_DAYS);
}

/** A value that must be a whole number from 0 to `most`. */
export function whole(value: Json | undefined, name: string, most = Number.MAX_SAFE_INTEGER): number {
  const digits =
    value instanceof Decimal && value.exponent >= 0 && value.magnitude < 16 ? BigInt(String(value)) : value;
  if (typeof digits !== "bigint" || digits < 0n || digits > BigInt(most)) {
    return refuse(name, value, `it must be a whole number from 0 to ${most}`);
  }
  return Number(digits);
}

/** A value that must be one of these texts. */
export function oneOf<T extends string>(allowed: readonly T[], value: Json | undefined, name: string): T {
  const known = allowed.find((text) => text === value);
  return known ?? refuse(name, value, `allowed are ${allowed.join(", ")}`);
}

/** Whether a member is null or missing. */
export function isAbsent(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}

/** Says which member does not fit and why. */
export function refuse(name: string, value: Json | undefined, problem: string): never {
  throw new RangeError(`${name} is ${shown(value)}: ${problem}`);
}

function listOf(given: JsonObject, name: string): readonly Json[] {
  const value = given.get(name);
  return Array.isArray(value) ? value : refuse(name, value, "it must be a list");
}
