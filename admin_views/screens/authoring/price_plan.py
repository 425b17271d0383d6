"""The price plan: what customers pay beside and for what lies beyond the allowance (spec 4.2). One form for all."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask import get_template_attribute
from flask_admin.helpers import get_form_data
from wtforms import Field

from admin_views.forms import at_its_field
from admin_views.screens.authoring.config_draft_screen import ConfigDraftScreen, pools_at, units_at
from admin_views.screens.authoring.keyed_rows import KeyedRow
from admin_views.screens.authoring.price_chart import HEIGHT, WIDTH, steps
from admin_views.screens.authoring.price_plan_actions import act
from admin_views.screens.authoring.price_plan_forms import PricePlanForm, UnitPriceForm, controls_of_plan
from admin_views.screens.authoring.price_plan_places import control_at
from admin_views.screens.draft_screen import Document
from app import clock, extensions
from app.errors import AvsError
from app.identity import acting
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.authoring import config_parts
from app.services.catalogs.kinds import CUSTOMERS
from app.services.catalogs.reading import labels_of
from app.services.simulations.example_bills import example_bills
from app.services.simulations.review_plan import LINES
from app.services.wording.price_plans import Sold, plan_sentences, price_words
from simulation.canonical import JsonObject

MAX_SUGGESTED = 500
"""Customers that the picker of a contract lists; every other one can be typed."""
SIZES = ("Smallest bill", "Median bill", "Largest bill")


class PricePlan(ConfigDraftScreen[PricePlanForm]):
    slug = "price-plan"
    route = "/configs/<config_version_id>/price-plan"
    title = "Price plan"
    operator_decision = "What does each customer pay, beside and for what lies beyond the allowance?"
    needs = "Fees, credits and prices by quantity, because bills, revenue and the spend cap follow from them together."
    template = "price_plan.html"
    part = "price-plan"
    next_part = "exploration"

    def form_of(self, record: ConfigVersion) -> PricePlanForm:
        form = PricePlanForm(get_form_data(), data=controls_of_plan(record.price_plan))
        _offer(form, record)
        return form

    def document(self, record: ConfigVersion) -> Document:
        return record.price_plan

    def typed(self, form: PricePlanForm, record: ConfigVersion) -> Document:
        return form.document()

    def store(self, record: ConfigVersion, document: Document) -> None:
        config_parts.put_price_plan(db.session, record.config_version_id, document, **acting())

    def enforced(self, document: Document) -> JsonObject:
        return {"rating_agility": {} if document is None else {"price_plan": document}}

    def act(self, form: PricePlanForm, action: str, record: ConfigVersion) -> None:
        act(form, action)
        _offer(form, record)

    def fields(self, form: PricePlanForm) -> Iterable[Field]:
        return list(form.controls())

    def place(self, form: PricePlanForm, error: AvsError) -> AvsError:
        """The refusal, with each of its errors at its control: `/unit_prices/0/tiers/1/up_to` is of the second tier."""
        for item in error.errors:
            field = control_at(form, item.pointer)
            if field is not None:
                field.errors = [*field.errors, item.detail]
        return error if any(field.errors for field in form.controls()) else at_its_field(form, error)

    def parts(self, form: PricePlanForm, record: ConfigVersion) -> dict[str, str]:
        sold = _sold(record)
        charts = {f"chart-{row.path}": str(_macro("chart")(_picture(row))) for row in _prices(form)}
        said = {
            "plan-says": _macro("says")(_sentences(form, sold)),
            "bills": _macro("bills")(_bills(form, record, sold)),
        }
        return charts | {name: str(html) for name, html in said.items()}

    def context(self, form: PricePlanForm, record: ConfigVersion) -> dict[str, object]:
        sold = _sold(record)
        return super().context(form, record) | {
            "sentences": _sentences(form, sold),
            "pictures": {row.path: _picture(row) for row in _prices(form)},
            "bills": _bills(form, record, sold) if form.has_plan else {"problem": "", "rows": []},
            "customers": dict(list(sold.customers.items())[:MAX_SUGGESTED]),
            "has_pools": bool(record.pools),
        }


def _offer(form: PricePlanForm, record: ConfigVersion) -> None:
    """Fill the pickers of units with those that the pools count, and give each contract an allowance of every pool."""
    sold_units = units_at(record)
    pooled = dict.fromkeys(pool.value_unit_id for pool in record.pools)
    labels = {unit_id: str(sold_units.get(unit_id, {}).get("name") or unit_id) for unit_id in pooled}
    form.offer(labels, {pool.pool_id: pool.label for pool in record.pools})


def _sold(record: ConfigVersion) -> Sold:
    customers = labels_of(db.session, CUSTOMERS, record.workspace_id).all
    return Sold(units_at(record), tuple(pools_at(record).values()), customers)


def _sentences(form: PricePlanForm, sold: Sold) -> tuple[str, ...]:
    plan = form.document()
    return () if plan is None else plan_sentences(plan, sold)


def _prices(form: PricePlanForm) -> Iterator[KeyedRow[UnitPriceForm]]:
    """The prices of everybody, then those of the contracts."""
    yield from form.unit_prices.rows
    for row in form.overrides.rows:
        yield from row.form.unit_prices.rows


def _picture(row: KeyedRow[UnitPriceForm]) -> Mapping[str, Any]:
    """The step chart of a price as it is typed, and its words; without steps there is nothing to draw."""
    price = row.form.document()
    drawn = steps(price["tiers"]) if price is not None and row.form.is_tiered else ()
    return {
        "id": f"says-{row.path}",
        "steps": drawn,
        "width": WIDTH,
        "height": HEIGHT,
        "words": "" if price is None else price_words(price),
        "is_volume": row.form.model.data == "volume",
    }


def _bills(form: PricePlanForm, record: ConfigVersion, sold: Sold) -> Mapping[str, Any]:
    """The example bills by the plan as it is typed, each with its size, its customer's name and its lines."""
    answer = example_bills(
        db.session, extensions.usage_events(), record.config_version_id, form.document(), clock.now()
    )
    sizes = {1: ("The only bill",), 2: (SIZES[0], SIZES[2])}.get(len(answer.bills), SIZES)
    return {
        "problem": answer.problem,
        "source": answer.source,
        "rows": list(zip(sizes, answer.bills, strict=False)),
        "customers": sold.customers,
        "units": {unit_id: unit["name"] for unit_id, unit in sold.units.items()},
        "lines": LINES,
    }


def _macro(name: str) -> Callable[..., object]:
    """A macro of the screen's own template."""
    macro: Callable[..., object] = get_template_attribute("screens/_price_plan.html", name)
    return macro
