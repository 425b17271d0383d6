/** Changes as they are written down while they cannot be counted, and how they are made again. */
import type { Account } from "./account.js";
import type { Bookkeeper, Reservation, Use } from "./bookkeeping.js";
import type { EventBooks } from "./event_books.js";
import type { Kept } from "./kept.js";
import type { Keepable } from "./keeping.js";
import type { UsageEvent } from "./metering.js";
import { freshName } from "./names.js";
import type { Asking } from "./standing.js";
import type { Answer } from "./store.js";
import type { Force } from "./types.js";
import type { Edited, Task } from "./writing.js";

/** How a change is kept: written down when it has to be. `isRepeatable`: making it twice is the same as once. */
export interface Keeping {
  readonly kind: Kept["kind"];
  readonly body: () => Kept["body"];
  readonly isRepeatable: boolean;
}

export type Editing<T> = (account: Account, known: ReadonlySet<string>) => Edited<T>;

/** What a keeper needs of a change. */
export function keepable<T>({ customerId, marks }: Task, keeping: Keeping, edit: Editing<T>): Keepable<T> {
  return {
    customerId,
    marks,
    edit: (account, known) => {
      const [after, answer] = edit(account, known);
      return [after, answer] as const;
    },
    ...keeping,
  };
}

/** Without an id of its own it gets one: it counts once, whoever settles it. */
export function recordKept({ customerId, valueUnitId }: Asking, { quantity, eventId, atUs }: Use): Keeping {
  const body = () => ({
    customer: customerId,
    unit: valueUnitId,
    quantity: String(quantity),
    event: eventId ?? `kept:${freshName()}`,
    at: atUs,
  });
  return { kind: "record", body, isRepeatable: eventId !== null };
}

export function commitKept({ reservationId, customerId, hold }: Reservation, quantity: bigint): Keeping {
  const body = () => ({
    customer: customerId,
    reservation: reservationId,
    unit: hold.valueUnitId,
    period: hold.period,
    held: String(hold.quantity),
    until: hold.untilUs,
    quantity: String(quantity),
  });
  return { kind: "commit", body, isRepeatable: true };
}

export function releaseKept(customerId: string, reservationId: string): Keeping {
  return { kind: "release", body: () => ({ customer: customerId, reservation: reservationId }), isRepeatable: true };
}

export function approveKept(customerId: string, valueUnitId: string, nowUs: number): Keeping {
  return { kind: "approve", body: () => ({ customer: customerId, unit: valueUnitId, at: nowUs }), isRepeatable: true };
}

export function eventKept(event: UsageEvent): Keeping {
  const { eventId, atUs, eventType, customerId, texts, dimensions } = event;
  const body = () => ({
    customer: customerId,
    event: eventId ?? `kept:${freshName()}`,
    type: eventType,
    at: atUs,
    texts: [...texts],
    dimensions: [...dimensions],
  });
  return { kind: "event", body, isRepeatable: eventId !== null };
}

/** Books that ask the store itself. */
export interface Books {
  readonly books: Bookkeeper;
  readonly events: EventBooks;
}

/** Makes a change again that was kept. */
export function redo({ kind, body }: Kept, { books, events }: Books, force: Force, nowUs: number): Answer<unknown> {
  const text = (name: string) => String(body[name]);
  const asked = { force, customerId: text("customer"), valueUnitId: text("unit"), nowUs };
  switch (kind) {
    case "record":
      return books.record(asked, {
        quantity: BigInt(text("quantity")),
        eventId: text("event"),
        atUs: Number(body["at"]),
      });
    case "commit":
      return books.commit(force, reservationOf(body), BigInt(text("quantity")), nowUs);
    case "release":
      return books.release({ customerId: text("customer"), reservationId: text("reservation") }, nowUs);
    case "approve":
      return books.approve({ ...asked, nowUs: Number(body["at"]) });
    case "event":
      return force.plan === null ? undefined : events.record(force.plan, eventOf(body), nowUs);
  }
}

function reservationOf(body: Kept["body"]): Reservation {
  const hold = {
    valueUnitId: String(body["unit"]),
    period: String(body["period"]),
    quantity: BigInt(String(body["held"])),
    untilUs: Number(body["until"]),
  };
  const names = { reservationId: String(body["reservation"]), customerId: String(body["customer"]) };
  return { ...names, decision: ALLOWED, hold };
}

const ALLOWED: Reservation["decision"] = {
  allow: true,
  action: null,
  reasonCode: "counters_unavailable",
  poolId: null,
  remaining: null,
  threshold: null,
  configVersionId: null,
};

function eventOf(body: Kept["body"]): UsageEvent {
  return {
    eventId: String(body["event"]),
    atUs: Number(body["at"]),
    eventType: String(body["type"]),
    customerId: String(body["customer"]),
    texts: new Map(body["texts"] as unknown as [string, string][]),
    dimensions: new Map(body["dimensions"] as unknown as [string, string][]),
  };
}
