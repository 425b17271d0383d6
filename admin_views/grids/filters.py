"""The filters of the grids' lists: one class per type of column, each a plain input in a form and a comparison."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, TypedDict, TypeVar

import sqlalchemy as sa
from flask_admin.model.filters import BaseFilter
from sqlalchemy.orm import InstrumentedAttribute

from app.models.base import UtcDateTime, db
from app.models.catalog import CATALOGS
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.workspace import Workspace

DAY = timedelta(days=1)
WORKSPACE, EVERY = "workspace_id", "every"
SHARING = tuple(catalog.__table__ for catalog in CATALOGS)
"""The tables whose rows without a workspace are every workspace's."""
MAX_OFFERED = 200
LEADING: Mapping[str, InstrumentedAttribute[str]] = {
    "cycle_id": Cycle.cycle_id,
    "config_version_id": ConfigVersion.config_version_id,
}
"""A column without a workspace beside it → the key of the table that knows the workspace."""

Value = TypeVar("Value")
Query = TypeVar("Query", bound=sa.Select[tuple[object, ...]])


class ColumnFilter(BaseFilter, Generic[Value]):
    """A comparison of one column with a value; `argument` names it in addresses, `options` are a closed list."""

    def __init__(
        self,
        column: sa.Column[object],
        label: str,
        argument: str,
        options: Sequence[tuple[str, str]] | None = None,
        data_type: str | None = None,
    ) -> None:
        super().__init__(label, options=options, data_type=data_type)
        self.column = column
        self.argument = argument

    def offered(self) -> Sequence[tuple[str, str]] | None:
        """The values to choose from with their texts, None where any may be typed."""
        options: Sequence[tuple[str, str]] | None = self.options
        return options

    def clean(self, value: str) -> Value:
        """The value to compare with; ValueError when a row cannot have it."""
        raise NotImplementedError

    def apply(self, query: Query, value: Value) -> Query:
        """The query, narrowed to the rows that have the value."""
        raise NotImplementedError

    def operation(self) -> str:
        """The words between the label and the value."""
        return ""


class Equals(ColumnFilter[str]):
    """Rows whose column is exactly the value; a closed list offers its values."""

    def __init__(self, column: sa.Column[object], label: str) -> None:
        options = [(value, value) for value in column.type.enums] if isinstance(column.type, sa.Enum) else None
        super().__init__(column, label, column.name, options=options)

    def clean(self, value: str) -> str:
        if "\x00" in value:
            raise ValueError(value)
        return value if self.options is None else _listed(value, self.options)

    def apply(self, query: Query, value: str) -> Query:
        return query.where(self.column == value)

    def operation(self) -> str:
        return "is"


class InWorkspace(ColumnFilter[str]):
    """Rows of one workspace, by its id: the row's own, or its cycle's or its config's; `EVERY` leaves none out.

    `column` is the one that leads to the workspace.
    """

    def __init__(self, column: sa.Column[object]) -> None:
        super().__init__(column, "Workspace", WORKSPACE)

    def offered(self) -> list[tuple[str, str]]:
        """Every workspace by its name, at most `MAX_OFFERED`, and the choice of all of them."""
        rows = sa.select(Workspace.workspace_id, Workspace.workspace_name).order_by(Workspace.workspace_name)
        named = db.session.execute(rows.limit(MAX_OFFERED)).tuples().all()
        return [(EVERY, "every workspace"), *named]

    def clean(self, value: str) -> str:
        if "\x00" in value:
            raise ValueError(value)
        return value

    def apply(self, query: Query, value: str) -> Query:
        if value == EVERY:
            return query
        if self.column.name == WORKSPACE:
            shared = [self.column.is_(None)] if self.column.table in SHARING else []
            return query.where(sa.or_(self.column == value, *shared))
        return query.where(self.column.in_(sa.select(LEADING[self.column.name]).filter_by(workspace_id=value)))

    def operation(self) -> str:
        return "is"


class IsSet(ColumnFilter[bool]):
    """Rows whose yes-or-no column has the value."""

    def __init__(self, column: sa.Column[object], label: str) -> None:
        super().__init__(column, label, column.name, options=[("yes", "yes"), ("no", "no")])

    def clean(self, value: str) -> bool:
        return _listed(value, self.options) == "yes"

    def apply(self, query: Query, value: bool) -> Query:
        return query.where(self.column.is_(value))

    def operation(self) -> str:
        return "is"


class From(ColumnFilter[datetime]):
    """Rows at or after midnight, UTC, of the day."""

    def __init__(self, column: sa.Column[object], label: str) -> None:
        super().__init__(column, f"{label}, from day", f"{column.name}_from", data_type="date")

    def clean(self, value: str) -> datetime:
        return _midnight(value)

    def apply(self, query: Query, value: datetime) -> Query:
        return query.where(self.column >= value)


class To(ColumnFilter[datetime]):
    """Rows before the end, UTC, of the day."""

    def __init__(self, column: sa.Column[object], label: str) -> None:
        super().__init__(column, f"{label}, to day", f"{column.name}_to", data_type="date")

    def clean(self, value: str) -> datetime:
        try:
            return _midnight(value) + DAY
        except OverflowError as error:
            raise ValueError(value) from error

    def apply(self, query: Query, value: datetime) -> Query:
        return query.where(self.column < value)


def workspace_column(table: sa.Table) -> sa.Column[object] | None:
    """The column of a table that leads to a workspace; None where its rows belong to none, or are workspaces."""
    if table is Workspace.__table__:
        return None
    return next((table.c[name] for name in (WORKSPACE, *LEADING) if name in table.c), None)


def filters_for(column: sa.Column[object], label: str) -> tuple[BaseFilter, ...]:
    """The filters of a column: two for a moment, one for any other type."""
    if column.name == WORKSPACE:
        return (InWorkspace(column),)
    if isinstance(column.type, UtcDateTime):
        return From(column, label), To(column, label)
    if isinstance(column.type, sa.Boolean):
        return (IsSet(column, label),)
    return (Equals(column, label),)


def _listed(value: str, options: Sequence[tuple[str, str]]) -> str:
    if value not in {option for option, _label in options}:
        raise ValueError(value)
    return value


def _midnight(day: str) -> datetime:
    return datetime.strptime(day.strip(), "%Y-%m-%d").replace(tzinfo=UTC)


class FilterInput(TypedDict):
    """An input of the filter form: `type` of a plain one, or `options` to choose from, and the value it has now.

    `text` is that value as its chip shows it, empty where the filter leaves nothing out.
    """

    name: str
    label: str
    options: Sequence[tuple[str, str]] | None
    type: str
    value: str
    text: str


def filter_input(
    index: int, column_filter: ColumnFilter[object], options: Sequence[tuple[str, str]] | None, value: str
) -> FilterInput:
    """The input of a column's filter, with the value that the list is narrowed to."""
    return {
        "name": f"flt{index}_{column_filter.argument}",
        "label": column_filter.name,
        "options": options,
        "type": column_filter.data_type or "text",
        "value": value,
        "text": _option_text(options, value),
    }


def _option_text(options: Sequence[tuple[str, str]] | None, value: str) -> str:
    """A filter's value in words: the text of its option, else the value itself."""
    if value == EVERY:
        return ""
    return next((text.replace("_", " ") for option, text in options or () if option == value), value)
