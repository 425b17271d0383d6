/** Accounts as text: the same bytes from the clients of every language, which may share a store. */
import { Account, type Hold, type Periods } from "./account.js";
import { asciiText, type Json, type JsonObject, parseExact } from "./json.js";

export const FORMAT = 2;
const NUMBER = /^-?\d+$/;

/** JSON text; quantities as texts of decimal digits, so that any language reads them exactly. */
export function dumped(account: Account): string {
  const used = [...account.used].map(([unit, periods]) => `${asciiText(unit)}:${periodsText(periods)}`);
  const began = [...account.began].map(([eventType, atUs]) => `${asciiText(eventType)}:${atUs}`);
  const holds = [...account.holds].map(([name, hold]) => `${asciiText(name)}:${holdText(hold)}`);
  return (
    `{"format":${FORMAT},"since":${account.sinceUs},"used":{${used.join()}},"began":{${began.join()}},` +
    `"holds":{${holds.join()}},"fired":[${marksText(account.fired)}],"approved":[${marksText(account.approved)}]}`
  );
}

/** The account of a text of this format or an earlier one; RangeError for a later one. */
export function loaded(text: string): Account {
  const body = parseExact(text) as JsonObject;
  const format = Number(body.get("format") ?? 1);
  if (format > FORMAT) {
    throw new RangeError(`This account has format ${format}, which a later version wrote: update this library.`);
  }
  const since = body.get("since") ?? null;
  const account = new Account({
    used: mapped(body.get("used"), periodsOf),
    began: mapped(body.get("began"), Number),
    holds: mapped(body.get("holds"), holdOf),
    fired: new Set(body.get("fired") as string[]),
    approved: new Set(body.get("approved") as string[]),
    sinceUs: since === null ? null : Number(since),
  });
  return hasNumbers(account) ? account.with({ numbered: true }) : account;
}

/** The order of characters, not of the halves that some are written in: as every language's clients sort. */
export function byCodePoint(one: string, other: string): number {
  const [left, right] = [[...one], [...other]];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at < 0) {
    return left.length - right.length;
  }
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}

function periodsText(periods: Periods): string {
  return `{${[...periods].map(([period, quantity]) => `${asciiText(period)}:"${quantity}"`).join()}}`;
}

function holdText(hold: Hold): string {
  return `[${asciiText(hold.valueUnitId)},${asciiText(hold.period)},"${hold.quantity}",${hold.untilUs}]`;
}

function marksText(marks: ReadonlySet<string>): string {
  return [...marks].sort(byCodePoint).map(asciiText).join();
}

function mapped<T>(given: Json | undefined, read: (value: Json) => T): Map<string, T> {
  return new Map([...(given as JsonObject)].map(([key, value]) => [key, read(value)]));
}

function periodsOf(given: Json): Periods {
  return mapped(given, (quantity) => BigInt(quantity as bigint | string));
}

function holdOf(given: Json): Hold {
  const [valueUnitId, period, quantity, untilUs] = given as [string, bigint | string, bigint | string, bigint];
  return { valueUnitId, period: String(period), quantity: BigInt(quantity), untilUs: Number(untilUs) };
}

/** Whether a period is named by its number, as in format 1. */
function hasNumbers({ used, holds, fired, approved }: Account): boolean {
  const keys = [...used.values()].flatMap((periods) => [...periods.keys()]);
  const held = [...holds.values()].map((hold) => hold.period);
  const marked = [...fired, ...approved]
    .filter((mark) => mark.includes(":"))
    .map((mark) => mark.split(":", 1)[0] ?? "");
  return [...keys, ...held, ...marked].some((period) => NUMBER.test(period));
}
