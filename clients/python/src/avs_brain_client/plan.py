"""A document compiled for deciding: per unit its pools in draw order, prices and caps, looked up by one name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from avs_brain_client.account import Account
from avs_brain_client.document import CUSTOMER_SCOPE, AbsoluteCap, Document, Exploration, Pool, Rails, Threshold, Unit
from avs_brain_client.draw import available
from avs_brain_client.periods import Calendar, Calendars, Period, PeriodSetting


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """A pooled unit: pools in draw order (exploration first), the last of which takes the overage. `carries`: use in
    one period changes what later ones have. `sheets` keeps what is compiled of its rules (`avs_brain_client.sheet`).
    """

    unit: Unit
    pools: tuple[Pool, ...]
    absolute_caps: tuple[AbsoluteCap, ...]
    carries: bool
    explores: bool
    sheets: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def last_pool(self) -> Pool:
        return self.pools[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One config version, ready to decide: pooled units by id; `priced` are those that can cost the customer money,
    `for_all` the thresholds that hold for every unit of a customer.

    Its terms hold after the customer's period in which `document.since_us` lies, and those of `before` until its end;
    None: they hold in every period.
    """

    document: Document
    calendars: Calendars
    units: Mapping[str, UnitPlan]
    priced: tuple[UnitPlan, ...]
    for_all: tuple[Threshold, ...]
    before: "Plan | None" = None

    def in_period(self, calendar: Calendar, number: int) -> "Plan":
        """The plan whose terms hold in a period: price, pools, exploration, rails and what counts as a unit."""
        plan = self
        while plan.before is not None and number <= calendar.number(plan.document.since_us or 0):
            plan = plan.before
        return plan

    def carries(self, value_unit_id: str) -> bool:
        """Whether, by any of the terms, use of a unit in one period changes what later ones have."""
        unit = self.units.get(value_unit_id)
        earlier = self.before is not None and self.before.carries(value_unit_id)
        return earlier or (unit is not None and unit.carries)

    @property
    def config_version_id(self) -> str:
        return self.document.config_version_id

    @property
    def rails(self) -> Rails:
        return self.document.rails

    @property
    def exploration(self) -> Exploration:
        return self.document.exploration

    def available(self, account: Account, unit: UnitPlan, period: Period) -> tuple[int, ...]:
        """What the unit's pools can give this customer in the period, in draw order, scaled."""
        began = self.began_us(account) if unit.explores else None
        if not unit.carries:
            granted = not unit.explores or self.explores(began, period.start_us)
            return tuple(pool.included if granted or not pool.is_exploration else 0 for pool in unit.pools)
        calendar = period.calendar
        used = by_number(calendar, account.of_unit(unit.unit.value_unit_id))
        first = first_number(calendar, account) if calendar.accrues_from is None else calendar.accrues_from
        return available(
            unit.pools,
            used,
            period.number if first is None else first,
            period.number,
            lambda number: self.explores(began, calendar.start_us(number)),
        )

    def began_us(self, account: Account) -> int | None:
        """The customer's first qualifying event; None while there is none."""
        return min(
            (at for name, at in account.began.items() if name in self.exploration.qualifying_events), default=None
        )

    def explores(self, began_us: int | None, start_us: int) -> bool:
        """Whether exploration pools give in the period after `start_us`; who has not begun is within (spec 4.2, 3)."""
        rule = self.exploration
        if not rule.enabled or began_us is None or rule.expires_us is None:
            return rule.enabled
        return began_us >= start_us - rule.expires_us


@dataclass(frozen=True, slots=True, eq=False)
class Force:
    """What decides until `until_ns` (monotonic): a plan, None without one, and the state of its config."""

    plan: Plan | None
    state: str
    until_ns: int


def by_number(calendar: Calendar, periods: Mapping[str, int]) -> dict[int, int]:
    """Use by the number of the period, of the periods of this calendar."""
    numbers = ((calendar.number_of(key), quantity) for key, quantity in periods.items())
    return {number: quantity for number, quantity in numbers if number is not None}


def first_number(calendar: Calendar, account: Account) -> int | None:
    """The first period of this calendar in which anything was used; None without use."""
    numbers = (calendar.number_of(key) for periods in account.used.values() for key in periods)
    return min((number for number in numbers if number is not None), default=None)


def compiled(document: Document, setting: PeriodSetting) -> Plan:
    """The plan of a document: done once per delivery, so that deciding never searches."""
    by_id = {unit.value_unit_id: unit for unit in document.units}
    pooled = dict.fromkeys(pool.value_unit_id for pool in document.pools)
    units = {name: _unit_plan(document, by_id[name]) for name in pooled}
    return Plan(
        document=document,
        calendars=setting.calendars(document.delivery.period_anchor),
        units=units,
        priced=tuple(unit for unit in units.values() if unit.unit.price),
        for_all=tuple(item for item in document.rails.thresholds if item.scope == CUSTOMER_SCOPE),
        before=None if document.before is None or document.since_us is None else compiled(document.before, setting),
    )


def _unit_plan(document: Document, unit: Unit) -> UnitPlan:
    own = [pool for pool in document.pools if pool.value_unit_id == unit.value_unit_id]
    return UnitPlan(
        unit=unit,
        pools=tuple(sorted(own, key=lambda pool: not pool.is_exploration)),
        absolute_caps=tuple(cap for cap in document.rails.absolute_caps if cap.value_unit_id == unit.value_unit_id),
        carries=any(pool.rollover for pool in own),
        explores=any(pool.is_exploration for pool in own),
    )
