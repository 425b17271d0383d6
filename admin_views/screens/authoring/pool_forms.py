"""The pools of a draft as one form: rows that are added, moved, taken out and brought back before they are saved."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from wtforms import BooleanField, Field, Form, HiddenField, Label
from wtforms.utils import unset_value
from wtforms.validators import Length, NumberRange, Optional, Regexp, StopValidation

from admin_views.forms import (
    MAX_NAME_LENGTH,
    CheckListField,
    ChoiceField,
    ExactField,
    Filters,
    FormData,
    TextField,
    VersionedForm,
    WholeField,
    choices_of,
)
from rules.enums import OverageBehavior
from rules.ids import OWN_ID
from rules.pools import MAX_POOLS
from rules.ranges import MAX_DAYS
from simulation.canonical import Json, JsonObject

KEY = re.compile(OWN_ID)
BLANK_KEY = "__key__"
"""The key of the row that the page's script copies for a new pool."""
BEYOND = {
    OverageBehavior.ALLOW_OVERAGE: "bill each one",
    OverageBehavior.THROTTLE: "throttle",
    OverageBehavior.HARD_STOP: "stop",
}
COPY = " (copy)"


class Given:
    """The validator of a value that must be there; one that cannot be read has its own error already."""

    field_flags: ClassVar[dict[str, bool]] = {"required": True}

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, form: Form, field: Field) -> None:
        if field.data in (None, "") and not field.errors:
            raise StopValidation(self.message)


class PoolForm(Form):
    """One pool as controls. A new pool has no `pool_id` until it is saved; a `removed` one is dropped by the save."""

    pool_id = HiddenField(validators=[Optional(), Regexp(KEY, message="This pool has an id that cannot be.")])
    removed = HiddenField()
    label = TextField("Label", [Given("Name the pool."), Length(max=MAX_NAME_LENGTH)])
    value_unit_id = ChoiceField("Value unit", [Given("Choose the unit that it counts.")], choices=[])
    included_quantity = ExactField("Included", [Given("Say how many are included; 0 is none.")])
    overage_behavior = ChoiceField(
        "Beyond that",
        [Given("Say what happens beyond the allowance.")],
        choices=choices_of(BEYOND, "choose"),
    )
    rollover_enabled = BooleanField("Unused carries over")
    max_rollover_quantity = ExactField("At most")
    rollover_expires_after_days = WholeField(
        "For days", [Optional(), NumberRange(1, MAX_DAYS, "Give 1 to 3650 days, or nothing for no end.")]
    )
    is_exploration_pool = BooleanField("Exploration pool")

    def document(self, pool_id: str) -> JsonObject:
        """The pool in the shape of spec 1; what cannot be read counts as left out."""
        limits = {
            "max_rollover_quantity": self.max_rollover_quantity.data,
            "expires_after_days": self.rollover_expires_after_days.data,
        }
        set_limits = {name: value for name, value in limits.items() if value is not None}
        return {
            "pool_id": pool_id,
            "label": self.label.data,
            "value_unit_id": self.value_unit_id.data,
            "included_quantity": self.included_quantity.data,
            "rollover": {"enabled": self.rollover_enabled.data} | set_limits,
            "overage_behavior": self.overage_behavior.data,
            "is_exploration_pool": self.is_exploration_pool.data,
        }


def controls_of(pool: Mapping[str, Json]) -> JsonObject:
    """The values of a PoolForm's controls for a pool in the shape of spec 1."""
    rollover = pool.get("rollover") or {}
    plain = {name: value for name, value in pool.items() if name != "rollover"}
    return plain | {
        "rollover_enabled": rollover.get("enabled", False),
        "max_rollover_quantity": rollover.get("max_rollover_quantity"),
        "rollover_expires_after_days": rollover.get("expires_after_days"),
    }


@dataclass
class Row:
    """One pool in the table, under a key that is unique in the page; `is_open` shows all of its controls at once."""

    key: str
    form: PoolForm
    is_open: bool = False

    @property
    def is_removed(self) -> bool:
        """Whether the operator has taken the pool out."""
        return bool(self.form.removed.data)

    @property
    def name(self) -> str:
        """The pool as messages name it."""
        return self.form.label.data or "New pool"

    def set_removed(self, removed: bool) -> None:
        self.form.removed.data = "yes" if removed else ""

    def use_plain_ids(self) -> None:
        """Give the controls the ids that a deep link to this row ends with, and show all of them."""
        self.is_open = True
        for field in self.form:
            field.id = field.short_name
            field.label = Label(field.id, field.label.text)


@dataclass(frozen=True)
class RowError:
    """A control with errors as the summary on top of the page links it, its label led by the pool's name."""

    id: str
    name: str
    label: Label
    errors: Sequence[str]
    type: str


class PoolsField(Field):
    """The pools in the order in which they are drawn from. A request has each row's key under this field's name."""

    rows: list[Row]

    def process(self, formdata: FormData | None, data: Json = unset_value, extra_filters: Filters = None) -> None:
        super().process(None, data)
        if formdata is None:
            self.rows = [self.row(pool["pool_id"], None, pool) for pool in self.data or ()]
        else:
            self.rows = [self.row(key, formdata) for key in self._keys(formdata)]

    def _keys(self, formdata: FormData) -> Iterable[str]:
        return [key for key in dict.fromkeys(formdata.getlist(self.name)) if KEY.fullmatch(key)]

    def row(self, key: str, formdata: FormData | None = None, pool: Mapping[str, Json] | None = None) -> Row:
        """A row with what the request typed into it, or with a pool in the shape of spec 1."""
        return Row(key, PoolForm(formdata, prefix=f"{key}.", data=controls_of(pool or {})))

    def validate(self, form: Form, extra_validators: Sequence[object] = ()) -> bool:
        """Check every row that is kept; a removed one may hold anything."""
        self.errors = [f"A config has at most {MAX_POOLS} pools."] if len(self.kept) > MAX_POOLS else []
        unreadable = [row for row in self.kept if not row.form.validate()]
        return not unreadable and not self.errors

    @property
    def kept(self) -> list[Row]:
        """The rows that a save stores."""
        return [row for row in self.rows if not row.is_removed]

    @property
    def blank(self) -> Row:
        """The row that the page's script copies for a new pool."""
        return self.row(BLANK_KEY, None, {"included_quantity": Decimal(0)})

    @property
    def next_key(self) -> str:
        """The key of the next new row."""
        taken = {row.key for row in self.rows}
        return next(key for at in range(1, len(taken) + 2) if (key := f"new_{at}") not in taken)

    def find(self, key: str) -> Row | None:
        """The row with this key, or None."""
        return next((row for row in self.rows if row.key == key), None)

    def add(self, pool: Mapping[str, Json], at: int | None = None) -> Row:
        """Add a row for a pool in the shape of spec 1, at this position or as the last one."""
        row = self.row(self.next_key, None, pool)
        self.rows.insert(len(self.rows) if at is None else at, row)
        return row

    def identified(self) -> Iterator[tuple[str, Row]]:
        """Each kept row with its pool_id; that of a new pool is derived from its label, always in the same way."""
        taken = {row.form.pool_id.data for row in self.kept}
        for at, row in enumerate(self.kept, 1):
            pool_id = row.form.pool_id.data or _free_id(row.form.label.data or str(at), at, taken)
            taken.add(pool_id)
            yield pool_id, row

    def documents(self) -> list[JsonObject]:
        """The kept pools in the shape of spec 1, in order."""
        return [row.form.document(pool_id) for pool_id, row in self.identified()]

    def row_errors(self) -> Iterator[RowError]:
        """The controls of the kept rows that need another value."""
        for row in self.kept:
            for field in row.form:
                if field.errors:
                    label = Label(field.id, f"{row.name}, {field.label.text.lower()}")
                    yield RowError(field.id, field.name, label, field.errors, field.type)


def _free_id(label: str, at: int, taken: set[str]) -> str:
    """`pool_4k_pro` for `4K Pro`, with a number at its end when another pool has that id."""
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:100] or str(at)
    names = (f"pool_{plain}" if count == 1 else f"pool_{plain}_{count}" for count in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


class PoolsForm(VersionedForm):
    """The controls of the pools screen; their ids are the fields that deep links name (`rules.places`).

    `units` are the units that the pickers offer: value_unit_id → the unit in the shape of a snapshot.
    """

    units: Mapping[str, Mapping[str, Json]]
    config_name = TextField(
        "Name",
        [Length(max=MAX_NAME_LENGTH)],
        description="What you call this config in lists and in the decision log. Apps never see it.",
    )
    value_unit_snapshot_version = ChoiceField("Value unit snapshot", choices=[])
    pools = PoolsField("Pools")
    price_book_ref = TextField(
        "Price book",
        [Length(max=MAX_NAME_LENGTH)],
        description="The rate card in your billing system that these prices go to. Production needs one.",
    )
    metric_lenses = CheckListField(
        "Metric lenses", choices=[], description="Metrics to watch beside the primary ones; a simulation reports each."
    )


def act(form: PoolsForm, action: str, suggested: Sequence[Mapping[str, Json]]) -> None:
    """Carry out a button without saving: `add`, `defaults`, `remove:pool_core`, `up:pool_core`…

    An unknown action changes nothing: its button only loads the page again, with all that was typed.
    """
    verb, _, key = action.partition(":")
    if verb == "add":
        form.pools.add({"included_quantity": Decimal(0)})
    elif verb == "defaults":
        for pool in suggested:
            _suggest(form.pools, pool)
    elif (row := form.pools.find(key)) is not None:
        _on_row(form.pools, verb, row)


def _on_row(pools: PoolsField, verb: str, row: Row) -> None:
    match verb:
        case "remove" | "undo":
            row.set_removed(verb == "remove")
        case "up" | "down":
            _move(pools, row, -1 if verb == "up" else 1)
        case "duplicate":
            _duplicate(pools, row)


def _move(pools: PoolsField, row: Row, by: int) -> None:
    """Move a row past the kept row before it (−1) or after it (+1)."""
    kept = pools.kept
    if row not in kept or not 0 <= kept.index(row) + by < len(kept):
        return
    position = pools.rows.index(kept[kept.index(row) + by])
    pools.rows.remove(row)
    pools.rows.insert(position, row)


def _duplicate(pools: PoolsField, row: Row) -> None:
    """Copy a row with all that was typed, readable or not, as a new pool."""
    copied = pools.add({}, pools.rows.index(row) + 1)
    for field in row.form:
        copy = copied.form[field.short_name]
        copy.data, copy.raw_data = field.data, field.raw_data
    copied.form.pool_id.data = ""
    copied.form.label.data = (row.form.label.data or "")[: MAX_NAME_LENGTH - len(COPY)] + COPY


def _suggest(pools: PoolsField, pool: Mapping[str, Json]) -> None:
    """Add a pool of the stage's defaults, or bring its row back."""
    row = next((row for row in pools.rows if row.form.pool_id.data == pool["pool_id"]), None)
    if row is None:
        pools.add(pool)
    else:
        row.set_removed(False)
