"""List filters: one kind per column type, each a plain input of a GET form, each an indexed comparison."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask_admin.model.filters import BaseFilter

from app.models.base import UtcDateTime

DAY = timedelta(days=1)


class Equals(BaseFilter):
    """Rows whose column is exactly the value; a closed list offers its values."""

    def __init__(self, column: sa.Column[Any], label: str) -> None:
        options = [(value, value) for value in column.type.enums] if isinstance(column.type, sa.Enum) else None
        super().__init__(label, options=options)
        self.column = column
        self.argument = column.name

    def clean(self, value: str) -> Any:
        if "\x00" in value:
            raise ValueError(value)
        if self.options and value not in {option for option, _label in self.options}:
            raise ValueError(value)
        return value

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column == value)

    def operation(self) -> str:
        return "is"


class IsSet(Equals):
    """Rows whose yes-or-no column has the value."""

    def __init__(self, column: sa.Column[Any], label: str) -> None:
        super().__init__(column, label)
        self.options = [("yes", "yes"), ("no", "no")]

    def clean(self, value: str) -> bool:
        return bool(super().clean(value) == "yes")

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column.is_(value))


class From(BaseFilter):
    """Rows at or after midnight, UTC, of the day."""

    data_type = "date"

    def __init__(self, column: sa.Column[Any], label: str) -> None:
        super().__init__(f"{label}, from day", data_type="date")
        self.column = column
        self.argument = f"{column.name}_from"

    def clean(self, value: str) -> datetime:
        return datetime.strptime(value.strip(), "%Y-%m-%d").replace(tzinfo=UTC)

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column >= value)

    def operation(self) -> str:
        return ""


class To(From):
    """Rows before the end, UTC, of the day."""

    def __init__(self, column: sa.Column[Any], label: str) -> None:
        super().__init__(column, label)
        self.name = f"{label}, to day"
        self.argument = f"{column.name}_to"

    def clean(self, value: str) -> datetime:
        try:
            return super().clean(value) + DAY
        except OverflowError as error:
            raise ValueError(value) from error

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column < value)


def filters_for(column: sa.Column[Any], label: str) -> tuple[BaseFilter, ...]:
    if isinstance(column.type, UtcDateTime):
        return From(column, label), To(column, label)
    if isinstance(column.type, sa.Boolean):
        return (IsSet(column, label),)
    return (Equals(column, label),)
