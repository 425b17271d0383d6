"""A document compiled for deciding: per unit its pools in draw order, prices and caps, looked up by one name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from avs_brain_client.account import Account
from avs_brain_client.document import (
    CUSTOMER_SCOPE,
    NEXT_PERIOD,
    SPEND_SCOPE,
    AbsoluteCap,
    Document,
    Exploration,
    Pool,
    Rails,
    Threshold,
    Unit,
)
from avs_brain_client.draw import available
from avs_brain_client.overage_price import OveragePrice, at_one_price
from avs_brain_client.periods import Calendar, Calendars, Period, PeriodSetting
from avs_brain_client.price_plan import CustomerTerms
from avs_brain_client.proration import share_of, shared_pools, shared_terms


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """A pooled unit: pools in draw order (exploration first), the last of which takes the overage, and its price, by
    the price plan or the unit's own. `carries`: use in one period changes what later ones have. `sheets` keeps what is
    compiled of its rules (`avs_brain_client.sheet`).
    """

    unit: Unit
    price: OveragePrice
    pools: tuple[Pool, ...]
    absolute_caps: tuple[AbsoluteCap, ...]
    carries: bool
    explores: bool
    sheets: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def last_pool(self) -> Pool:
        return self.pools[-1]


@dataclass(slots=True, eq=False)
class Lineage:
    """The versions that follow each other in one document, for one customer or for all: `latest` knows the terms of
    every period. `sells_credits`: by some of them credits are bought.
    """

    latest: "Plan | None" = None
    sells_credits: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One config version, ready to decide: pooled units by id; `priced` are those that can cost the customer money,
    `for_all` the thresholds that hold for every unit of a customer, `of_spend` those of the spend cap. `terms` are the
    price plan's, for everybody or for the customer whose plan this is; None: overage alone is billed.

    Its terms hold after the customer's period in which `document.since_us` lies. Those of `before` hold until the end
    of that period, or share it out with these; None: these hold in every period. `lineage` leads to those of any.

    `contracts` are the customers who have a plan of their own, by these terms or those before; `own` keeps such plans,
    `shared` those of periods that were shared out.
    """

    document: Document
    calendars: Calendars
    units: Mapping[str, UnitPlan]
    priced: tuple[UnitPlan, ...]
    for_all: tuple[Threshold, ...]
    of_spend: tuple[Threshold, ...]
    terms: CustomerTerms | None
    lineage: Lineage
    before: "Plan | None" = None
    contracts: frozenset[str] = frozenset()
    own: dict[str, "Plan"] = field(default_factory=dict, repr=False)
    shared: dict[Any, "Plan"] = field(default_factory=dict, repr=False)

    def of(self, customer_id: str) -> "Plan":
        """The plan of a customer: this one, or that of their contract, compiled when it is first asked for."""
        if customer_id not in self.contracts:
            return self
        return self.own.get(customer_id) or self.own.setdefault(
            customer_id, _compiled(self.document, self.calendars, customer_id)
        )

    def in_period(self, calendar: Calendar, number: int, days: int | None = None) -> "Plan":
        """The plan whose terms hold in a period: prices, pools, exploration, rails and what counts as a unit.

        With `days`, in so many of its days, after which another version took effect.
        """
        plan = self
        while plan.before is not None:
            changed = calendar.number(plan.document.since_us or 0)
            if number > changed:
                return plan
            if number == changed and plan.document.terms_start != NEXT_PERIOD:
                return plan._sharing(plan.before, calendar, number, days)
            plan = plan.before
        return plan

    def _sharing(self, earlier: "Plan", calendar: Calendar, number: int, days: int | None) -> "Plan":
        """This plan with the amounts of the period in which it took the place of another."""
        start_us, end_us = calendar.start_us(number), calendar.start_us(number + 1)
        key = start_us, end_us, days
        known = self.shared.get(key)
        if known is not None:
            return known
        share = share_of(start_us, self.document.since_us or 0, end_us)
        if days is not None:
            share = share._replace(period_days=days)
        before = earlier.in_period(calendar, number, share.elapsed_days or None)
        pools = shared_pools(before.document.pools, self.document.pools, share)
        terms = shared_terms(before.terms, self.terms, share)
        document = replace(self.document, pools=pools, since_us=None, before=None)
        return self.shared.setdefault(key, _plan(document, self.calendars, terms, self.lineage))

    def carries(self, value_unit_id: str) -> bool:
        """Whether, by any of the terms, use of a unit in one period changes what later ones have, or cost."""
        unit = self.units.get(value_unit_id)
        earlier = self.before is not None and self.before.carries(value_unit_id)
        return earlier or (unit is not None and (unit.carries or (self._credits_last and not unit.price.is_free)))

    @property
    def _credits_last(self) -> bool:
        """Whether credits can be drawn in a later period than the one they are bought in."""
        return self.terms is not None and self.terms.prepaid is not None and self.terms.prepaid.periods != 0

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
    return _compiled(document, setting.calendars(document.delivery.period_anchor))


def _compiled(document: Document, calendars: Calendars, customer_id: str | None = None) -> Plan:
    """The plan of everybody, or of a customer who has a contract."""
    lineage = Lineage()
    lineage.latest = _version(document, calendars, customer_id, lineage)
    return lineage.latest


def _version(document: Document, calendars: Calendars, customer_id: str | None, lineage: Lineage) -> Plan:
    """One of the versions of a lineage, with those before it."""
    before = None
    if document.before is not None and document.since_us is not None:
        before = _version(document.before, calendars, customer_id, lineage)
    contracts = before.contracts if before is not None else frozenset[str]()
    terms = None
    if document.price_plan is not None:
        contracts |= document.price_plan.overrides.keys()
        terms = document.price_plan.terms_of(customer_id)
        included = terms.included
        if included:
            pools = tuple(pool.giving(included.get(pool.pool_id, pool.included)) for pool in document.pools)
            document = replace(document, pools=pools)
    own = frozenset[str]() if customer_id is not None else contracts
    return _plan(document, calendars, terms, lineage, before, own)


def _plan(
    document: Document,
    calendars: Calendars,
    terms: CustomerTerms | None,
    lineage: Lineage,
    before: Plan | None = None,
    contracts: frozenset[str] = frozenset(),
) -> Plan:
    by_id = {unit.value_unit_id: unit for unit in document.units}
    pooled = dict.fromkeys(pool.value_unit_id for pool in document.pools)
    units = {name: _unit_plan(document, by_id[name], terms) for name in pooled}
    thresholds = document.rails.thresholds
    lineage.sells_credits = lineage.sells_credits or (terms is not None and terms.prepaid is not None)
    return Plan(
        document=document,
        calendars=calendars,
        units=units,
        priced=tuple(unit for unit in units.values() if not unit.price.is_free),
        for_all=tuple(item for item in thresholds if item.scope == CUSTOMER_SCOPE),
        of_spend=tuple(
            item for item in thresholds if item.scope == SPEND_SCOPE and document.rails.spend_cap is not None
        ),
        terms=terms,
        lineage=lineage,
        before=before,
        contracts=contracts,
    )


def _unit_plan(document: Document, unit: Unit, terms: CustomerTerms | None) -> UnitPlan:
    prices = {} if terms is None else terms.unit_prices
    own = [pool for pool in document.pools if pool.value_unit_id == unit.value_unit_id]
    return UnitPlan(
        unit=unit,
        price=prices.get(unit.value_unit_id) or at_one_price(unit.price),
        pools=tuple(sorted(own, key=lambda pool: not pool.is_exploration)),
        absolute_caps=tuple(cap for cap in document.rails.absolute_caps if cap.value_unit_id == unit.value_unit_id),
        carries=any(pool.rollover for pool in own),
        explores=any(pool.is_exploration for pool in own),
    )
