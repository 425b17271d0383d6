"""The plan of a file: which column or path is which field of an event (`avs usage import --map … --set …`)."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.formats import Malformed, Rows, from_cloud_event, is_cloud_event
from app.services.usage.names import field_names
from app.services.usage.nested import at, is_nested, paths, roots
from app.services.usage.notation import DecimalSign, read_value
from app.services.usage.written_times import UTC_TIMES, TimeReading, zone
from simulation.canonical import Json, JsonObject
from simulation.events import BASE_FIELDS


@dataclass(frozen=True)
class Where:
    """The rows that are events: those whose value at the path is one of `values`, or any value at all if none is."""

    path: str
    values: Collection[str] = ()

    def holds(self, record: Json) -> bool:
        """Whether the row is an event."""
        value = at(record, self.path)
        return value in self.values if self.values else value not in (None, "")

    def __str__(self) -> str:
        if self.values:
            return f"rows whose {self.path} is not {' or '.join(self.values)}"
        return f"rows without {self.path}"


@dataclass(frozen=True)
class ColumnPlan:
    """`mapping`: target field → source column or path. `constants`: field → value for every row.

    `ignore`: columns left out. Other columns keep their own names, unless `keeps_rest` is false: then they are left
    out too. The plan wins over a column that happens to have a target's name. `spread`: paths of objects whose members
    become dimensions. `where`: which rows are events. `identity`: paths whose values together are the event's id.
    `times`: how times are written. `preset`: the name of the known format that the plan was made for. `file_format`
    and `encoding`: what the file is, where its bytes should not decide. `decimal`: the sign that
    numbers written as texts have, None where nobody said.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Json] = field(default_factory=dict)
    ignore: Collection[str] = ()
    times: TimeReading = UTC_TIMES
    keeps_rest: bool = True
    spread: Sequence[str] = ()
    where: Where | None = None
    identity: Sequence[str] = ()
    preset: str | None = None
    file_format: str | None = None
    encoding: str | None = None
    decimal: DecimalSign | None = None

    def require_consistent(self) -> None:
        """Raise UnreadableInput when the plan contradicts itself."""
        columns = list(self.mapping.values())
        for name in self.mapping:
            if name in self.constants:
                raise UnreadableInput(f"{name} is both mapped to a column and set to a constant: choose one")
        for column in columns:
            if columns.count(column) > 1 or column in self.ignore:
                raise UnreadableInput(f"column {column!r} is used twice: map it once, and do not ignore it")
        if self.times.timezone is not None and zone(self.times.timezone) is None:
            raise UnreadableInput(f"{self.times.timezone!r} is no time zone: name one such as Europe/Berlin")
        if "event_id" in self.constants:
            raise UnreadableInput("event_id cannot be a constant: all events but one would be duplicates")

    def needs_records(self, columns: Collection[str]) -> bool:
        """Whether rows of these columns have to be read one by one, because something of the plan lies within them."""
        within = any(column not in columns and _root(column, columns) for column in self.mapping.values())
        return within or bool(self.spread or self.where or self.identity)

    def containers(self, columns: Collection[str]) -> list[str]:
        """The columns that hold JSON of which the plan takes parts."""
        named = [*self.mapping.values(), *self.identity, *([self.where.path] if self.where else [])]
        inner = [root for path in named if path not in columns and (root := _root(path, columns))]
        return list(dict.fromkeys([*inner, *(path for path in self.spread if path in columns)]))

    def for_columns(self, columns: Collection[str], file: str, policy: Policy) -> "ColumnPlan":
        """The plan for a file that has these columns: without those that its preset knows and the file lacks.

        Raises UnreadableInput, naming the file, when it lacks a column that the plan names or a field that is required.
        """
        plan = self
        if self.preset:
            present = {target: path for target, path in self.mapping.items() if _root(path, columns) is not None}
            plan = replace(self, mapping=present)
        for target, column in [*plan.mapping.items(), *(("ignore", column) for column in self.ignore)]:
            if _root(column, columns) is None:
                raise UnreadableInput(
                    f"{file} has no column {column!r}, wanted by {target}: it has {', '.join(columns)}"
                )
        plan.require_fields(set(plan.targets(columns, policy)), file, policy)
        return plan

    def require_fields(self, targets: Collection[str], file: str, policy: Policy) -> None:
        """Raise UnreadableInput when a required field is neither among the targets nor constant."""
        required = ["ts", "event_type", "customer_id", *([] if policy.segments is not None else ["segment"])]
        for name in required:
            if name not in targets and name not in self.constants:
                way = f"give it with --set {name}=…" if self.preset else "map a column to it or set a constant"
                raise UnreadableInput(f"{file} has no column {name!r}: {way}")

    def targets(self, columns: Collection[str], policy: Policy) -> dict[str, str]:
        """Target field → source column or path. Raises UnreadableInput when two columns would be one field."""
        roots_taken = {_root(path, columns) for path in (*self.mapping.values(), *self.ignore)}
        taken = {*roots_taken, *self.mapping, *self.constants}
        rest = [column for column in columns if column not in taken] if self.keeps_rest else []
        targets = dict(self.mapping)
        for column, name in field_names(rest, policy.known_dimensions).items():
            if name in self.mapping or name in self.constants:
                continue
            if name in targets:
                raise UnreadableInput(f"columns {targets[name]!r} and {column!r} are both {name}: map or ignore one")
            targets[name] = column
        return targets

    def left_out(self, columns: Collection[str]) -> list[str]:
        """The columns that nothing names and that the plan therefore leaves out."""
        if self.keeps_rest:
            return []
        named = (*self.mapping.values(), *self.spread, *self.identity)
        used = {_root(path, columns) for path in named}
        return [column for column in columns if column not in used and column not in self.ignore]

    def apply(self, record: Json, left_out: Counter[str]) -> Json | Malformed:
        """The flat event of one record; NO_EVENT for a record that is none, which `left_out` counts.

        What is no object is returned as it is, to be rejected later.
        """
        if not isinstance(record, dict):
            return record
        if self.where and not self.where.holds(record):
            left_out[str(self.where)] += 1
            return NO_EVENT
        event = from_cloud_event(record) if is_cloud_event(record) else record
        if isinstance(event, Malformed):
            return event
        mapped: JsonObject = {}
        for target, path in self.mapping.items():
            value = at(record, path)
            value = at(event, path) if value is None and event is not record else value
            if event is not record and (target, path) == ("event_id", "id"):
                value = event.get("event_id")  # with the source of the CloudEvent
            if value is not None:
                mapped[target] = _as_field(target, value)
        if self.identity and "event_id" not in mapped:
            parts = [_id_text(at(record, path)) for path in self.identity]
            mapped |= {"event_id": "-".join(parts)} if all(parts) else {}
        read = self._rest(record, event, left_out) | mapped
        if self.decimal is not None:
            read = {n: value if n in BASE_FIELDS else read_value(value, self.decimal) for n, value in read.items()}
        return read | dict(self.constants)

    def _rest(self, record: JsonObject, event: JsonObject, left_out: Counter[str]) -> JsonObject:
        """What no mapping names: of the event's own members, and of the objects that are spread."""
        named = {*self.mapping.values(), *self.ignore, *self.identity}
        taken = {*named, *self.mapping}
        if event is not record:  # a CloudEvent: its attributes are used, its data are its own members
            return {name: value for name, value in event.items() if f"data.{name}" not in named and name not in taken}
        rest: JsonObject = {}
        for name, value in record.items():
            if name in taken:
                continue
            if is_nested(value):
                self._count_nested(name, value, named, left_out)
            elif self.keeps_rest:
                rest[name] = value
            elif value not in (None, ""):
                left_out[name] += 1
        for path in self.spread:
            inner = at(record, path)
            members = inner if isinstance(inner, dict) else {}
            rest |= {name: value for name, value in members.items() if f"{path}.{name}" not in named}
        return rest

    def _count_nested(self, name: str, value: Json, named: Collection[str], left_out: Counter[str]) -> None:
        for path, inner in paths({name: value}):
            if path not in named and inner not in (None, "", {}, []) and not path.startswith(self._spread_starts):
                left_out[path] += 1

    @property
    def _spread_starts(self) -> tuple[str, ...]:
        return tuple(f"{path}." for path in self.spread)

    @property
    def is_empty(self) -> bool:
        """Whether events pass unchanged."""
        named = self.mapping or self.constants or self.ignore or self.spread or self.where or self.identity
        return not named and self.keeps_rest and self.decimal is None


NO_EVENT = Malformed("", "no event")
"""Takes the place of a record that the plan says is none."""
OWN_NAMES = ColumnPlan()
"""The plan of a file whose columns have the names of the fields."""


def planned(rows: Rows, plan: ColumnPlan, left_out: Counter[str]) -> Rows:
    """The plan carried out on every record, without those that are no events."""
    if plan.is_empty:
        if not any(map(is_cloud_event, rows.values)):
            return rows
        values = [from_cloud_event(value) if is_cloud_event(value) else value for value in rows.values]
        return Rows(values, rows.numbers)
    applied = [(plan.apply(value, left_out), number) for value, number in zip(rows.values, rows.numbers, strict=True)]
    kept = [(value, number) for value, number in applied if value is not NO_EVENT]
    return Rows([value for value, _ in kept], [number for _, number in kept])


def _root(path: str, columns: Collection[str]) -> str | None:
    """The column that a path begins in; None when there is none."""
    return next((name for name in roots(path) if name in columns), None)


def _as_field(target: str, value: Json) -> Json:
    """The value for a field: whole numbers that name something are texts."""
    is_name = target in BASE_FIELDS and target != "ts"
    return str(value) if is_name and isinstance(value, int) and not isinstance(value, bool) else value


def _id_text(value: Json) -> str:
    return value if isinstance(value, str) else "" if value is None or is_nested(value) else str(value)


def column_name(target: str) -> str:
    """The column of a text batch that holds a field."""
    return target if target in BASE_FIELDS else f"d_{target}"
