"""The client: what an app calls. Deciding and counting happen in this process; the network is other threads' work."""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

from avs_brain_client.account import Account, Hold
from avs_brain_client.clock import SECOND_US, microseconds
from avs_brain_client.core import Core
from avs_brain_client.decide import Decision, outside_config
from avs_brain_client.errors import CountersUnavailable, NeverLoaded
from avs_brain_client.exits import close_at_exit
from avs_brain_client.ids import require_customer_id
from avs_brain_client.metering import usage_event
from avs_brain_client.names import fresh_name
from avs_brain_client.numbers import LIMIT, SCALE, Quantity, used
from avs_brain_client.plan import Force, Plan
from avs_brain_client.records import Recorded, Reservation
from avs_brain_client.reporting import Later, at_once
from avs_brain_client.standing import stand
from avs_brain_client.statement import Statement, statement
from avs_brain_client.unavailable import uncounted
from avs_brain_client.usage_events import Use, Value, commit_mark, record_mark

RESERVED_SECONDS = 600


class Client(Core):
    """Enforces the active config of one subject.

    `base_url` is AVS Brain; `published` is where it publishes (an https address, a file:// URL or a folder), which is
    polled while AVS Brain does not answer, or always when there is no `base_url`; events keep waiting then.
    `directory` keeps the last-known-good config and the event queue; without it both live in memory only.
    `mode`: stream, longpoll, poll (every `poll_seconds`) or manual (`refresh` asks, `flush` sends).
    `keys`: the JSON Web Key Set to trust and no other, or the path of a file that has it, which is read anew for every
    document that comes; without it the keys that the server publishes, which needs https or a server on this machine.
    `unknown_unit`: what becomes of a value unit that the config does not have: "deny", "allow" or "raise" (raises
    UnknownUnit); None: denied where `target_environment` is production, allowed elsewhere.
    `without_config`: whether to allow ("open") or refuse ("closed") before the first config.
    `period_anchor`: how periods are cut where the document does not say: 30 days from a moment on, or the document's
    member as a mapping. `customer_day`: the day of the month on which a customer's own periods begin, by customer_id;
    None: the day of their first use.
    `accrues_from`: from when every customer's unused allowance rolls over; None: from their own first use.
    `remember_operations`: for how long an event_id, a commit and a distinct value are recognised as counted.
    `snapshot_seconds`: for how long decisions go by what was seen last while the counters do not answer; after that
    each rail does as the document's `on_counters_unavailable` says.
    `numbered_events`: whether enforcement events carry client_id and sequence.
    `send_usage`: whether what is recorded and committed also goes to AVS Brain as usage events.
    """

    def start(self) -> "Client":
        """Follow the config and send events in the background; returns at once. Works again after `close`.

        A process that is forked from this one goes on with threads, files and connections of its own.
        """
        self._background.start()
        close_at_exit(self)
        return self

    def check(self, customer_id: str, value_unit_id: str, quantity: Quantity = 1) -> Decision:
        """What to do about this quantity: decided here and now, from memory, without counting anything.

        ValueError for what is no customer's id and for a quantity that is a float or negative, UnknownUnit where that
        was asked for; nothing else is ever raised.
        """
        account = self._snapshots.get(customer_id)
        if account is None:
            require_customer_id(customer_id)
            account = self._newcomer
        standing = account.standings.get(value_unit_id)
        if (
            standing is not None
            and standing.frame.force is self._config.force
            and quantity.__class__ is int
            and 0 <= quantity < LIMIT
            and self._monotonic_ns() < standing.until_ns
        ):
            total = standing.taken + quantity * SCALE
            at = bisect_left(standing.frame.beyond, total) - 1
            decision: Decision | None = standing.decisions[at]
            if decision is not None:
                return decision
            decision = standing.decide(at)
            if decision.action != "block":  # a refusal is reported
                return decision
        return self._look(customer_id, value_unit_id, quantity)

    def record(
        self,
        customer_id: str,
        value_unit_id: str,
        quantity: Quantity = 1,
        *,
        event_id: str | None = None,
        at: datetime | None = None,
        send_usage: bool | None = None,
        event_type: str | None = None,
        dimensions: Mapping[str, Value] | None = None,
    ) -> Recorded:
        """Count use that happened, whatever the rails say about it. The same event_id counts once per unit.

        `send_usage`: whether AVS Brain gets the usage event of it, once; None: as the client was told. `event_type` and
        `dimensions` describe that event where the unit's event_mapping alone does not: ValueError says so then.
        """
        self._require(customer_id)
        now = self._clock.wall_us()
        amount = quantity * SCALE if quantity.__class__ is int and 0 <= quantity < LIMIT else used(quantity, "quantity")
        moment = now if at is None else microseconds(at)
        force = self._config.at(now, self._monotonic_ns())
        if force.plan is not None and value_unit_id not in force.plan.units:
            self._unknown.tell(force.plan, value_unit_id)
        if not self._usage_events.wanted(send_usage, event_type, dimensions):
            return self._books.record(force, customer_id, value_unit_id, amount, event_id, moment, now)
        name = event_id or fresh_name()
        terms = self._terms(force.plan, customer_id, moment)
        use = Use(customer_id, value_unit_id, amount, moment, event_type, dimensions)
        sent = self._usage_events.of_use(terms, use, name, record_mark(value_unit_id, name))
        return self._usage_events.sending(
            sent, lambda: self._books.record(force, customer_id, value_unit_id, amount, name, moment, now)
        )

    def record_event(self, event: Mapping[str, Any], *, send_usage: bool | None = None) -> Recorded:
        """Count a usage event for every unit whose event_mapping it fits; exploration notes it too.

        The event has event_type, customer_id, its dimensions, and event_id and ts where there are any. Raises
        NeverLoaded without a config: nothing says what the event counts for. `send_usage` as of `record`.
        """
        now, force = self._clock.wall_us(), self._config.current()
        plan = force.plan
        if plan is None:
            raise NeverLoaded("There is no config yet that says what this event counts for.")
        sends = self._usage_events.wanted(send_usage)
        if sends and event.get("event_id") is None:
            event = {**event, "event_id": f"use_{fresh_name()}"}
        metered = usage_event(event, self._subject, now)
        self._require(metered.customer_id)
        if not sends:
            return self._books.record_event(force, plan, metered, now)
        sent = self._usage_events.of_event(event, metered)
        return self._usage_events.sending(sent, lambda: self._books.record_event(force, plan, metered, now))

    def reserve(
        self, customer_id: str, value_unit_id: str, quantity: Quantity = 1, *, seconds: float = RESERVED_SECONDS
    ) -> Reservation:
        """Set a quantity aside for work whose cost is known afterwards; `decision.allow` says whether it may begin.

        Reserve the most that it can come to, then `commit` what it did. What nobody commits lapses after `seconds`.
        """
        self._require(customer_id)
        now = self._clock.wall_us()
        amount = quantity * SCALE if quantity.__class__ is int and 0 <= quantity < LIMIT else used(quantity, "quantity")
        force, until = self._config.at(now, self._monotonic_ns()), now + int(seconds * SECOND_US)
        unknown = self._unknown_decision(force.plan, value_unit_id)
        if unknown is not None and not unknown.allow:
            return Reservation(fresh_name(), customer_id, unknown, Hold(value_unit_id, "", amount, until))
        made = self._books.reserve(force, customer_id, value_unit_id, amount, until, now, self._unloaded)
        if made.decision.action == "block":
            self._refused(force, customer_id, value_unit_id, amount, made.decision, now)
        return made

    def commit(
        self,
        reservation: Reservation,
        quantity: Quantity | None = None,
        *,
        send_usage: bool | None = None,
        event_type: str | None = None,
        dimensions: Mapping[str, Value] | None = None,
    ) -> Recorded:
        """Count what the reserved work came to (all of it when not said), once. The rest as of `record`; the usage
        event falls into the period that the work was reserved in, as the count does.
        """
        name, customer_id, _, hold = reservation
        amount, now = hold.quantity if quantity is None else used(quantity, "quantity"), self._clock.wall_us()
        force = self._config.at(now, self._monotonic_ns())
        if not self._usage_events.wanted(send_usage, event_type, dimensions):
            return self._books.commit(force, reservation, amount, now)
        period = self._books.period_named(force.plan, self._snapshot(customer_id), customer_id, hold.period, now)
        moment = now if period is None else min(now, period.end_us)
        terms = self._terms(force.plan, customer_id, moment)
        use = Use(customer_id, hold.value_unit_id, amount, moment, event_type, dimensions)
        sent = self._usage_events.of_use(terms, use, name, commit_mark(name))
        return self._usage_events.sending(sent, lambda: self._books.commit(force, reservation, amount, now))

    def release(self, reservation: Reservation) -> None:
        """The work was not done: give back what was set aside."""
        self._books.release(reservation, self._clock.wall_us())

    def approve(self, customer_id: str, value_unit_id: str, *, approved_by: str) -> None:
        """Let a customer go on where rails ask for approval, until the period ends; reported as override_approved."""
        self._require(customer_id)
        now = self._clock.wall_us()
        self._books.approve(self._plan(), customer_id, value_unit_id, now)
        self._say(customer_id, "override_approved", {"value_unit_id": value_unit_id, "approved_by": approved_by}, now)

    def quality_failed(self, customer_id: str, value_unit_id: str, signal_id: str, value: Quantity) -> None:
        """Report that a quality signal said no (quality_proxy_failed); it changes no decision."""
        self._require(customer_id)
        context = {"value_unit_id": value_unit_id, "signal_id": signal_id, "value": value}
        self._say(customer_id, "quality_proxy_failed", context, self._clock.wall_us())

    def usage(self, customer_id: str, *, at: datetime | None = None) -> Statement:
        """Where a customer stands in the period of `at`, or now. Raises NeverLoaded and CountersUnavailable."""
        self._require(customer_id)
        plan, now = self._plan(), self._clock.wall_us()
        if plan is None:
            raise NeverLoaded("There is no config yet that says what this customer has.")
        account = self._books.account(customer_id)
        period = self._books.period(plan, account, customer_id, now if at is None else microseconds(at))
        return statement(plan.of(customer_id), account, period, now)

    def __enter__(self) -> "Client":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def counts_in_memory(self) -> bool:
        """Whether what this process sees of an account is all that there is, and asking for it never waits."""
        return self._ledger.view_ns is None

    def account(self, customer_id: str) -> Account:
        """What the counters have of a customer now. Raises CountersUnavailable."""
        return self._books.account(customer_id)

    def check_by(
        self, account: Account | None, customer_id: str, value_unit_id: str, quantity: Quantity, later: Later
    ) -> Decision:
        """As `check`, without waiting: by an account as it was seen (None: as this process has it in memory). What
        has to be written down about it is given to `later`.
        """
        require_customer_id(customer_id)
        seen = self._books.keyed(account or self._snapshot(customer_id))
        return self._look(customer_id, value_unit_id, quantity, seen, later)

    def _look(
        self,
        customer_id: str,
        value_unit_id: str,
        quantity: Quantity,
        account: Account | None = None,
        later: Later = at_once,
    ) -> Decision:
        """The slow half of `check`: decide, and report a refusal."""
        amount = used(quantity, "quantity")
        now, now_ns = self._clock.wall_us(), self._monotonic_ns()
        force = self._config.at(now, now_ns)
        plan = force.plan
        if plan is None:
            return self._unloaded
        if account is None or self._in_outage:
            account = self._account(customer_id)
        if account is None:
            return self._uncounted(force, plan, customer_id, value_unit_id, amount, now, later)
        standing = stand(force, plan, account, customer_id, value_unit_id, now)
        if standing is None:
            return self._unknown_decision(plan, value_unit_id) or outside_config(plan)
        until_ns = min(force.until_ns, now_ns + (standing.until_us - now) * 1000)
        if self._ledger.view_ns is not None:
            until_ns = min(until_ns, now_ns + self._ledger.view_ns)
        standing.until_ns = until_ns
        decision = standing.decision(amount)
        if decision.action == "block":
            self._refused(force, customer_id, value_unit_id, amount, decision, now, later)
        return decision

    def _refused(
        self,
        force: Force,
        customer_id: str,
        value_unit_id: str,
        amount: int,
        decision: Decision,
        now: int,
        later: Later = at_once,
    ) -> None:
        """Report a refusal, once per customer, period and reason."""
        if force.plan is None:
            return
        account = self._snapshot(customer_id)
        period = self._books.period(force.plan, account, customer_id, now)
        self._reporter.refused(force.plan, customer_id, period, value_unit_id, amount, decision, now, later)

    def _account(self, customer_id: str) -> Account | None:
        """As it is now; where the counters do not answer, as it was seen last, or None when that is too long ago."""
        try:
            return self._books.glance(customer_id)
        except CountersUnavailable:
            account = None if self._keeper is None else self._keeper.ledger.snapshot(customer_id)
            return None if account is None else self._books.keyed(account)

    def _uncounted(
        self, force: Force, plan: Plan, customer_id: str, value_unit_id: str, amount: int, now: int, later: Later
    ) -> Decision:
        """The decision without counters, reported like any other refusal."""
        period = self._books.period(plan, self._snapshot(customer_id), customer_id, now)
        decision = uncounted(force, plan, value_unit_id, period.key)
        if decision is None:
            return self._unknown_decision(plan, value_unit_id) or outside_config(plan)
        if decision.action == "block":
            self._refused(force, customer_id, value_unit_id, amount, decision, now, later)
        return decision

    def _snapshot(self, customer_id: str) -> Account:
        return self._snapshots.get(customer_id, self._newcomer)

    def _require(self, customer_id: str) -> None:
        """Whoever has an account was asked for it before."""
        if customer_id not in self._snapshots:
            require_customer_id(customer_id)

    def _unknown_decision(self, plan: Plan | None, value_unit_id: str) -> Decision | None:
        """Of a unit that the config does not have; None for all others, and without a config."""
        if plan is None or value_unit_id in plan.units:
            return None
        return self._unknown.decision(plan, value_unit_id)

    def _terms(self, plan: Plan | None, customer_id: str, at: int) -> Plan | None:
        """Those of the customer's period at a moment."""
        period = self._books.period(plan, self._snapshot(customer_id), customer_id, at)
        return None if plan is None else plan.in_period(period.calendar, period.number)

    def _say(self, customer_id: str, event_type: str, context: Mapping[str, Any], now: int) -> None:
        plan = self._plan()
        if plan is None:
            raise NeverLoaded("There is no config yet that this could be reported about.")
        account = self._snapshot(customer_id)
        period = self._books.period(plan, account, customer_id, now)
        self._reporter.say(plan, customer_id, period, event_type, context, now)
