"""The fields of the rails that have rows: thresholds by percent, caps by value unit (flow 3D)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from wtforms import Form
from wtforms.utils import unset_value

from admin_views.formatters import decimal_text
from admin_views.forms import ExactField, Filters, FormData
from admin_views.screens.authoring.rows_field import RowsField
from app.services.configs.shapes import UsageThreshold
from rules.delivery import Scope, ThresholdScope
from rules.enums import Action
from rules.lifecycle import THRESHOLD_PERCENTS
from rules.ranges import PERCENT_RANGE, is_threshold_percent
from simulation.canonical import Json, JsonObject

UNIT, QUANTITY = "value_unit_id", "max_quantity"
WITHOUT_FOREIGN = "without_other_caps"
"""The control of a page whose foreign caps were taken out."""
NUMBER = ExactField().bind(Form(), "quantity")
"""A field that is bound to no real form: it reads the numbers in rows as every form reads its numbers."""


SCOPES = {
    Scope.POOL.value: "of a pool",
    Scope.UNIT.value: "of the unit's whole allowance",
    Scope.CUSTOMER.value: "of any unit's, for all of the customer's units",
    Scope.SPEND.value: "of the monthly spend cap",
}
"""What the share of a threshold is of, and for what its action holds then."""


class ThresholdsField(RowsField):
    """percent → action. The percents that production needs always have a row; a row without an action is not stored.

    Beside each row stands its scope, which the delivery policy has: `scopes` by the text of the percent, unless of a
    pool.
    """

    first, second, max_rows = "threshold_percent", "threshold_action", 20
    scopes: dict[str, str]

    def process(self, formdata: FormData | None, data: Json = unset_value, extra_filters: Filters = None) -> None:
        super().process(formdata, data, extra_filters)
        texts = formdata.getlist("threshold_scope") if formdata is not None else []
        self.typed_scopes = {
            percent: scope for (percent, _), scope in zip(self.rows, texts, strict=False) if scope in SCOPES
        }
        self.scopes = dict(self.typed_scopes)

    def take_scopes(self, stored: Sequence[ThresholdScope]) -> None:
        """Take the stored scopes for the rows of which the request says nothing."""
        self.scopes = {decimal_text(Decimal(item["percent"])): item["scope"] for item in stored} | self.typed_scopes

    def scopes_of(self, thresholds: Sequence[UsageThreshold]) -> list[ThresholdScope]:
        """The scopes of these thresholds that are not of a pool, by percent; those of no threshold are dropped."""
        percents = {_key(percent): scope for percent, scope in self.scopes.items()}
        listed: list[ThresholdScope] = [
            {"percent": item["percent"], "scope": percents[Decimal(item["percent"])]}
            for item in thresholds
            if percents.get(Decimal(item["percent"]), Scope.POOL) != Scope.POOL
        ]
        return sorted(listed, key=lambda item: Decimal(item["percent"]))

    def shown(self, data: Json) -> list[tuple[str, str]]:
        stored = {decimal_text(Decimal(item["percent"])): item["action"] for item in data or ()}
        return _sorted(dict.fromkeys(map(str, THRESHOLD_PERCENTS), "") | stored)

    def suggest(self, actions: Mapping[str, str]) -> None:
        """Set the actions of these percents; other rows stay as typed."""
        others = [row for row in self.rows if row[0] not in actions]
        self.take([*actions.items(), *others])

    def read(self, rows: Sequence[tuple[str, str]]) -> list[UsageThreshold]:
        actions: dict[Decimal, str] = {}
        for typed, action in rows:
            if not action and typed in map(str, THRESHOLD_PERCENTS):
                continue
            percent = _percent(typed)
            if action not in list(Action):
                raise ValueError(f"Choose what happens at {typed} %, or remove the row.")
            if percent in actions:
                raise ValueError(f"{typed} % is there twice: keep one row of it.")
            actions[percent] = action
        return [{"percent": _plain(percent), "action": actions[percent]} for percent in sorted(actions)]


class CapsField(RowsField):
    """value unit → the quantity of it that a customer gets at most in 30 days.

    Caps with an action of their own, which the API takes, and those of an older shape are `foreign`: they are shown
    below the rows, and a save keeps them until they are taken out.
    """

    first, second, max_rows = "cap_unit", "cap_quantity", 50
    foreign: list[Json]
    are_dropped: bool

    def process(self, formdata: FormData | None, data: Json = unset_value, extra_filters: Filters = None) -> None:
        stored = data if isinstance(data, list) else []
        self.foreign = [item for item in stored if not _is_cap(item)]
        self.are_dropped = formdata is not None and bool(formdata.get(WITHOUT_FOREIGN))
        if self.are_dropped:
            self.foreign = []
        super().process(formdata, data, extra_filters)

    def drop_foreign(self) -> None:
        """Take the foreign caps out; the page carries that on until it is saved."""
        self.foreign, self.are_dropped = [], True
        self.take(self.rows)

    def shown(self, data: Json) -> list[tuple[str, str]]:
        return [(item[UNIT], decimal_text(Decimal(item[QUANTITY]))) for item in data or () if _is_cap(item)]

    def read(self, rows: Sequence[tuple[str, str]]) -> list[JsonObject]:
        units = [unit for unit, _ in rows]
        for unit, typed in rows:
            if not unit:
                raise ValueError(f"Choose the unit of which {typed} is the most.")
            if not typed:
                raise ValueError(f"Say how much of {unit} is the most, or remove the row.")
            if units.count(unit) > 1:
                raise ValueError(f"{unit} is there twice: keep one row of it.")
        return [{UNIT: unit, QUANTITY: _quantity(typed)} for unit, typed in rows] + self.foreign


def _is_cap(item: Mapping[str, Json]) -> bool:
    quantity = item.get(QUANTITY)
    is_number = isinstance(quantity, int | Decimal) and not isinstance(quantity, bool)
    return item.keys() == {UNIT, QUANTITY} and isinstance(item[UNIT], str) and is_number


def _key(typed: str) -> Decimal | None:
    """The percent that is typed; None where it is none."""
    try:
        return _percent(typed)
    except ValueError:
        return None


def _percent(typed: str) -> Decimal:
    percent = _quantity(typed.removesuffix("%").strip())
    if not is_threshold_percent(percent):
        raise ValueError(f"{typed} is not a percentage {PERCENT_RANGE}.")
    return percent


def _quantity(typed: str) -> Decimal:
    number: Decimal = NUMBER.read(typed)
    return number


def _plain(percent: Decimal) -> int | Decimal:
    return int(percent) if percent == percent.to_integral_value() else percent


def _sorted(actions: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(actions.items(), key=lambda row: Decimal(row[0]))
