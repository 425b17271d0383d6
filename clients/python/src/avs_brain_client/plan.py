"""A document compiled for deciding: per unit its pools in draw order, prices and caps, looked up by one name."""

from collections.abc import Mapping
from dataclasses import dataclass

from avs_brain_client.account import Account
from avs_brain_client.document import AbsoluteCap, Document, Exploration, Pool, Rails, Unit
from avs_brain_client.draw import available
from avs_brain_client.periods import Calendar


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """A pooled unit: pools in draw order (exploration first), the last of which takes the overage."""

    unit: Unit
    pools: tuple[Pool, ...]
    absolute_caps: tuple[AbsoluteCap, ...]

    @property
    def last_pool(self) -> Pool:
        return self.pools[-1]

    @property
    def carries(self) -> bool:
        """Whether use in one period changes what later ones have."""
        return any(pool.rollover for pool in self.pools)


@dataclass(frozen=True, slots=True)
class Plan:
    """One config version, ready to decide: pooled units by id; `priced` are those that can cost the customer money.

    Its terms hold from the period `begins` on, and those of `before` in earlier ones; None: they hold in every period.
    """

    document: Document
    calendar: Calendar
    units: Mapping[str, UnitPlan]
    priced: tuple[UnitPlan, ...]
    before: "Plan | None" = None
    begins: int = 0

    def in_period(self, period: int) -> "Plan":
        """The plan whose terms hold in a period: price, pools, exploration, rails and what counts as a unit."""
        plan = self
        while plan.before is not None and period < plan.begins:
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

    def available(self, account: Account, unit: UnitPlan, period: int) -> tuple[int, ...]:
        """What the unit's pools can give this customer in the period, in draw order, scaled."""
        began = self.began_us(account)
        first = self.calendar.accrues_from
        if first is None:
            first = account.first_period()
        return available(
            unit.pools,
            account.of_unit(unit.unit.value_unit_id),
            period if first is None else first,
            period,
            lambda index: self.explores(began, index),
        )

    def began_us(self, account: Account) -> int | None:
        """The customer's first qualifying event; None while there is none."""
        return min(
            (at for name, at in account.began.items() if name in self.exploration.qualifying_events), default=None
        )

    def explores(self, began_us: int | None, period: int) -> bool:
        """Whether exploration pools give in a period; who has not begun is within (spec 4.2, 3)."""
        rule = self.exploration
        if not rule.enabled or began_us is None or rule.expires_us is None:
            return rule.enabled
        return began_us >= self.calendar.start_us(period) - rule.expires_us


def compiled(document: Document, calendar: Calendar) -> Plan:
    """The plan of a document: done once per delivery, so that deciding never searches."""
    by_id = {unit.value_unit_id: unit for unit in document.units}
    pooled = dict.fromkeys(pool.value_unit_id for pool in document.pools)
    units = {name: _unit_plan(document, by_id[name]) for name in pooled}
    priced = tuple(unit for unit in units.values() if unit.unit.price)
    if document.before is None or document.since_us is None:
        return Plan(document, calendar, units, priced)
    begins = calendar.period(document.since_us) + 1
    return Plan(document, calendar, units, priced, compiled(document.before, calendar), begins)


def _unit_plan(document: Document, unit: Unit) -> UnitPlan:
    own = [pool for pool in document.pools if pool.value_unit_id == unit.value_unit_id]
    caps = tuple(cap for cap in document.rails.absolute_caps if cap.value_unit_id == unit.value_unit_id)
    return UnitPlan(unit, tuple(sorted(own, key=lambda pool: not pool.is_exploration)), caps)
