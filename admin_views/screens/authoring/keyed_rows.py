"""The base of fields whose rows are whole forms: each under a key that is unique in the page, added and taken out.

A request has each row's key under the field's own name, and the controls of a row under `<field>.<key>.<control>`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from wtforms import Field, Form, HiddenField, Label
from wtforms.utils import unset_value

from admin_views.forms import Filters, FormData
from rules.texts import problem_of
from simulation.canonical import Json, JsonObject

MAX_KEY_LENGTH = 200


class RowForm(Form):
    """A row as controls; a `removed` one stays in the page until the save, so that it can be brought back."""

    removed = HiddenField()

    def document(self) -> JsonObject | None:
        """The row's item as it is stored; None while what it cannot do without is missing or cannot be read."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The row as messages name it."""
        raise NotImplementedError

    def controls(self) -> Iterator[Field]:
        """Every control that may have errors, those of the rows within this one too."""
        return controls_of_form(self)


def controls_of_form(form: Form) -> Iterator[Field]:
    """Every control of a form that may have errors, those of the rows within it too."""
    for field in form:
        yield from field.controls() if isinstance(field, KeyedRowsField) else (field,)


RowFormT = TypeVar("RowFormT", bound=RowForm)


@dataclass
class KeyedRow(Generic[RowFormT]):
    """One row of the page: its key, its form, the name of its list, and its own path, `<list>.<key>`."""

    key: str
    form: RowFormT
    list: str

    @property
    def path(self) -> str:
        return f"{self.list}.{self.key}"

    @property
    def is_removed(self) -> bool:
        """Whether the operator has taken the row out."""
        return bool(self.form.removed.data)

    def set_removed(self, removed: bool) -> None:
        self.form.removed.data = "yes" if removed else ""


@dataclass(frozen=True)
class ControlError:
    """A control of a row with errors as the summary on top of the page links it, led by the name of its row."""

    id: str
    name: str
    label: Label
    errors: Sequence[str]
    type: str


class KeyedRowsField(Field, Generic[RowFormT]):
    """Rows in the order of the page; `max_rows` are kept at most, each a `noun`."""

    row_class: type[RowFormT]
    max_rows: ClassVar[int]
    noun: ClassVar[str]
    rows: list[KeyedRow[RowFormT]]

    def process(self, formdata: FormData | None, data: Json = unset_value, extra_filters: Filters = None) -> None:
        super().process(None, data)
        if formdata is None:
            items = enumerate(self.data or (), 1)
            self.rows = [self.row(self.key_of(item, at), None, item) for at, item in items]
        else:
            self.rows = [self.row(key, formdata) for key in self._keys(formdata)]

    def _keys(self, formdata: FormData) -> Iterable[str]:
        keys = dict.fromkeys(formdata.getlist(self.name))
        return [key for key in keys if key and len(key) <= MAX_KEY_LENGTH and not problem_of(key)]

    def key_of(self, item: Mapping[str, Json], at: int) -> str:
        """The key of a stored item, which stands at this place, counted from 1."""
        return str(at)

    def row(
        self, key: str, formdata: FormData | None = None, item: Mapping[str, Json] | None = None
    ) -> KeyedRow[RowFormT]:
        """A row with what the request typed into it, or with a stored item."""
        controls = self.row_class(formdata, prefix=f"{self.name}.{key}.", data=self.controls_of(item or {}))
        return KeyedRow(key, controls, self.name)

    def controls_of(self, item: Mapping[str, Json]) -> JsonObject:
        """The values of a row's controls for a stored item."""
        return dict(item)

    @property
    def kept(self) -> list[KeyedRow[RowFormT]]:
        """The rows that a save stores."""
        return [row for row in self.rows if not row.is_removed]

    @property
    def next_key(self) -> str:
        """The key of the next new row."""
        taken = {row.key for row in self.rows}
        return next(key for at in range(1, len(taken) + 2) if (key := f"new_{at}") not in taken)

    def add(self, item: Mapping[str, Json] | None = None) -> KeyedRow[RowFormT]:
        """Add a row, blank or with an item, as the last one."""
        row = self.row(self.next_key, None, item)
        self.rows.append(row)
        return row

    def find(self, key: str) -> KeyedRow[RowFormT] | None:
        """The row with this key, or None."""
        return next((row for row in self.rows if row.key == key), None)

    def validate(self, form: Form, extra_validators: Sequence[object] = ()) -> bool:
        """Check every row that is kept; a removed one may hold anything."""
        too_many = len(self.kept) > self.max_rows
        self.errors = [f"Give at most {self.max_rows} {self.noun}s."] if too_many else []
        refused = [row for row in self.kept if not row.form.validate()]
        return not refused and not self.errors

    def refuse_repeated(self, control: str, message: str) -> bool:
        """Say it at the control of every kept row that repeats what an earlier one has; whether none does."""
        taken: set[str] = set()
        repeated = []
        for row in self.kept:
            field = row.form[control]
            if field.data and field.data in taken:
                field.errors = [message]
                repeated.append(row)
            taken.add(field.data or "")
        return not repeated

    def documents(self) -> list[JsonObject]:
        """The items of the kept rows that can be read, in order."""
        return [item for row in self.kept if (item := row.form.document()) is not None]

    def controls(self) -> Iterator[Field | ControlError]:
        """The controls of the kept rows, those of rows within them too, led by the names of their rows."""
        yield self
        for row in self.kept:
            for field in row.form.controls():
                label = Label(field.id, f"{row.form.name}, {field.label.text.lower()}")
                yield ControlError(field.id, field.name, label, field.errors, field.type)


AnyRows = KeyedRowsField[Any]
"""A field with rows of whatever kind: what a form holds is only known as a field."""
