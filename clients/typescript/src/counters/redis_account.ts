/** An account as it stands in Redis: one hash, described in clients/ACCOUNT.md for every language that shares it. */
import { randomBytes } from "node:crypto";

import type { Account, Hold } from "../account.js";
import { dumped, loaded } from "../account_text.js";
import { DAY_US } from "../clock.js";
import { PERIOD_DAYS } from "../document.js";

const NUMBERED = /^-?\d+$/;

/**
 * An account as this process saw it. `epoch` names what the hash is apart from the numbers of the `live` period; null
 * when the hash must be written whole. `units`: those with numbers in the live period.
 *
 * `changes` and `earlier` are what the hash, or the account's earlier form, said of its version; "" where there is none.
 */
export interface Seen {
  readonly account: Account;
  readonly epoch: string | null;
  readonly live: string;
  readonly units: readonly string[];
  readonly changes: string;
  readonly earlier: string;
}

/** An account that is not in Redis, or was there in its earlier form. */
export function unwritten(account: Account, earlier = ""): Seen {
  return { account, epoch: null, live: "", units: [], changes: "", earlier };
}

/** From the answers to HGETALL of the hash, and HMGET version, body of the earlier form; null: there is neither. */
export function readSeen(hash: readonly string[], earlier: readonly (string | null)[]): Seen | null {
  const fields = new Map<string, string>();
  for (let at = 0; at < hash.length; at += 2) {
    fields.set(hash[at] as string, hash[at + 1] as string);
  }
  if (fields.size === 0) {
    const [version, body] = earlier;
    return typeof version === "string" && typeof body === "string" ? unwritten(loaded(body), version) : null;
  }
  return {
    account: accountOf(fields),
    epoch: fields.get("epoch") ?? "",
    live: fields.get("live") ?? "",
    units: JSON.parse(fields.get("units") ?? "[]") as string[],
    changes: fields.get("changes") ?? "",
    earlier: "",
  };
}

function accountOf(fields: ReadonlyMap<string, string>): Account {
  const used: Record<string, Record<string, string>> = Object.create(null);
  const holds: Record<string, [string, string, string, number]> = Object.create(null);
  for (const [name, value] of fields) {
    const [kind, rest] = cut(name, ":");
    if (kind === "used") {
      const [period, unit] = cut(rest, ":");
      used[unit] = Object.assign(used[unit] ?? Object.create(null), { [period]: value });
    } else if (kind === "hold") {
      const [until, afterUntil] = cut(value, " ");
      const [period, afterPeriod] = cut(afterUntil, " ");
      const [quantity, unit] = cut(afterPeriod, " ");
      holds[rest] = [unit, period, quantity, Number(until)];
    }
  }
  return loaded(JSON.stringify({ ...JSON.parse(fields.get("frame") ?? "{}"), used, holds }));
}

/** The new epoch, the hash as names and values by turns, and its reservations and when they lapse by turns. */
export interface Written {
  readonly epoch: string;
  readonly live: string;
  readonly units: readonly string[];
  readonly fields: readonly string[];
  readonly lapses: readonly string[];
}

/** The whole account, as `put` takes it. */
export function written(account: Account, changes: number): Written {
  const { used: _used, holds: _holds, ...frame } = JSON.parse(dumped(account)) as Record<string, unknown>;
  const epoch = randomBytes(8).toString("hex");
  const live = livePeriod(account);
  const units = unitsOf(account, live);
  const fields = ["epoch", epoch, "changes", String(changes), "live", live];
  fields.push("units", JSON.stringify(units), "frame", JSON.stringify(frame), ...numbersOf(account));
  const lapses = [...account.holds].flatMap(([name, hold]) => [name, String(hold.untilUs)]);
  return { epoch, live, units, fields, lapses };
}

function numbersOf(account: Account): string[] {
  const numbers: string[] = [];
  for (const [unit, periods] of account.used) {
    for (const [period, quantity] of periods) {
      numbers.push(`used:${period}:${unit}`, String(quantity));
    }
  }
  const held = new Map<string, bigint>();
  for (const [name, { untilUs, period, quantity, valueUnitId }] of account.holds) {
    const field = `held:${period}:${valueUnitId}`;
    held.set(field, (held.get(field) ?? 0n) + quantity);
    numbers.push(`hold:${name}`, `${untilUs} ${period} ${quantity} ${valueUnitId}`);
  }
  return [...numbers, ...[...held].flatMap(([field, quantity]) => [field, String(quantity)])];
}

/** The newest period of the account: the one whose numbers may be added to without writing the account whole. */
export function livePeriod(account: Account): string {
  const used = [...account.used.values()].flatMap((periods) => [...periods.keys()]);
  const held = [...account.holds.values()].map((hold) => hold.period);
  return [...used, ...held].reduce((newest, key) => (isLater(key, newest) ? key : newest), "");
}

/** Those with use or reservations in a period. */
export function unitsOf(account: Account, period: string): readonly string[] {
  const used = [...account.used].filter(([, periods]) => periods.has(period)).map(([unit]) => unit);
  const held = [...account.holds.values()].filter((hold) => hold.period === period).map((hold) => hold.valueUnitId);
  return [...new Set([...used, ...held])];
}

/**
 * The account with what the script says is used and held of each unit in the live period. Of reservations it tells no
 * more than their sum, which stands here as one, until somebody reads the account whole.
 */
export function renumbered(
  account: Account,
  live: string,
  numbers: ReadonlyMap<string, readonly [used: bigint, held: bigint]>,
  untilUs: number,
): Account {
  const used = new Map(account.used);
  const holds = new Map([...account.holds].filter(([, hold]) => hold.period !== live));
  for (const [unit, [quantity, held]] of numbers) {
    if (quantity !== 0n || used.get(unit)?.has(live)) {
      used.set(unit, new Map(used.get(unit)).set(live, quantity));
    }
    if (held !== 0n) {
      holds.set(sumName(unit), { valueUnitId: unit, period: live, quantity: held, untilUs });
    }
  }
  return account.with({ used, holds });
}

/** The name under which the sum of a unit's reservations stands for them. */
export function sumName(unit: string): string {
  return `all of ${unit}`;
}

/** What is set aside of a unit in a period, lapsed or not. */
export function heldOf(holds: ReadonlyMap<string, Hold>, unit: string, period: string): bigint {
  let sum = 0n;
  for (const hold of holds.values()) {
    sum += hold.valueUnitId === unit && hold.period === period ? hold.quantity : 0n;
  }
  return sum;
}

function isLater(key: string, other: string): boolean {
  if (other === "") {
    return true;
  }
  const difference = beginsAbout(key) - beginsAbout(other);
  return difference > 0 || (difference === 0 && key > other);
}

/** To order the periods of an account, of whatever calendar: where the period with this key begins, by its day. */
function beginsAbout(key: string): number {
  const [kind, rest] = cut(key, "@");
  if (kind === `${PERIOD_DAYS}d`) {
    return Number(rest);
  }
  if (NUMBERED.test(key)) {
    return Number(key) * PERIOD_DAYS * DAY_US;
  }
  const day = kind === "month" ? 1 : Number(kind.replace("day", ""));
  return Date.parse(`${rest.slice(0, 7)}-01T00:00:00Z`) * 1000 + (day - 1) * DAY_US;
}

function cut(text: string, at: string): readonly [string, string] {
  const end = text.indexOf(at);
  return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end + 1)];
}
