"""Where a problem of a price plan stands on the screen: the control that a pointer names."""

from collections.abc import Mapping

from wtforms import Field, Form

from admin_views.screens.authoring.keyed_rows import AnyRows, KeyedRowsField
from admin_views.screens.authoring.price_plan_forms import PricePlanForm, QuantitiesField, TiersField
from simulation.canonical import Json

IDS = {"unit_prices": "value_unit_id", "overrides": "customer_id"}
"""List of a plan → the member by which its items are told apart."""


def control_at(form: PricePlanForm, pointer: str) -> Field | None:
    """The control that `/unit_prices/0/tiers/1/up_to` names in the plan as it is sent; None where it names none."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.strip("/").split("/")]
    if tokens[:1] == ["price_plan"]:
        tokens = tokens[1:]
    return _control(form, form.document() or {}, tokens)


def _control(form: Form, document: Json, tokens: list[str]) -> Field | None:
    if not tokens or not tokens[0]:
        return None
    name, rest = tokens[0], tokens[1:]
    if name == "prepaid":
        return form[f"prepaid_{rest[0] if rest and f'prepaid_{rest[0]}' in form else 'amount_usd'}"]
    if name not in form:
        return None
    field: Field = form[name]
    if not isinstance(field, KeyedRowsField) or not rest:
        return field
    return _in_rows(field, document.get(name) if isinstance(document, Mapping) else None, rest) or field


def _in_rows(field: AnyRows, items: Json, tokens: list[str]) -> Field | None:
    """The control in the row that the first token names, by its place in the plan or by its id."""
    token, rest = tokens[0], tokens[1:]
    if isinstance(field, QuantitiesField):
        row = field.find(token)
        return None if row is None else row.form.quantity
    if isinstance(field, TiersField):
        rows = field.kept
        row = rows[int(token)] if token.isdecimal() and int(token) < len(rows) else None
        return None if row is None else _control(row.form, {}, rest) or row.form.unit_price_usd
    member = IDS[field.short_name]
    item = items[int(token)] if items and token.isdecimal() and int(token) < len(items) else {member: token}
    named = (row for row in field.kept if row.form[member].data == item[member])
    row = next(named, None)
    return None if row is None else _control(row.form, item, rest) or row.form[member]
