"""What the buttons of the price plan screen do to a form without saving it: rows are added, taken out, brought back."""

from collections.abc import Iterator

from wtforms import Form

from admin_views.screens.authoring.keyed_rows import AnyRows, KeyedRowsField
from admin_views.screens.authoring.price_plan_forms import PricePlanForm, TiersField, UnitPricesField
from rules.enums import PriceModel


def act(form: PricePlanForm, action: str) -> None:
    """Carry out a button without saving: `plan:there`, `add:unit_prices`, `remove:unit_prices.vu_a`, `undo:…`.

    A row is named by its path in the page. An unknown action changes nothing.
    """
    verb, _, path = action.partition(":")
    if verb == "plan" and path in (form.THERE, form.GONE):
        form.plan.data = path
    for field in _rows_fields(form):
        if verb == "add" and path == field.name:
            _add(field)
        for row in field.rows:
            if verb in ("remove", "undo") and path == row.path:
                row.set_removed(verb == "remove")
            if verb == "drop" and path == row.path:
                field.rows.remove(row)
                return


def _rows_fields(form: Form) -> Iterator[AnyRows]:
    """Every field with rows, those within rows too."""
    for field in form:
        if isinstance(field, KeyedRowsField):
            yield field
            for row in list(field.rows):
                yield from _rows_fields(row.form)


def _add(field: AnyRows) -> None:
    """Add a row: a price begins with one open tier, a tier before the last one keeps that open."""
    if isinstance(field, UnitPricesField):
        field.add({"model": PriceModel.GRADUATED.value, "tiers": [{"up_to": None}]})
    elif isinstance(field, TiersField) and field.rows and field.rows[-1].form.up_to.data is None:
        added = field.add()
        field.rows.insert(len(field.rows) - 2, field.rows.pop(field.rows.index(added)))
    else:
        field.add()
