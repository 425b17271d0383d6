/**
 * Exact quantities and amounts: integers of 10**-12, so that no sum is ever rounded.
 *
 * Prices and caps have at most 12 decimal places and stay below 10**14, as in AVS Brain's simulation. Quantities that
 * an app reports with more places are read to 12 of them, half-even, as AVS Brain reads its usage events.
 */
import { Decimal } from "./decimal.js";

export const PLACES = 12;
export const SCALE = 10n ** 12n;
export const LIMIT = 10n ** 14n;
const WHOLE_DIGITS = 14;
/** Whole numbers up to here, times SCALE, are common enough to be worth a table-free short way. */
const SMALL = 100_000_000_000_000;

/**
 * What callers may pass as a quantity: a whole number, a bigint, or a decimal as a text ("0.25") or a Decimal.
 * Numbers with a fraction are refused, because 0.1 + 0.2 is not 0.3.
 */
export type Quantity = number | bigint | string | Decimal;

/** The value in units of 10**-12; RangeError names what is no exact number or out of range. */
export function scaled(value: unknown, name: string): bigint {
  if (typeof value === "number" && Number.isInteger(value) && value < SMALL && value > -SMALL) {
    return BigInt(value) * SCALE;
  }
  const read = exact(value, name);
  if (read.magnitude >= WHOLE_DIGITS) {
    throw new RangeError(`${name} is ${read}: it must be below 10**14`);
  }
  if (read.exponent < -PLACES) {
    throw new RangeError(`${name} is ${read}: it must have at most ${PLACES} decimal places`);
  }
  return read.digits * 10n ** BigInt(read.exponent + PLACES);
}

/** `scaled`, and not negative. */
export function atLeastZero(value: unknown, name: string): bigint {
  const quantity = scaled(value, name);
  if (quantity < 0n) {
    throw new RangeError(`${name} is ${String(value)}: it must not be negative`);
  }
  return quantity;
}

/** The value rounded half-even to 12 decimal places; null where that is 10**14 or more in size. */
export function readToPlaces(value: Decimal): Decimal | null {
  if (value.magnitude >= WHOLE_DIGITS) {
    return null;
  }
  const read = value.exponent < -PLACES ? roundedHalfEven(value) : value;
  return read.magnitude < WHOLE_DIGITS ? read : null;
}

/** A quantity that an app reports, read to 12 places and scaled; RangeError when it is none, or negative. */
export function used(value: unknown, name: string): bigint {
  if (typeof value === "number") {
    return atLeastZero(value, name);
  }
  const given = exact(value, name);
  return atLeastZero(given.sign < 0 ? given : (readToPlaces(given) ?? given), name);
}

/** The exact decimal of a scaled number. */
export function unscaled(value: bigint): Decimal {
  const whole = value / SCALE;
  return whole * SCALE === value ? Decimal.of(whole) : Decimal.normal(value, -PLACES);
}

/** value ÷ divisor, rounded up; the divisor is positive. */
export function ceiling(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return quotient * divisor < value ? quotient + 1n : quotient;
}

/** value ÷ divisor, rounded down; the divisor is positive. */
export function floor(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return quotient * divisor > value ? quotient - 1n : quotient;
}

function exact(value: unknown, name: string): Decimal {
  try {
    if (typeof value === "number" || typeof value === "bigint" || typeof value === "string") {
      return Decimal.of(value);
    }
  } catch (problem) {
    throw new RangeError(`${name} is ${JSON.stringify(String(value))}: ${(problem as Error).message}`);
  }
  if (value instanceof Decimal) {
    return value;
  }
  throw new RangeError(
    `${name} must be a whole number, a bigint, a Decimal or a text like "0.25", not ${String(value)}`,
  );
}

function roundedHalfEven(value: Decimal): Decimal {
  if (value.magnitude < -PLACES - 1) {
    return Decimal.of(0n);
  }
  const divisor = 10n ** BigInt(-PLACES - value.exponent);
  const size = value.digits < 0n ? -value.digits : value.digits;
  const twice = (size % divisor) * 2n;
  const below = size / divisor;
  const up = twice > divisor || (twice === divisor && below % 2n === 1n);
  const rounded = up ? below + 1n : below;
  return Decimal.normal(value.digits < 0n ? -rounded : rounded, -PLACES);
}
