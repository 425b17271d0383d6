// An account is one text for the clients of every language: the shared ones are read and written the same.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { dumped, loaded } from "../src/account_text.js";
import { PeriodSetting } from "../src/periods.js";

const FOLDER = fileURLToPath(new URL("../../scenarios/accounts", import.meta.url));
const TEXTS = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

interface Scenario {
  readonly text: string;
  readonly earlier?: string;
}

function scenarioOf(name: string): Scenario {
  return JSON.parse(readFileSync(`${FOLDER}/${name}`, "utf-8")) as Scenario;
}

test("the shared accounts are there", () => {
  expect(TEXTS.length).toBeGreaterThanOrEqual(5);
});

test.each(TEXTS)("a client writes the account that it read: %s", (name) => {
  const { text } = scenarioOf(name);
  expect(dumped(loaded(text))).toBe(text);
});

test.each(TEXTS)("a client writes an earlier account in the form of now: %s", (name) => {
  const { text, earlier = text } = scenarioOf(name);
  const setting = new PeriodSetting();
  expect(dumped(loaded(earlier).renamed((number) => setting.keyOfNumbered(number)))).toBe(text);
});

test("an account of a later format is refused", () => {
  expect(() => loaded('{"format":3}')).toThrow(/later version/);
});
