/** The half of a client that decides and counts, in this process; what delivers configs and events is the other half. */
import type { Account } from "./account.js";
import { Bookkeeper, type Moment, type Recorded, type Reservation } from "./bookkeeping.js";
import { type Clock, DAY_US, microseconds, SECOND_US } from "./clock.js";
import { type Decision, withoutConfig } from "./decide.js";
import type { Document, Fails, Subject } from "./document.js";
import { CountersUnavailable, NeverLoaded } from "./errors.js";
import { EventBooks, keptEvent } from "./event_books.js";
import { requireCustomerId } from "./ids.js";
import type { Writable } from "./json.js";
import { Keeper, type Kept } from "./keeping.js";
import { type GivenEvent, usageEvent } from "./metering.js";
import { Decimal } from "./decimal.js";
import { type Quantity, SCALE, used } from "./numbers.js";
import type { PeriodSetting } from "./periods.js";
import type { Plan } from "./plan.js";
import { Reporter } from "./reporting.js";
import { type Asking, type Standing, stand } from "./standing.js";
import { type Statement, statement } from "./statement.js";
import { type Answer, type CounterStore, type Ledger, andThen } from "./store.js";
import type { ConfigInForce, EventSink, ProblemLog, State } from "./types.js";
import { uncounted } from "./unavailable.js";
import { type UnknownUnitPolicy, UnknownUnits } from "./unknown_units.js";
import { Writer } from "./writing.js";

export const RESERVED_SECONDS = 600;
const REMEMBERED_DAYS = 90;
const SNAPSHOT_SECONDS = 60;
const SMALL = 1e14;

/** What deciding and counting need. */
export interface Foundation {
  readonly subject: Subject;
  readonly config: ConfigInForce;
  readonly store: CounterStore;
  readonly queue: EventSink;
  readonly setting: PeriodSetting;
  readonly clock: Clock;
  readonly problems: ProblemLog;
  readonly warn: (message: string) => void;
  /** Where changes are kept that cannot be counted, a file's name without its number; in memory where there is none. */
  readonly keptPath?: string | null;
}

/** How a client decides and counts. */
export interface DecidingOptions {
  /** Whether to allow ("open", which is usual) or refuse ("closed") before the first config. */
  readonly withoutConfig?: Fails | undefined;
  /** What becomes of a value unit that the config does not have; usually denied in production and allowed elsewhere. */
  readonly unknownUnit?: UnknownUnitPolicy | undefined;
  /**
   * For how many seconds decisions go by what was seen last while the counters do not answer, usually 60; after that each
   * rail does as the document's `on_counters_unavailable` says.
   */
  readonly snapshotSeconds?: number | undefined;
  /** For how many days an eventId, a commit and a distinct value are recognised as counted; usually 90. */
  readonly rememberOperationsDays?: number | undefined;
}

/** Enforces what is in force. Work of one customer is one change of one account at a time, whoever shares the store. */
export class Deciding {
  private readonly ledger: Ledger;
  protected readonly reporter: Reporter;
  private readonly books: Bookkeeper;
  private readonly events: EventBooks;
  private readonly unknown: UnknownUnits;
  private readonly unloaded: Decision;
  protected readonly keeper: Keeper | null;

  constructor(
    private readonly base: Foundation,
    options: DecidingOptions = {},
  ) {
    const { subject, store, queue, setting, problems, warn } = base;
    const namespace = `${subject.workspaceId}/${subject.targetEnvironment}`;
    const ledger = store.ledger(namespace);
    this.keeper = ledger.survives ? this.keeperOf(ledger, options) : null;
    this.ledger = this.keeper?.ledger ?? ledger;
    this.reporter = new Reporter({ queue, subject, namespace, problems, warn });
    const writer = new Writer(this.ledger, this.reporter);
    const desk = { ledger: this.ledger, writer, setting, rememberedUs: rememberedUs(options), keeper: this.keeper };
    this.books = new Bookkeeper(desk);
    this.events = new EventBooks(this.books, this.ledger, writer, warn);
    this.unknown = new UnknownUnits(options.unknownUnit ?? null, subject.targetEnvironment, problems);
    this.unloaded = withoutConfig(isOpen(options.withoutConfig ?? "open"));
  }

  /**
   * What to do about this quantity, without counting anything: from memory, or from the store where others share it.
   * Rejects with RangeError for a quantity that is none, and with nothing else but UnknownUnit where that was asked for.
   */
  async check(customerId: string, valueUnitId: string, quantity: Quantity = 1): Promise<Decision> {
    return this.kept(customerId, valueUnitId, quantity) ?? this.look(customerId, valueUnitId, quantity);
  }

  /** `check` at once, from what this process knows of the counters: for stores in memory or in a file all there is. */
  checkNow(customerId: string, valueUnitId: string, quantity: Quantity = 1): Decision {
    const kept = this.kept(customerId, valueUnitId, quantity);
    if (kept !== undefined) {
      return kept;
    }
    const asked = this.asked(customerId, valueUnitId);
    return this.decided(this.known(customerId), asked, used(quantity, "quantity"));
  }

  /**
   * Counts use that happened, whatever the rails say about it; `at` is when (a Date, or RFC 3339 to the microsecond). The
   * same eventId counts once per unit.
   */
  async record(
    customerId: string,
    valueUnitId: string,
    quantity: Quantity = 1,
    { eventId = null, at = null }: { eventId?: string | null; at?: Date | string | null } = {},
  ): Promise<Recorded> {
    const asked = this.asked(this.requireCustomer(customerId), valueUnitId);
    if (asked.force.plan !== null) {
      this.unknown.tell(asked.force.plan, valueUnitId);
    }
    const atUs = at === null ? asked.nowUs : microseconds(at);
    return this.books.record(asked, { quantity: used(quantity, "quantity"), eventId, atUs });
  }

  /**
   * Counts a usage event for every unit whose event_mapping it fits; exploration notes it too. Rejects with NeverLoaded
   * without a config: nothing says what the event counts for.
   */
  async recordEvent(event: GivenEvent): Promise<Recorded> {
    const nowUs = this.base.clock.wallUs();
    const plan = this.plan("There is no config yet that says what this event counts for.");
    const given = usageEvent(event, this.base.subject, nowUs);
    this.requireCustomer(given.customerId);
    return this.events.record(plan, given, nowUs);
  }

  /**
   * Sets a quantity aside for work whose cost is known afterwards; `decision.allow` says whether it may begin. Reserve
   * the most that it can come to, andThen `commit` what it did. What nobody commits lapses after `seconds`.
   */
  async reserve(
    customerId: string,
    valueUnitId: string,
    quantity: Quantity = 1,
    { seconds = RESERVED_SECONDS }: { seconds?: number } = {},
  ): Promise<Reservation> {
    const asked = this.asked(this.requireCustomer(customerId), valueUnitId);
    const amount = used(quantity, "quantity");
    const untilUs = asked.nowUs + Math.floor(seconds * SECOND_US);
    const wish = { quantity: amount, untilUs, otherwise: () => this.otherwise(asked) };
    return andThen(this.books.reserve(asked, wish), (made) => {
      this.refused(asked, amount, made.decision);
      return made;
    });
  }

  /** Counts what the reserved work came to (all of it when not said), once. */
  async commit(reservation: Reservation, quantity?: Quantity): Promise<Recorded> {
    const amount = quantity === undefined ? reservation.hold.quantity : used(quantity, "quantity");
    return this.books.commit(this.moment(), reservation, amount);
  }

  /** The work was not done: gives back what was set aside. */
  async release(reservation: Reservation): Promise<void> {
    return this.books.release(reservation, this.base.clock.wallUs());
  }

  /** Lets a customer go on where rails ask for approval, until the period ends; reported as override_approved. */
  async approve(customerId: string, valueUnitId: string, { approvedBy }: { approvedBy: string }): Promise<void> {
    const asked = this.asked(this.requireCustomer(customerId), valueUnitId);
    return andThen(this.books.approve(asked), () =>
      this.say(asked, "override_approved", { value_unit_id: valueUnitId, approved_by: approvedBy }),
    );
  }

  /** Reports that a quality signal said no (quality_proxy_failed); it changes no decision. */
  qualityFailed(customerId: string, valueUnitId: string, signalId: string, value: Quantity): void {
    const context = { value_unit_id: valueUnitId, signal_id: signalId, value: Decimal.of(value) };
    this.say(this.asked(this.requireCustomer(customerId), valueUnitId), "quality_proxy_failed", context);
  }

  /** Where a customer stands in the period of `at`, or now. Rejects with NeverLoaded and CountersUnavailable. */
  async usage(customerId: string, { at = null }: { at?: Date | string | null } = {}): Promise<Statement> {
    const plan = this.plan("There is no config yet that says what this customer has.");
    const nowUs = this.base.clock.wallUs();
    return andThen(this.books.account(customerId), (account) => {
      const period = this.books.period(plan, account, customerId, at === null ? nowUs : microseconds(at));
      return statement(plan, account, { customerId, period, nowUs });
    });
  }

  /**
   * The config whose terms hold in the running period; null before the first one. Where customers have their own days, of
   * those whose day is the first.
   */
  get document(): Document | null {
    const { plan } = this.base.config.current();
    const calendar = plan?.calendars.usual;
    if (plan === null || calendar === undefined) {
      return null;
    }
    return plan.inPeriod({ calendar, number: calendar.number(this.base.clock.wallUs()) }).document;
  }

  /** fresh, stale, expired or never_loaded. */
  get state(): State {
    return this.base.config.current().state;
  }

  /** The terms that hold in the customer's period at a moment; null without a config. */
  protected termsAt(customerId: string, atUs: number): Plan | null {
    const { plan } = this.base.config.current();
    return plan?.inPeriod(this.books.period(plan, this.known(customerId), customerId, atUs), customerId) ?? null;
  }

  /** When use of a reservation counts: now, or at the end of the period that it was made in. */
  protected countsAtUs({ customerId, hold }: Reservation): number {
    const nowUs = this.base.clock.wallUs();
    const { plan } = this.base.config.current();
    const period = this.books.periodNamed(plan, this.known(customerId), customerId, hold.period);
    return period === null ? nowUs : Math.min(nowUs, period.endUs);
  }

  /** Whether counts outlive this process. */
  protected get survives(): boolean {
    return this.ledger.survives;
  }

  /** Whoever has an account was asked for it before. */
  private requireCustomer(customerId: string): string {
    if (!this.ledger.snapshots.has(customerId)) {
      requireCustomerId(customerId);
    }
    return customerId;
  }

  private asked(customerId: string, valueUnitId: string): Asking {
    return { force: this.base.config.current(), customerId, valueUnitId, nowUs: this.base.clock.wallUs() };
  }

  /** What was decided about as much of the same unit, while nothing has changed since. */
  private kept(customerId: string, valueUnitId: string, quantity: Quantity): Decision | undefined {
    const { snapshots, newcomer } = this.ledger;
    const standing = (snapshots.get(customerId) ?? newcomer).standings?.get(valueUnitId) as Standing | undefined;
    const { config, clock } = this.base;
    const isKept =
      standing !== undefined && standing.frame.force === config.force && clock.monotonicMs() < standing.untilMs;
    return isKept && isWhole(quantity) ? standing.decided(BigInt(quantity) * SCALE) : undefined;
  }

  /** The slow half of `check`: decides, and reports a refusal. */
  private look(customerId: string, valueUnitId: string, quantity: Quantity): Answer<Decision> {
    const amount = used(quantity, "quantity");
    const asked = this.asked(customerId, valueUnitId);
    return asked.force.plan === null
      ? this.unloaded
      : andThen(this.accountNow(customerId), (account) =>
          account === null ? this.uncounted(asked, amount) : this.decided(account, asked, amount),
        );
  }

  /** While nobody knows what was used: each rail does as the document says. */
  private uncounted(asked: Asking, amount: bigint): Decision {
    const { force, customerId, valueUnitId, nowUs } = asked;
    const period = this.books.period(force.plan, this.ledger.newcomer, customerId, nowUs);
    const decision = uncounted(force, valueUnitId, period) ?? this.otherwise(asked);
    this.refused(asked, amount, decision);
    return decision;
  }

  private decided(account: Account, asked: Asking, amount: bigint): Decision {
    const standing = stand(account, asked);
    if (standing === null) {
      return this.otherwise(asked);
    }
    standing.untilMs = this.untilMs(standing, asked);
    const decision = standing.decision(amount);
    this.refused(asked, amount, decision);
    return decision;
  }

  /** The decision where no pool of a config governs the unit. */
  private otherwise({ force, valueUnitId }: Asking): Decision {
    return force.plan === null ? this.unloaded : this.unknown.decision(force.plan, valueUnitId);
  }

  private untilMs(standing: Standing, { force, nowUs }: Asking): number {
    const nowMs = this.base.clock.monotonicMs();
    const viewMs = this.ledger.viewMs ?? Number.POSITIVE_INFINITY;
    return Math.min(force.untilMs, nowMs + (standing.untilUs - nowUs) / 1000, nowMs + viewMs);
  }

  /** As it is now; where the counters do not answer, as it was seen last, or null when that is too long ago. */
  private accountNow(customerId: string): Answer<Account | null> {
    const asSeen = (problem: unknown): Account | null => {
      if (!(problem instanceof CountersUnavailable)) {
        throw problem;
      }
      const account = this.keeper?.ledger.snapshot(customerId) ?? null;
      return account === null ? null : this.books.keyed(account);
    };
    try {
      const account = this.books.account(customerId);
      return account instanceof Promise ? account.catch(asSeen) : account;
    } catch (problem) {
      return asSeen(problem);
    }
  }

  private keeperOf(ledger: Ledger, { snapshotSeconds = SNAPSHOT_SECONDS }: DecidingOptions): Keeper {
    const { clock, problems, warn, keptPath = null } = this.base;
    const told = (problem: string | null) => {
      if (problem === null) {
        problems.end("counters_unavailable");
        return;
      }
      const text = `${problem} Decisions go by what was seen last; what is recorded is kept, and counted later.`;
      problems.begin("counters_unavailable", text);
    };
    const keeper = new Keeper(ledger, { clock, snapshotSeconds, path: keptPath, told, warn });
    keeper.redo = async (kept) => this.makeAgain(kept);
    return keeper;
  }

  private makeAgain(kept: Kept): Answer<unknown> {
    const { force, nowUs } = this.moment();
    if (kept.kind !== "event") {
      return this.books.makeAgain(kept, { force, nowUs });
    }
    const plan = this.plan("There is no config that says what a kept event counts for.");
    return this.events.record(plan, keptEvent(kept.body), nowUs, kept.attempt);
  }

  private moment(): Moment {
    return { force: this.base.config.current(), nowUs: this.base.clock.wallUs() };
  }

  /** As this process saw it last. */
  private known(customerId: string): Account {
    return this.books.keyed(this.ledger.snapshots.get(customerId) ?? this.ledger.newcomer);
  }

  /** Reports a refusal, once per customer, period and reason. */
  private refused({ force, customerId, valueUnitId, nowUs }: Asking, quantity: bigint, decision: Decision): void {
    if (decision.action === "block" && force.plan !== null) {
      const period = this.books.period(force.plan, this.known(customerId), customerId, nowUs);
      this.reporter.refused(force.plan, customerId, { period, valueUnitId, quantity, nowUs }, decision);
    }
  }

  private say({ force, customerId, nowUs }: Asking, eventType: string, context: Record<string, Writable>): void {
    if (force.plan === null) {
      throw new NeverLoaded("There is no config yet that this could be reported about.");
    }
    const period = this.books.period(force.plan, this.known(customerId), customerId, nowUs);
    this.reporter.say(force.plan.inPeriod(period), customerId, nowUs, { eventType, context });
  }

  private plan(otherwise: string): Plan {
    const { plan } = this.base.config.current();
    if (plan === null) {
      throw new NeverLoaded(otherwise);
    }
    return plan;
  }
}

function isWhole(quantity: Quantity): quantity is number {
  return typeof quantity === "number" && quantity >= 0 && quantity < SMALL && Number.isInteger(quantity);
}

function isOpen(word: Fails): boolean {
  if (word !== "open" && word !== "closed") {
    throw new RangeError(`withoutConfig is ${String(word)}: allowed are open, closed`);
  }
  return word === "open";
}

function rememberedUs({ rememberOperationsDays = REMEMBERED_DAYS }: DecidingOptions): number {
  if (!(rememberOperationsDays > 0)) {
    throw new RangeError(`rememberOperationsDays is ${rememberOperationsDays}: it must be longer than nothing`);
  }
  return Math.floor(rememberOperationsDays * DAY_US);
}
