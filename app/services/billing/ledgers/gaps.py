"""The parts of a config that a ledger cannot express: by feature, pool and unit, with what to do about each."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from app.services.billing.ledgers.terms import PERIOD_DAYS, Pool, Terms, Unit
from app.services.billing.ledgers.texts import filter_texts, plain
from rules.enums import OverageBehavior, TermsStart
from simulation.canonical import Json

RAILS = ("usage_thresholds", "monthly_spend_cap_usd", "absolute_usage_caps")


@dataclass(frozen=True)
class Gap:
    """A feature that the rendering leaves out; pool and unit are None where the whole config is meant."""

    feature: str
    reason: str
    pool_id: str | None = None
    value_unit_id: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        return asdict(self)


def common_gaps(ledger: str, terms: Terms) -> Iterator[Gap]:
    """The gaps of every ledger: when prices start, pool by pool, and then the rails, which the app enforces."""
    if terms.terms_start:
        yield Gap("terms_start", _STARTS[terms.terms_start].format(ledger=ledger))
    for unit in terms.units:
        for pool in unit.pools:
            yield from _of_pool(ledger, terms, unit, pool)
    for name in RAILS:
        if terms.rails.get(name):
            yield Gap(f"rails.{name}", f"{ledger} bills usage and stops none: the customer app enforces the rails.")


def _of_pool(ledger: str, terms: Terms, unit: Unit, pool: Pool) -> Iterator[Gap]:
    where = {"pool_id": pool.pool_id, "value_unit_id": unit.value_unit_id}
    if pool.rollover.get("enabled") and pool.counted:
        yield Gap("rollover", _ROLLOVER.format(ledger=ledger), **where)
    if pool.overage_behavior != OverageBehavior.ALLOW_OVERAGE.value:
        reason = (
            f"{ledger} does not {_ENFORCED[pool.overage_behavior]} usage beyond the allowance: it bills what arrives."
        )
        yield Gap(f"overage_behavior.{pool.overage_behavior}", f"{reason} The customer app enforces it.", **where)
    if pool.is_exploration_pool:
        yield Gap("exploration", _exploration(ledger, terms, pool), **where)


_STARTS = {
    TermsStart.NEXT_PERIOD.value: "These prices start with each customer's next period; {ledger} changes them for "
    "everybody at one moment. Let them start when the customer's own period begins, and bill the running one at the "
    "prices before.",
    TermsStart.PRORATED.value: "The period that runs at effective_at is shared out between the terms before and these "
    "by days; {ledger} does not know the allowances, commits and credits of both. Change each customer's plan at that "
    "moment with the amounts that the simulation and the app compute, and do not let {ledger} prorate them again.",
}
_ENFORCED = {OverageBehavior.THROTTLE.value: "throttle", OverageBehavior.HARD_STOP.value: "stop"}
_ROLLOVER = (
    "{ledger} starts each period with the same allowance: unused units do not roll over. "
    "Credit a customer what was carried over."
)


def _exploration(ledger: str, terms: Terms, pool: Pool) -> str:
    if not pool.counted:
        return "Exploration is disabled, so the pool gives nothing and its quantity is in no allowance."
    days, quantity = terms.exploration["expires_after_days"], plain(pool.included_quantity)
    events = ", ".join(terms.exploration["qualifying_events"]) or "qualifying event"
    end = "never ends" if days is None else f"ends {days} days after a customer's first {events}"
    return (
        f"Exploration {end}; {ledger} includes the pool's {quantity} units for every customer in every period. "
        "Bill those who are past it for what they used of them."
    )


def no_30_days(ledger: str, instead: str) -> Gap:
    """The gap of ledgers whose billing periods are calendar ones."""
    return Gap("period", f"An allowance lasts {PERIOD_DAYS} days; {ledger} renews it {instead}.")


def event_is_renamed(ledger: str, unit: Unit, name: str, *, with_filters: bool) -> Gap:
    """The gap of ledgers in which a meter counts one event name that no other meter counts."""
    where = f" where {_conditions(unit)}" if with_filters and unit.filters else ""
    reason = f"{ledger} counts events of the meter's own name: send {name} for each {unit.event_type}{where}."
    return Gap("event_type", reason, value_unit_id=unit.value_unit_id)


def _conditions(unit: Unit) -> str:
    return " and ".join(f"{name} is {_either(values)}" for name, values in sorted(unit.filters.items()))


def _either(values: tuple[Json, ...]) -> str:
    return " or ".join(filter_texts(values))


def sums_one_property(ledger: str, unit: Unit) -> Iterator[Gap]:
    """The gap of ledgers whose sums add up one property: the difference of two has to come in one of its own."""
    if unit.minus:
        difference = f"{unit.field} less {unit.minus}, 0 where either is missing"
        reason = f"{ledger} adds up one property of an event: send {difference}, as {unit.one_field}."
        yield Gap("aggregation.minus", reason, value_unit_id=unit.value_unit_id)


def numbers_compare_as_text(ledger: str, unit: Unit) -> Iterator[Gap]:
    """The gap of ledgers that compare texts: a numeric filter of ours means the number, `4` and `4.0` alike."""
    for name, values in sorted(unit.filters.items()):
        if any(not isinstance(value, str) for value in values):
            reason = f"{ledger} compares {name} as text: send it as {_either(values)}."
            yield Gap("filter", reason, value_unit_id=unit.value_unit_id)
