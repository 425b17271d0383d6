// Periods: 30 days, months of a time zone, and months from customers' own days, each with names that never collide.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseMoment, timestamp } from "../src/clock.js";
import {
  type Calendar,
  Calendars,
  FixedCalendar,
  MonthCalendar,
  PeriodSetting,
  periodAt,
  periodOf,
} from "../src/periods.js";
import { TimeZone } from "../src/time_zones.js";
import { decider } from "./support/deciders.js";
import { config, pool, read, SetClock, UNIT } from "./support/documents.js";

const BERLIN = new TimeZone("Europe/Berlin");
const MOMENT = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2060, 0, 1) }).map((ms) => ms * 1000);
const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Pacific/Apia",
  "America/Havana",
  "Africa/Cairo",
];

test("a period is after its start and up to its end", () => {
  const calendar = new FixedCalendar(0);
  const ends = [0, 1, 30 * 86_400 * 1e6, 30 * 86_400 * 1e6 + 1].map((us) => calendar.number(us));
  expect(ends).toEqual([-1, 0, 0, 1]);
});

test("months of a time zone begin at its midnight, in summer and in winter", () => {
  const calendar = new MonthCalendar(BERLIN, "month");
  const [march, july] = [
    periodAt(calendar, parseMoment("2026-03-15T00:00:00Z")),
    periodAt(calendar, parseMoment("2026-07-15T00:00:00Z")),
  ];
  expect([march.startUs, march.endUs, july.startUs].map(timestamp)).toEqual([
    "2026-02-28T23:00:00Z",
    "2026-03-31T22:00:00Z",
    "2026-06-30T22:00:00Z",
  ]);
  expect(march.key).toBe("month@2026-03@Europe/Berlin");
});

test("an own day that a month does not have is its last day", () => {
  const calendar = new MonthCalendar(BERLIN, "day31", 31);
  const starts = [0, 1, 2, 3].map((month) => timestamp(calendar.startUs(2026 * 12 + month)));
  expect(starts).toEqual([
    "2026-01-30T23:00:00Z",
    "2026-02-27T23:00:00Z",
    "2026-03-30T22:00:00Z",
    "2026-04-29T22:00:00Z",
  ]);
});

test.each([
  ["America/Havana", [2026, 2, 8], "2026-03-08T05:00:00.000Z"],
  ["Africa/Cairo", [2026, 3, 24], "2026-04-23T22:00:00.000Z"],
  ["Asia/Beirut", [2026, 2, 29], "2026-03-28T22:00:00.000Z"],
] as const)("midnight that the clocks of %s skip is the moment of the change", (zone, [year, month, day], moment) => {
  expect(new Date(new TimeZone(zone).midnightMs({ year, month, day })).toISOString()).toBe(moment);
});

test("every moment is in one period, which its key finds again", () => {
  const calendars: readonly Calendar[] = [
    new FixedCalendar(),
    ...ZONES.flatMap((zone) => [1, 15, 31].map((day) => new MonthCalendar(new TimeZone(zone), `day${day}`, day))),
  ];
  const holds = fc.property(MOMENT, fc.constantFrom(...calendars), (us, calendar) => {
    const period = periodAt(calendar, us);
    expect(period.startUs).toBeLessThan(us);
    expect(period.endUs).toBeGreaterThanOrEqual(us);
    expect(calendar.number(period.endUs)).toBe(period.number);
    expect(calendar.number(period.endUs + 1)).toBe(period.number + 1);
    expect(periodOf(calendar, period.key)).toEqual(period);
  });
  fc.assert(holds, { numRuns: 300 });
});

test("keys of other kinds, anchors and zones are not taken for one's own", () => {
  const calendars = [
    new FixedCalendar(0),
    new FixedCalendar(1),
    new MonthCalendar(BERLIN, "month"),
    new MonthCalendar(BERLIN, "day1"),
    new MonthCalendar(new TimeZone("UTC"), "month"),
  ];
  for (const calendar of calendars) {
    const { key } = periodAt(calendar, parseMoment("2026-05-05T00:00:00Z"));
    const others = calendars.filter((other) => other !== calendar);
    expect(others.map((other) => other.numberOf(key))).toEqual(others.map(() => null));
  }
});

test.each(["Mars/Olympus", "+01:00", ""])("%s is no time zone", (name) => {
  expect(() => new TimeZone(name)).toThrow(/time zone/);
});

test("the document's anchor wins over the client's own", async () => {
  const anchor = { kind: "calendar_month", time_zone: "Europe/Berlin" };
  const document = read(config({ pools: [pool({ overage_behavior: "hard_stop" })] }, { period_anchor: anchor }));
  const clock = new SetClock(new Date("2026-01-31T22:59:59Z"));
  const { client } = decider({ document, clock, setting: new PeriodSetting(new Date("2026-01-31T00:00:00Z")) });
  await client.record("c", UNIT, 10);
  expect((await client.check("c", UNIT)).allow).toBe(false);
  clock.pass(1);
  expect((await client.check("c", UNIT)).allow).toBe(false);
  clock.pass(1);
  expect((await client.check("c", UNIT)).allow).toBe(true);
});

test("a customer's own day is the one that the app names, else that of the first use", async () => {
  const anchor = { kind: "customer_day", time_zone: "UTC" };
  const document = read(config({ pools: [pool({ overage_behavior: "hard_stop" })] }, { period_anchor: anchor }));
  const clock = new SetClock(new Date("2026-01-20T12:00:00Z"));
  const setting = new PeriodSetting(undefined, null, (name) => (name === "named" ? 25 : null));
  const { client } = decider({ document, clock, setting });
  await Promise.all(["named", "other"].map((name) => client.record(name, UNIT, 10)));
  const allowed = async () =>
    Promise.all(["named", "other"].map(async (name) => (await client.check(name, UNIT)).allow));
  expect(await allowed()).toEqual([false, false]);
  clock.pass(6 * 86_400);
  expect(await allowed()).toEqual([true, false]);
  clock.pass(25 * 86_400);
  expect(await allowed()).toEqual([true, true]);
});

test("a day that is none is an error that names the customer", () => {
  const calendars = new Calendars({ kind: "customer_day", timeZone: "UTC" }, null, () => 32);
  expect(() => calendars.of("acme", null, 0)).toThrow(/32 for customer "acme"/);
});
