"""The usage event that tells AVS Brain what was counted here, so that what is enforced is what is simulated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from avs_brain_client.account import Account
from avs_brain_client.clock import timestamp
from avs_brain_client.counters import Ledger
from avs_brain_client.document import Meter, Subject
from avs_brain_client.errors import CountersUnavailable, NeverLoaded
from avs_brain_client.events import COUNTED, Outgoing
from avs_brain_client.json_text import exact_json
from avs_brain_client.metering import NAMED_LIKE_DIMENSIONS, UsageEvent, matches, quantity, usage_event
from avs_brain_client.numbers import SCALE, unscaled
from avs_brain_client.plan import Plan
from avs_brain_client.reading import SPELLINGS
from avs_brain_client.records import Recorded
from avs_brain_client.reporting import Reporter

Value = str | int | float | bool | Decimal
"""What a dimension may be given as."""


@dataclass(frozen=True, slots=True)
class Use:
    """A scaled quantity of a unit, used at a moment, and what the app says about its event: None where that follows
    from the unit's event_mapping.
    """

    customer_id: str
    value_unit_id: str
    quantity: int
    at_us: int
    event_type: str | None = None
    dimensions: Mapping[str, Value] | None = None


def record_mark(value_unit_id: str, event_id: str) -> str:
    """What the counters remember of a record, as `Bookkeeper` names it."""
    return f"e:{value_unit_id}:{event_id}"


def event_mark(event_id: str) -> str:
    """What the counters remember of a usage event."""
    return f"e::{event_id}"


def commit_mark(reservation_id: str) -> str:
    """What the counters remember of a commit."""
    return f"c:{reservation_id}"


def remembers(ledger: Ledger, customer_id: str, mark: str, now: int) -> bool:
    """Whether the counters remember a mark. Raises CountersUnavailable."""

    def edit(account: Account, known: frozenset[str]) -> tuple[None, bool]:
        return None, bool(known)

    return ledger.update(customer_id, {mark: now}, now, edit)


def use_id(subject: Subject, use: Use, name: str) -> str:
    """The id of the event of one count: the same count, the same id, in every process and at every try."""
    parts = (subject.workspace_id, subject.target_environment, use.customer_id, use.value_unit_id, name)
    return f"use_{sha256(chr(10).join(parts).encode()).hexdigest()[:32]}"


class UsageEvents:
    """Makes the usage events of one subject, whose counts `namespace` has, and lets them go with their counts.

    `always`: unless a call says otherwise.
    """

    def __init__(self, subject: Subject, namespace: str, reporter: Reporter, ledger: Ledger, *, always: bool) -> None:
        self._subject, self._namespace, self._always = subject, namespace, always
        self._reporter, self._ledger = reporter, ledger

    def wanted(self, asked: bool | None, event_type: object = None, dimensions: object = None) -> bool:
        """Whether a count is sent as a usage event; ValueError for one that is described and not sent."""
        if self._always if asked is None else asked:
            return True
        if event_type is not None or dimensions is not None:
            raise ValueError("event_type and dimensions are of the usage event, and none is sent: pass send_usage=True")
        return False

    def sending(self, sent: Outgoing, count: Callable[[], Recorded]) -> Recorded:
        """Count, and send the event of it, both or neither: it is written down before a count that survives this
        process, and let go after it. What dies in between, or is not known to be counted, is settled later.
        """
        new = self._ledger.survives and self._reporter.hold_usage(sent)
        try:
            recorded = count()
        except CountersUnavailable:
            raise
        except BaseException:
            if new:
                self._reporter.discard([sent])
            raise
        if recorded.kept and new:  # it goes when the count is made
            return recorded
        if not recorded.duplicate:
            self._reporter.release([sent])
        elif new:  # what somebody else holds under this id is theirs to let go
            self._reporter.discard([sent])
        return recorded

    def of_use(self, plan: Plan | None, use: Use, name: str, mark: str) -> Outgoing:
        """The event of one count, of which the counters remember `mark`; `plan` is of the period that it falls into.

        ValueError where AVS Brain would count something else from it than was counted here; NeverLoaded without a plan,
        because nothing says then what AVS Brain would count.
        """
        if plan is None:
            raise NeverLoaded("There is no config yet that says which usage event this use is.")
        unit = plan.units.get(use.value_unit_id)
        meter = None if unit is None else unit.unit.meter
        event_type = use.event_type or (None if meter is None else meter.event_type)
        if event_type is None:
            raise ValueError(f"event_type is missing: the config has no unit {use.value_unit_id!r} that would say it")
        derived = {} if meter is None else _derived(meter, use)
        given = {**derived, **(use.dimensions or {}), "event_type": event_type, "customer_id": use.customer_id}
        event = usage_event(given, self._subject, use.at_us)
        _require_same(plan, event, use)
        return self._outgoing(event, given, use_id(self._subject, use, name), mark)

    def of_event(self, given: Mapping[str, Value], event: UsageEvent) -> Outgoing:
        """An event that the app made itself, under its own id."""
        assert event.event_id is not None  # noqa: S101
        return self._outgoing(event, given, event.event_id, event_mark(event.event_id))

    def _outgoing(self, event: UsageEvent, given: Mapping[str, object], event_id: str, mark: str) -> Outgoing:
        dimensions = {name: _exact(given[name]) for name in event.dimensions}
        base = {"event_id": event_id, "ts": timestamp(event.at_us), "event_type": event.event_type, **event.texts}
        proof = (self._namespace, event.customer_id, f"{COUNTED}{mark}")
        return Outgoing(event_id, exact_json({**dimensions, **base}), proof)


def _derived(meter: Meter, use: Use) -> dict[str, Value]:
    """The dimensions that follow from the event_mapping: a value for each filter, the quantity as what is summed."""
    told, name = use.dimensions or {}, use.value_unit_id
    found: dict[str, Value] = {}
    for dimension, wanted in meter.filters:
        if dimension not in told and dimension not in NAMED_LIKE_DIMENSIONS:
            found[dimension] = _only(wanted, dimension, name)
    if meter.aggregation == "sum" and meter.field not in told:
        found[meter.field] = unscaled(use.quantity)
    elif meter.aggregation == "count" and use.quantity != SCALE:
        problem = f"{name} counts events, and one event is 1, not {unscaled(use.quantity)}"
        raise ValueError(f"{problem}: record 1 for each, or use record_event")
    elif meter.aggregation == "distinct_count":
        raise ValueError(f"{name} counts distinct values of {meter.field}: use record_event")
    return found


def _only(wanted: tuple[str | Decimal, ...], name: str, value_unit_id: str) -> Value:
    truth = next((truth for truth, spellings in SPELLINGS.items() if wanted == spellings), None)
    if truth is not None:
        return truth
    if len(wanted) == 1:
        return wanted[0]
    values = ", ".join(map(str, wanted))
    raise ValueError(f"{value_unit_id} counts events whose {name} is one of {values}: say which in dimensions")


def _require_same(plan: Plan, event: UsageEvent, use: Use) -> None:
    """ValueError unless the event counts for this unit alone, and as much."""
    value_unit_id, scaled = use.value_unit_id, use.quantity
    counted = {name: unit.unit.meter for name, unit in plan.units.items() if matches(unit.unit.meter, event)}
    amounts = {name: quantity(meter, event) for name, meter in counted.items()}
    if value_unit_id in plan.units and amounts.get(value_unit_id) != scaled:
        metered = unscaled(amounts.get(value_unit_id, 0))
        raise ValueError(
            f"AVS Brain would count {metered} of {value_unit_id} from this event, not {unscaled(scaled)}: "
            "dimensions and quantity must agree with the unit's event_mapping"
        )
    others = sorted(name for name, amount in amounts.items() if amount and name != value_unit_id)
    if others:
        raise ValueError(
            f"AVS Brain would count this event for {', '.join(others)} too: use record_event, which does so"
        )


def _exact(value: object) -> object:
    return Decimal(repr(value)) if isinstance(value, float) else value
