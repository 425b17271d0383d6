// Numbers are exact: read half-even to 12 places, written as AVS Brain writes them, and never a double.
import { expect, test } from "vitest";
import { Decimal } from "../src/decimal.js";
import { exactJson, parseExact } from "../src/json.js";
import { scaled, unscaled, used } from "../src/numbers.js";

test("a quantity keeps every digit of twelve decimal places", () => {
  expect(scaled("99999999999999.123456789012", "quantity")).toBe(99999999999999123456789012n);
  expect(unscaled(99999999999999123456789012n).toString()).toBe("99999999999999.123456789012");
});

test.each([
  ["0.0000000000005", 0n],
  ["0.0000000000015", 2n],
  ["0.00000000000050001", 1n],
  ["1e-400", 0n],
])("a quantity with more places, %s, is read half-even", (text, expected) => {
  expect(used(text, "quantity")).toBe(expected);
});

test.each([
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  "-0.1",
  "1,5",
  "",
  1e14,
  "99999999999999.9999999999999",
  true,
])("%s is no quantity", (value) => {
  expect(() => used(value, "quantity")).toThrow(RangeError);
});

test.each([
  ["4", "4"],
  ["4.50", "4.5"],
  ["-0.000001", "-0.000001"],
  ["0.00000015", "1.5e-7"],
  ["1e21", "1e+21"],
  ["123456789012345678901", "123456789012345678901"],
  ["-0", "0"],
])("%s is written %s, as in canonical JSON", (text, written) => {
  expect(Decimal.of(text).toString()).toBe(written);
});

test("JSON keeps numbers that a double would round", () => {
  expect(exactJson(parseExact('{"a":[9007199254740993,0.1000000000000000000000001,1e-7]}'))).toBe(
    '{"a":[9007199254740993,0.1000000000000000000000001,1e-7]}',
  );
});

test.each([
  '{"a":1,"a":2}',
  '{"a":1,}',
  "[1 2]",
  "01",
  "NaN",
  "'a'",
  '{"a":{"b":1,"b":1}}',
  '"\t"',
  "",
  "[".repeat(500),
])("%s is refused as JSON", (text) => {
  expect(() => parseExact(text)).toThrow(SyntaxError);
});

test("texts of every language are written in ASCII, a key named like a prototype is only a key", () => {
  const text = '{"__proto__":"\\u00e4\\ud83d\\ude00\\u007f\\n"}';
  expect(exactJson(parseExact(text))).toBe(text);
});
