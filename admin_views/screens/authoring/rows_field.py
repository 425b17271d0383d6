"""The base of fields whose rows have two controls each."""

from collections.abc import Sequence
from typing import ClassVar

from wtforms import Field
from wtforms.utils import unset_value

from admin_views.forms import Filters, FormData
from simulation.canonical import Json


class RowsField(Field):
    """A field with rows. Each of their two controls is posted once per row under its own name; blank rows are ignored.

    `rows` are the texts of the controls as they are shown or typed, `data` is what they mean.
    """

    first: ClassVar[str]
    second: ClassVar[str]
    max_rows: ClassVar[int]
    rows: list[tuple[str, str]]

    def process(self, formdata: FormData | None, data: Json = unset_value, extra_filters: Filters = None) -> None:
        super().process(None, data)
        self.rows = self.shown(self.data)
        if formdata is None:
            return
        columns = (formdata.getlist(self.first), formdata.getlist(self.second))
        self.take([(first.strip(), second.strip()) for first, second in zip(*columns, strict=False)])

    def take(self, rows: list[tuple[str, str]]) -> None:
        """Hold these rows as typed, and their meaning as data; data stays as it was when they cannot be read."""
        self.rows, self.process_errors = rows, []
        try:
            self.data = self.read([row for row in rows if row[0] or self.counts_without_first(row)])
            if len(self.data) > self.max_rows:
                raise ValueError(f"Give at most {self.max_rows}.")
        except ValueError as error:
            self.process_errors.append(str(error))

    def grow(self) -> None:
        """Add a blank row."""
        self.take([*self.rows, ("", "")])

    def drop(self, index: str) -> None:
        """Remove the row of this index; anything that is no index of a row changes nothing."""
        if index.isdecimal():
            self.take([row for at, row in enumerate(self.rows) if at != int(index)])

    def counts_without_first(self, row: tuple[str, str]) -> bool:
        """Whether a row is read although its first control is blank."""
        return bool(row[1])

    def shown(self, data: Json) -> list[tuple[str, str]]:
        """The rows of stored data."""
        raise NotImplementedError

    def read(self, rows: Sequence[tuple[str, str]]) -> Json:
        """The data that rows mean; ValueError says what to type instead."""
        raise NotImplementedError
