/** Exact decimals: what quantities, amounts and percentages are, because 0.1 + 0.2 is not 0.3. */

const NOTATION = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,5}))?$/;
const LONGEST_EXPONENT = 9999;

/** `digits` × 10 ** `exponent`, without zeros at the end of its digits; equal numbers have equal parts. */
export class Decimal {
  private constructor(
    readonly digits: bigint,
    readonly exponent: number,
  ) {}

  /** The number that a text in JSON's notation, a bigint or a whole safe number is; RangeError for anything else. */
  static of(value: string | bigint | number | Decimal): Decimal {
    if (value instanceof Decimal) {
      return value;
    }
    if (typeof value === "bigint") {
      return Decimal.normal(value, 0);
    }
    if (typeof value === "number") {
      return Decimal.ofNumber(value);
    }
    return Decimal.read(value);
  }

  /** `digits` × 10 ** `exponent`, brought to its shortest form. */
  static normal(digits: bigint, exponent: number): Decimal {
    if (digits === 0n) {
      return new Decimal(0n, 0);
    }
    const text = digits.toString();
    let end = text.length;
    while (text.charCodeAt(end - 1) === 48) {
      end -= 1;
    }
    const zeros = text.length - end;
    return new Decimal(zeros === 0 ? digits : BigInt(text.slice(0, end)), exponent + zeros);
  }

  private static ofNumber(value: number): Decimal {
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(`${value} is no exact number: write it as a text, "0.1"`);
    }
    return Decimal.normal(BigInt(value), 0);
  }

  private static read(text: string): Decimal {
    const [, sign, whole, fraction = "", power = "0"] = NOTATION.exec(text) ?? [];
    const exponent = Number(power);
    if (whole === undefined || Math.abs(exponent) > LONGEST_EXPONENT) {
      throw new RangeError(`${JSON.stringify(text)} is no number`);
    }
    return Decimal.normal(BigInt(`${sign}${whole}${fraction}`), exponent - fraction.length);
  }

  /** -1, 0 or 1. */
  get sign(): -1 | 0 | 1 {
    if (this.digits === 0n) {
      return 0;
    }
    return this.digits < 0n ? -1 : 1;
  }

  /** The power of ten of its first digit: 2 for 123, -1 for 0.1; 0 for zero. */
  get magnitude(): number {
    const length = this.digits.toString().length - (this.digits < 0n ? 1 : 0);
    return this.digits === 0n ? 0 : length - 1 + this.exponent;
  }

  /** Whether both are the same number. */
  equals(other: Decimal): boolean {
    return this.digits === other.digits && this.exponent === other.exponent;
  }

  /** Negative, 0 or positive as this is less than, equal to or greater than the other. */
  compare(other: Decimal): number {
    const places = Math.min(this.exponent, other.exponent);
    const difference = this.times10(this.exponent - places) - other.times10(other.exponent - places);
    if (difference === 0n) {
      return 0;
    }
    return difference < 0n ? -1 : 1;
  }

  /** Their exact sum. */
  plus(other: Decimal): Decimal {
    const places = Math.min(this.exponent, other.exponent);
    return Decimal.normal(this.times10(this.exponent - places) + other.times10(other.exponent - places), places);
  }

  /** The nearest double: for charts, not for money. */
  toNumber(): number {
    return Number(this.toString());
  }

  /** The canonical JSON notation (ECMAScript's): 4, 0.5, 1.5e-7, 1e+21. */
  toString(): string {
    const sign = this.digits < 0n ? "-" : "";
    const digits = sign === "" ? this.digits.toString() : this.digits.toString().slice(1);
    return this.digits === 0n ? "0" : sign + placePoint(digits, digits.length + this.exponent);
  }

  /** Its text: JSON.stringify has no exact numbers. */
  toJSON(): string {
    return this.toString();
  }

  private times10(power: number): bigint {
    return this.digits * 10n ** BigInt(power);
  }
}

/** `point` is where the decimal point stands, counted from before the first digit. */
function placePoint(digits: string, point: number): string {
  if (digits.length <= point && point <= 21) {
    return digits.padEnd(point, "0");
  }
  if (point > 0 && point <= 21) {
    return `${digits.slice(0, point)}.${digits.slice(point)}`;
  }
  if (point > -6 && point <= 0) {
    return `0.${"0".repeat(-point)}${digits}`;
  }
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
  return `${mantissa}e${point > 0 ? "+" : ""}${point - 1}`;
}
