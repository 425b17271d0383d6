"""Rows of two controls: what every form with rows shares, and the unit's filters and metrics (flow 2A)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from wtforms import Field
from wtforms.utils import unset_value

from admin_views.forms import MAX_NAME_LENGTH
from admin_views.screens.authoring.filter_text import read_values, write_values
from rules.enums import ExpectedImpact

Json = Any
MAX_FILTERS, MAX_INTENTS = 20, 10


class RowsField(Field):
    """Rows of two controls. Each control is posted once per row under its own name; blank rows say nothing."""

    first: ClassVar[str]
    second: ClassVar[str]
    max_rows: ClassVar[int]
    rows: list[tuple[str, str]]

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        super().process(None, data)
        self.rows = self.shown(self.data)
        if formdata is None:
            return
        columns = (formdata.getlist(self.first), formdata.getlist(self.second))
        self.take([(first.strip(), second.strip()) for first, second in zip(*columns, strict=False)])

    def take(self, rows: list[tuple[str, str]]) -> None:
        """Hold these rows as typed; the data is what they say, unchanged when they cannot be read."""
        self.rows, self.process_errors = rows, []
        try:
            self.data = self.read([row for row in rows if row[0] or self.counts_without_first(row)])
            if len(self.data) > self.max_rows:
                raise ValueError(f"Give at most {self.max_rows}.")
        except ValueError as error:
            self.process_errors.append(str(error))

    def grow(self) -> None:
        """One more row, blank."""
        self.take([*self.rows, ("", "")])

    def drop(self, index: str) -> None:
        """Leave out the row that a button names; what is no number of a row changes nothing."""
        if index.isdecimal():
            self.take([row for at, row in enumerate(self.rows) if at != int(index)])

    def counts_without_first(self, row: tuple[str, str]) -> bool:
        """Whether a row says something although its first control is blank."""
        return bool(row[1])

    def shown(self, data: Json) -> list[tuple[str, str]]:
        raise NotImplementedError

    def read(self, rows: Sequence[tuple[str, str]]) -> Json:
        raise NotImplementedError


class FiltersField(RowsField):
    """dimension → the value, or the values, that it must have."""

    first, second, max_rows = "filter_dimension", "filter_values", MAX_FILTERS

    def shown(self, data: Json) -> list[tuple[str, str]]:
        return [(dimension, write_values(value)) for dimension, value in (data or {}).items()]

    def read(self, rows: Sequence[tuple[str, str]]) -> Json:
        filters: dict[str, Json] = {}
        for dimension, typed in rows:
            values = read_values(typed)
            if not dimension:
                raise ValueError(f"Choose the dimension that has to be {typed}.")
            if dimension in filters:
                raise ValueError(f"{dimension} is there twice: put all its values in one row, with commas between.")
            if len(dimension) > MAX_NAME_LENGTH:
                raise ValueError(f"A dimension has at most {MAX_NAME_LENGTH} characters.")
            if not values:
                raise ValueError(f"Say what {dimension} has to be, or remove the row.")
            filters[dimension] = values if len(values) > 1 else values[0]
        return filters


class IntentsField(RowsField):
    """What the unit is expected to do to each metric."""

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
