"""The fields of a value unit that have rows: its event filters and the metrics that it should move (flow 2A)."""

from collections.abc import Sequence

from admin_views.screens.authoring.filter_text import read_values, write_values
from admin_views.screens.authoring.rows_field import RowsField
from rules.enums import ExpectedImpact
from rules.ids import GIVEN_ID_RULE, is_given_id
from simulation.canonical import Json, JsonObject

MAX_FILTERS, MAX_INTENTS = 20, 10


class FiltersField(RowsField):
    """dimension → the value, or the values, that it must have."""

    first, second, max_rows = "filter_dimension", "filter_values", MAX_FILTERS

    def shown(self, data: Json) -> list[tuple[str, str]]:
        return [(dimension, write_values(value)) for dimension, value in (data or {}).items()]

    def read(self, rows: Sequence[tuple[str, str]]) -> Json:
        filters: JsonObject = {}
        for dimension, typed in rows:
            values = read_values(typed)
            if not dimension:
                raise ValueError(f"Choose the dimension that has to be {typed}.")
            if dimension in filters:
                raise ValueError(f"{dimension} is there twice: put all its values in one row, with commas between.")
            if not is_given_id(dimension):
                raise ValueError(f"A dimension has {GIVEN_ID_RULE}.")
            if not values:
                raise ValueError(f"Say what {dimension} has to be, or remove the row.")
            filters[dimension] = values if len(values) > 1 else values[0]
        return filters


class IntentsField(RowsField):
    """The metrics that the unit is expected to move, each with the direction."""

    first, second, max_rows = "intent_metric", "intent_impact", MAX_INTENTS

    def counts_without_first(self, row: tuple[str, str]) -> bool:
        return False

    def shown(self, data: Json) -> list[tuple[str, str]]:
        return [(intent.get("metric_id", ""), intent.get("expected_impact", "")) for intent in data or ()]

    def read(self, rows: Sequence[tuple[str, str]]) -> Json:
        metrics = [metric for metric, _ in rows]
        for metric in metrics:
            if metrics.count(metric) > 1:
                raise ValueError(f"{metric} is there twice: keep one row of it.")
        allowed = {impact.value for impact in ExpectedImpact}
        if bad := [impact for _, impact in rows if impact and impact not in allowed]:
            raise ValueError(f"{bad[0]} is not one of: {', '.join(ExpectedImpact)}.")
        return [{"metric_id": metric, "expected_impact": impact or "unknown"} for metric, impact in rows]
