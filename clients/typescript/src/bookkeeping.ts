/** Counting: recording, reserving, committing, each one change of one account. */
import type { Account, Hold } from "./account.js";
import type { Decision } from "./decide.js";
import type { Decimal } from "./decimal.js";
import type { Firing } from "./firing.js";
import { freshName } from "./names.js";
import { unscaled } from "./numbers.js";
import { type Calendar, type Calendars, type Period, type PeriodSetting, periodAt, periodOf } from "./periods.js";
import type { Plan } from "./plan.js";
import { type Asking, moved, type Standing, stand } from "./standing.js";
import { type Answer, type Ledger, type Marks, andThen } from "./store.js";
import type { Force } from "./types.js";
import { count, NOTHING_FIRED } from "./usage.js";
import type { Edited, Writer } from "./writing.js";

/**
 * What became of a record: `duplicate` when this eventId was counted before (then nothing else happened), `quantities`
 * scaled, by unit, `fired` what was reached for the first time in this period, `addsNothing` the reason by unit, where a
 * unit sums a field that the event lacks or that is no number in it.
 */
export class Recorded {
  constructor(
    readonly duplicate: boolean,
    readonly quantities: ReadonlyMap<string, bigint>,
    readonly fired: readonly Firing[] = NOTHING_FIRED,
    readonly addsNothing: ReadonlyMap<string, string> = NO_REASONS,
  ) {}

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

const NO_REASONS: ReadonlyMap<string, string> = new Map();
const NO_MARKS: Marks = new Map();
const DUPLICATE = new Recorded(true, new Map());
const ALREADY: Edited<Recorded> = [null, DUPLICATE, NOTHING_FIRED];

/** Works on one ledger. Any method may fail with CountersUnavailable; a call repeated with its eventId counts once. */
export class Bookkeeper {
  private readonly own: Calendars;

  /**
   * `setting` cuts periods while there is no document; `rememberedUs`: for how long an eventId, a commit and a distinct
   * value are recognised.
   */
  constructor(
    private readonly ledger: Ledger,
    private readonly writer: Writer,
    private readonly setting: PeriodSetting,
    readonly rememberedUs: number,
  ) {
    this.own = setting.calendars(null);
  }

  /** Counts a quantity. */
  record(asked: Asking, use: Use): Answer<Recorded> {
    const { force, customerId, valueUnitId, nowUs } = asked;
    const { quantity, eventId, atUs } = use;
    const marks = eventId === null ? NO_MARKS : new Map([[`e:${valueUnitId}:${eventId}`, nowUs + this.rememberedUs]]);
    return this.writer.update({ plan: force.plan, customerId, marks, nowUs }, (given, known) => {
      if (known.size > 0) {
        return ALREADY;
      }
      const account = this.keyed(given);
      const standing = stand(account, asked);
      const quantities = new Map([[valueUnitId, quantity]]);
      return standing !== null && isQuiet(standing, use)
        ? [added(account, standing, quantity), new Recorded(false, quantities), NOTHING_FIRED]
        : this.recorded(account, asked, quantities, atUs);
    });
  }

  /** Sets a quantity aside if it is allowed: one step, so that parallel requests never overshoot. */
  reserve(asked: Asking, wish: Wish): Answer<Reservation> {
    const { force, customerId, nowUs } = asked;
    const reservationId = freshName();
    return this.writer.update({ plan: force.plan, customerId, marks: NO_MARKS, nowUs }, (given) => {
      const account = this.keyed(given);
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
    });
  }

  /** Counts what the work came to, once, also when the reservation has lapsed meanwhile: the work was done. */
  commit(force: Force, reservation: Reservation, quantity: bigint, nowUs: number): Answer<Recorded> {
    const { reservationId, customerId, hold } = reservation;
    const asked = { force, customerId, valueUnitId: hold.valueUnitId, nowUs };
    const marks = new Map([[`c:${reservationId}`, nowUs + this.rememberedUs]]);
    return this.writer.update({ plan: force.plan, customerId, marks, nowUs }, (given, known) => {
      if (known.size > 0) {
        return ALREADY;
      }
      const account = this.keyed(given);
      const quantities = new Map([[hold.valueUnitId, quantity]]);
      const standing = isHeld(account, reservationId, nowUs) ? stand(account, asked) : null;
      if (standing !== null && standing.frame.period.key === hold.period) {
        const used = standing.used + quantity;
        if (used < standing.frame.firesAt) {
          return [settled(account, standing, reservation, used), new Recorded(false, quantities), NOTHING_FIRED];
        }
      }
      return this.committed(account, asked, reservation, quantities);
    });
  }

  /** Gives back what was set aside; a second time, or after the commit, this does nothing. */
  release({ customerId, reservationId }: Reservation, nowUs: number): Answer<void> {
    return this.writer.update({ plan: null, customerId, marks: NO_MARKS, nowUs }, (given) => {
      const after = this.keyed(given).lettingGo(reservationId);
      return [given.holds.has(reservationId) ? after : null, undefined, NOTHING_FIRED];
    });
  }

  /** Lets a customer go on with a unit where rails want approval, until the period ends. */
  approve({ force, customerId, valueUnitId, nowUs }: Asking): Answer<void> {
    return this.writer.update({ plan: null, customerId, marks: NO_MARKS, nowUs }, (given) => {
      const account = this.keyed(given);
      const mark = `${this.period(force.plan, account, customerId, nowUs).key}:${valueUnitId}`;
      const approved = new Set(account.approved).add(mark);
      return [account.approved.has(mark) ? null : account.with({ approved }), undefined, NOTHING_FIRED];
    });
  }

  /** The account as it is now, every period by its key. */
  account(customerId: string): Answer<Account> {
    return andThen(this.ledger.read(customerId), (account) => this.keyed(account));
  }

  /** The account, with keys for periods that an earlier version of the clients knew by their number. */
  keyed(account: Account): Account {
    return account.numbered ? account.renamed((number) => this.setting.keyOfNumbered(number)) : account;
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
    const change = count(plan, account.usingSince(atUs), quantities, { period, nowUs: asked.nowUs });
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
    const change = count(force.plan, freed, quantities, { period, nowUs });
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
