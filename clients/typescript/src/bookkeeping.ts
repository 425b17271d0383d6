/** Counting: recording, reserving, committing, each one change of one account. */
import type { Account, Hold } from "./account.js";
import type { SteadyLedger } from "./counters/steady.js";
import { type Decision, withoutConfig } from "./decide.js";
import type { Decimal } from "./decimal.js";
import type { Firing } from "./firing.js";
import { asKept, type Keeper, type Keeping, type Kept } from "./keeping.js";
import { freshName } from "./names.js";
import { unscaled } from "./numbers.js";
import { type Calendar, type Calendars, type Period, type PeriodSetting, periodAt, periodOf } from "./periods.js";
import type { Plan } from "./plan.js";
import { type Asking, moved, type Standing, stand } from "./standing.js";
import { andThen, type Answer, type Edit, type Ledger, type Marks, type Order } from "./store.js";
import type { Force } from "./types.js";
import { count, NOTHING_FIRED } from "./usage.js";
import { uncounted } from "./unavailable.js";
import type { Edited, Rescue, Writer } from "./writing.js";

/**
 * What became of a record: `duplicate` when this eventId was counted before (then nothing else happened), `quantities`
 * scaled, by unit, `fired` what was reached for the first time in this period, `addsNothing` the reason by unit, where a
 * unit sums a field that the event lacks or that is no number in it. `kept`: the counters do not answer, so it is written
 * down, not counted yet, and fires when it is.
 */
export class Recorded {
  kept = false;

  constructor(
    readonly duplicate: boolean,
    readonly quantities: ReadonlyMap<string, bigint>,
    readonly fired: readonly Firing[] = NOTHING_FIRED,
    readonly addsNothing: ReadonlyMap<string, string> = NO_REASONS,
  ) {}

  /** The answer when nothing of this is counted yet. */
  keptOf(): Recorded {
    const answer = new Recorded(this.duplicate, this.quantities, NOTHING_FIRED, this.addsNothing);
    answer.kept = !this.duplicate;
    return answer;
  }

  /** The exact quantities by unit. */
  get counted(): ReadonlyMap<string, Decimal> {
    return new Map([...this.quantities].map(([name, quantity]) => [name, unscaled(quantity)]));
  }
}

/** Quantity set aside, or not: see `decision.allow`. Commit what the work came to, or release it. */
export interface Reservation {
  readonly reservationId: string;
  readonly customerId: string;
  readonly decision: Decision;
  readonly hold: Hold;
}

/** A quantity that was used, scaled: when, and under which id it counts once. */
export interface Use {
  readonly quantity: bigint;
  readonly eventId: string | null;
  readonly atUs: number;
}

/** A quantity that is to be set aside, scaled, until when; `otherwise` decides where no pool governs the unit. */
export interface Wish {
  readonly quantity: bigint;
  readonly untilUs: number;
  readonly otherwise: () => Decision;
}

/** What a bookkeeper works with. */
export interface Desk {
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly setting: PeriodSetting;
  readonly rememberedUs: number;
  readonly keeper: Keeper | null;
}

/** By what is in force, and when (wall clock, µs). */
export interface Moment {
  readonly force: Force;
  readonly nowUs: number;
}

type Held = [id: string, customerId: string, unit: string, period: string, held: string, quantity?: string];

/** Of a reservation that is committed or released again: what was decided about it does not matter then. */
const UNDECIDED = withoutConfig(true);
const NO_REASONS: ReadonlyMap<string, string> = new Map();
const NO_MARKS: Marks = new Map();
const DUPLICATE = new Recorded(true, new Map());
const ALREADY: Edited<Recorded> = [null, DUPLICATE, NOTHING_FIRED];

/** Works on one ledger. Any method may fail with CountersUnavailable; a call repeated with its eventId counts once. */
export class Bookkeeper {
  private readonly own: Calendars;

  /**
   * `setting` cuts periods while there is no document; `rememberedUs`: for how long an eventId, a commit and a distinct
   * value are recognised; `keeper` keeps what cannot be counted, where the ledger may fail.
   */
  constructor(private readonly desk: Desk) {
    this.own = desk.setting.calendars(null);
  }

  get rememberedUs(): number {
    return this.desk.rememberedUs;
  }

  /** What becomes of a change that cannot be counted: it is written down, by what it takes to make it again. */
  rescue<T>(order: Order, kind: Keeping["kind"], body: () => Keeping["body"]): Rescue<T> | undefined {
    const { keeper } = this.desk;
    return keeper === null
      ? undefined
      : (problem, edit) => asKept(keeper.keep(problem, order, edit, { kind, body: body() }));
  }

  /** Counts a quantity. */
  record(asked: Asking, use: Use, attempt?: string): Answer<Recorded> {
    const { force, customerId, valueUnitId, nowUs } = asked;
    const { quantity, eventId, atUs } = use;
    const marks = eventId === null ? NO_MARKS : new Map([[`e:${valueUnitId}:${eventId}`, nowUs + this.rememberedUs]]);
    const task = { plan: force.plan, customerId, marks, nowUs, attempt };
    return this.desk.writer.update(
      task,
      (given, known) => {
        if (known.size > 0) {
          return ALREADY;
        }
        const account = this.keyed(given);
        const standing = stand(account, asked);
        const quantities = new Map([[valueUnitId, quantity]]);
        return standing !== null && isQuiet(standing, use)
          ? [added(account, standing, quantity), new Recorded(false, quantities), NOTHING_FIRED]
          : this.recorded(account, asked, quantities, atUs);
      },
      this.rescue(task, "record", () => [customerId, valueUnitId, String(quantity), eventId, atUs]),
    );
  }

  /** Sets a quantity aside if it is allowed: one step, so that parallel requests never overshoot. */
  reserve(asked: Asking, wish: Wish): Answer<Reservation> {
    const { force, customerId, nowUs } = asked;
    const { writer, keeper } = this.desk;
    const reservationId = freshName();
    const task = { plan: force.plan, customerId, marks: NO_MARKS, nowUs };
    return writer.update(
      task,
      (given) => this.setAside(this.keyed(given), asked, wish, reservationId),
      keeper === null ? undefined : (_, edit) => this.reservedUncounted(keeper.ledger, edit, asked, wish),
    );
  }

  private setAside(account: Account, asked: Asking, wish: Wish, reservationId: string): Edited<Reservation> {
    const { customerId, nowUs } = asked;
    const standing = stand(account, asked);
    const made = { reservationId, customerId, ...this.promise(account, standing, asked, wish) };
    if (!made.decision.allow) {
      return [null, made, NOTHING_FIRED];
    }
    const after =
      standing !== null && account.sinceUs !== null && nowUs < wish.untilUs
        ? setAside(account, standing, made)
        : account.withoutLapsed(nowUs).usingSince(nowUs).holding(reservationId, made.hold);
    return [after, made, NOTHING_FIRED];
  }

  /** By what was seen last, where that may be gone by; nothing is set aside for others, and the commit is kept. */
  private reservedUncounted(ledger: SteadyLedger, edit: Edit<Reservation>, asked: Asking, wish: Wish): Reservation {
    const { force, customerId, valueUnitId, nowUs } = asked;
    if (ledger.snapshot(customerId) !== null) {
      return ledger.keep(customerId, NO_MARKS, edit).answer;
    }
    const period = this.period(force.plan, ledger.newcomer, customerId, nowUs);
    const hold = { valueUnitId, period: period.key, quantity: wish.quantity, untilUs: wish.untilUs };
    const decision = uncounted(force, valueUnitId, period) ?? wish.otherwise();
    return { reservationId: freshName(), customerId, decision, hold };
  }

  /** Counts what the work came to, once, also when the reservation has lapsed meanwhile: the work was done. */
  commit({ force, nowUs }: Moment, reservation: Reservation, quantity: bigint, attempt?: string): Answer<Recorded> {
    const { reservationId, customerId, hold } = reservation;
    const asked = { force, customerId, valueUnitId: hold.valueUnitId, nowUs };
    const marks = new Map([[`c:${reservationId}`, nowUs + this.rememberedUs]]);
    const task = { plan: force.plan, customerId, marks, nowUs, attempt };
    return this.desk.writer.update(
      task,
      (given, known) => (known.size > 0 ? ALREADY : this.settledOf(this.keyed(given), asked, reservation, quantity)),
      this.rescue(task, "commit", () => [...heldBody(reservation), String(quantity)]),
    );
  }

  private settledOf(account: Account, asked: Asking, reservation: Reservation, quantity: bigint): Edited<Recorded> {
    const { reservationId, hold } = reservation;
    const quantities = new Map([[hold.valueUnitId, quantity]]);
    const standing = isHeld(account, reservationId, asked.nowUs) ? stand(account, asked) : null;
    if (standing !== null && standing.frame.period.key === hold.period) {
      const used = standing.used + quantity;
      if (used < standing.frame.firesAt) {
        return [settled(account, standing, reservation, used), new Recorded(false, quantities), NOTHING_FIRED];
      }
    }
    return this.committed(account, asked, reservation, quantities);
  }

  /** Gives back what was set aside; a second time, or after the commit, this does nothing. */
  release(reservation: Reservation, nowUs: number, attempt?: string): Answer<void> {
    const { customerId, reservationId } = reservation;
    const task = { plan: null, customerId, marks: NO_MARKS, nowUs, attempt };
    return this.desk.writer.update(
      task,
      (given) => {
        const after = this.keyed(given).lettingGo(reservationId);
        return [given.holds.has(reservationId) ? after : null, undefined, NOTHING_FIRED];
      },
      this.rescue(task, "release", () => heldBody(reservation)),
    );
  }

  /** Lets a customer go on with a unit where rails want approval, until the period ends. */
  approve({ force, customerId, valueUnitId, nowUs }: Asking, attempt?: string): Answer<void> {
    const task = { plan: null, customerId, marks: NO_MARKS, nowUs, attempt };
    return this.desk.writer.update(
      task,
      (given) => {
        const account = this.keyed(given);
        const mark = `${this.period(force.plan, account, customerId, nowUs).key}:${valueUnitId}`;
        const approved = new Set(account.approved).add(mark);
        return [account.approved.has(mark) ? null : account.with({ approved }), undefined, NOTHING_FIRED];
      },
      this.rescue(task, "approve", () => [customerId, valueUnitId, nowUs]),
    );
  }

  /** Counts what was kept, once, whoever else tries; events are not this bookkeeper's. */
  makeAgain({ kind, body, attempt }: Kept, { force, nowUs }: Moment): Answer<unknown> {
    if (kind === "record") {
      const [customerId, valueUnitId, quantity, eventId, atUs] = body as [
        string,
        string,
        string,
        string | null,
        number,
      ];
      const asked = { force, customerId, valueUnitId, nowUs };
      return this.record(asked, { quantity: BigInt(quantity), eventId, atUs }, attempt);
    }
    if (kind === "approve") {
      const [customerId, valueUnitId, at] = body as [string, string, number];
      return this.approve({ force, customerId, valueUnitId, nowUs: at }, attempt);
    }
    const [reservationId, customerId, valueUnitId, period, held, quantity = "0"] = body as string[] as Held;
    const hold = { valueUnitId, period, quantity: BigInt(held), untilUs: 0 };
    const reservation = { reservationId, customerId, decision: UNDECIDED, hold };
    return kind === "commit"
      ? this.commit({ force, nowUs }, reservation, BigInt(quantity), attempt)
      : this.release(reservation, nowUs, attempt);
  }

  /** The account as it is now, every period by its key. */
  account(customerId: string): Answer<Account> {
    return andThen(this.desk.ledger.read(customerId), (account) => this.keyed(account));
  }

  /** The account, with keys for periods that an earlier version of the clients knew by their number. */
  keyed(account: Account): Account {
    return account.numbered ? account.renamed((number) => this.desk.setting.keyOfNumbered(number)) : account;
  }

  /** The customer's period at a moment, by what is in force or, without a document, by the client's setting. */
  period(plan: Plan | null, account: Account, customerId: string, atUs: number): Period {
    return periodAt(this.calendar(plan, account, customerId, atUs), atUs);
  }

  /** The customer's period with this key; null where it is of a calendar that is not in force. */
  periodNamed(plan: Plan | null, account: Account, customerId: string, key: string): Period | null {
    const calendars = plan?.calendars ?? this.own;
    const calendar = calendars.common ?? calendars.of(customerId, account.sinceUs ?? 0, account.sinceUs ?? 0);
    return periodOf(calendar, key);
  }

  private calendar(plan: Plan | null, account: Account, customerId: string, atUs: number): Calendar {
    return (plan?.calendars ?? this.own).of(customerId, account.sinceUs, atUs);
  }

  /** Use that may fire something, or of another period than the running one. */
  private recorded(
    given: Account,
    asked: Asking,
    quantities: ReadonlyMap<string, bigint>,
    atUs: number,
  ): Edited<Recorded> {
    const { plan } = asked.force;
    const period = this.period(plan, given, asked.customerId, atUs);
    const unit = plan?.inPeriod(period).units.get(asked.valueUnitId);
    const account = unit === undefined ? given : given.seeing(unit.unit.meter.eventType, atUs);
    const change = count(plan, account.usingSince(atUs), quantities, {
      customerId: asked.customerId,
      period,
      nowUs: asked.nowUs,
    });
    return [change.account, new Recorded(false, quantities, change.firings), change.firings];
  }

  private committed(
    account: Account,
    asked: Asking,
    { reservationId, hold }: Reservation,
    quantities: ReadonlyMap<string, bigint>,
  ): Edited<Recorded> {
    const { force, customerId, valueUnitId, nowUs } = asked;
    const period = periodOf(this.calendar(force.plan, account, customerId, nowUs), hold.period);
    const freed = account.lettingGo(reservationId).usingSince(nowUs);
    if (period === null) {
      // Of a calendar that the document no longer goes by: nothing of it can fire.
      const after = freed.adding(valueUnitId, hold.period, quantities.get(valueUnitId) ?? 0n);
      return [after, new Recorded(false, quantities), NOTHING_FIRED];
    }
    const change = count(force.plan, freed, quantities, { customerId, period, nowUs });
    return [change.account, new Recorded(false, quantities, change.firings), change.firings];
  }

  /** What is decided about a wish, and what would be held. */
  private promise(
    account: Account,
    standing: Standing | null,
    asked: Asking,
    wish: Wish,
  ): { decision: Decision; hold: Hold } {
    const { force, customerId, valueUnitId, nowUs } = asked;
    const { quantity, untilUs } = wish;
    if (standing !== null) {
      const hold = { valueUnitId, period: standing.frame.period.key, quantity, untilUs };
      return { decision: standing.decision(quantity), hold };
    }
    const period = this.period(force.plan, account, customerId, nowUs).key;
    return { decision: wish.otherwise(), hold: { valueUnitId, period, quantity, untilUs } };
  }
}

/** Whether use fires nothing and is of the running period. */
function isQuiet({ used, frame }: Standing, { quantity, atUs }: Use): boolean {
  const { startUs, endUs } = frame.period;
  return used + quantity < frame.firesAt && startUs < atUs && atUs <= endUs && frame.startedUs <= atUs;
}

function heldBody({ reservationId, customerId, hold }: Reservation): readonly string[] {
  return [reservationId, customerId, hold.valueUnitId, hold.period, String(hold.quantity)];
}

function isHeld(account: Account, reservationId: string, nowUs: number): boolean {
  return (account.holds.get(reservationId)?.untilUs ?? 0) > nowUs;
}

function added(account: Account, standing: Standing, quantity: bigint): Account {
  const { used, held, untilUs } = standing;
  return moved(account, standing, { used: used + quantity, held, holds: account.holds, untilUs });
}

function setAside(account: Account, standing: Standing, { reservationId, hold }: Reservation): Account {
  const holds = new Map(account.holds).set(reservationId, hold);
  const { used, held } = standing;
  return moved(account, standing, { used, held: held + hold.quantity, holds, untilUs: hold.untilUs });
}

function settled(account: Account, standing: Standing, { reservationId, hold }: Reservation, used: bigint): Account {
  const holds = new Map(account.holds);
  holds.delete(reservationId);
  const { held, untilUs } = standing;
  return moved(account, standing, { used, held: held - hold.quantity, holds, untilUs });
}
