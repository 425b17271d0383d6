"""The mapping of an uploaded file's columns to fields: guessed from names and values, for the operator to change."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from app.services.catalogs import kinds
from app.services.catalogs.kinds import Kind
from app.services.usage.heads import Head
from app.services.usage.names import is_legal, plain_name
from app.services.usage.presets import Preset

LEFT_OUT = ""
USAGE, CATALOG, COSTS = "usage", "catalog", "costs"
METRICS, QUALITY_SIGNALS, SEGMENTS, CUSTOMERS = "metrics", "quality_signals", "segments", "customers"
CATALOG_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        CATALOG: kinds.EVENTS,
        METRICS: kinds.METRICS,
        QUALITY_SIGNALS: kinds.QUALITY_SIGNALS,
        SEGMENTS: kinds.SEGMENTS,
        CUSTOMERS: kinds.CUSTOMERS,
    }
)
"""Kind of file → the catalog whose entries it holds; `catalog` alone is that of events."""

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        USAGE: ("event_id", "ts", "event_type", "customer_id", "segment", "workspace_id"),
        COSTS: ("name", "cost_per_unit_usd"),
    }
    | {kind: catalog.fields for kind, catalog in CATALOG_KINDS.items()}
)
"""The fields of each kind of file; of usage events any other column is a dimension."""

NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {USAGE: ("ts", "event_type", "customer_id"), COSTS: ("name", "cost_per_unit_usd")}
    | {kind: catalog.needed for kind, catalog in CATALOG_KINDS.items()}
)
_NAMES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "event_id": frozenset({"id", "uuid", "message_id", "transaction_id", "idempotency_key", "event_uuid"}),
        "ts": frozenset(
            {
                "timestamp",
                "time",
                "datetime",
                "date",
                "event_time",
                "event_timestamp",
                "occurred_at",
                "created_at",
                "at",
            }
        ),
        "event_type": frozenset({"event", "type", "event_name", "name", "action", "meter", "metric"}),
        "customer_id": frozenset(
            {"customer", "account", "account_id", "user_id", "org_id", "tenant", "tenant_id", "client_id", "subject"}
        ),
        "segment": frozenset({"customer_segment", "plan", "tier", "cohort"}),
        "workspace_id": frozenset({"workspace"}),
        "description": frozenset({"desc", "meaning", "what", "notes", "comment"}),
        "dimensions": frozenset({"dims", "properties", "fields", "attributes", "columns"}),
        "name": frozenset(
            {"event_type", "event", "type", "unit", "value_unit", "value_unit_id", "item", "product", "meter"}
        ),
        "metric_id": frozenset({"id", "metric", "key", "code", "name"}),
        "signal_id": frozenset({"id", "signal", "quality_signal", "quality_signal_id", "key", "code", "name"}),
        "segment_id": frozenset({"id", "segment", "plan", "tier", "cohort", "key", "code", "name"}),
        "label": frozenset({"title", "display_name", "name", "text"}),
        "type": frozenset({"kind", "metric_type", "role"}),
        "source": frozenset({"where", "origin", "comes_from", "system"}),
        "cost_per_unit_usd": frozenset(
            {"cost", "cost_usd", "usd", "unit_cost", "avg_cost_per_unit_usd", "cost_per_unit", "price", "amount"}
        ),
    }
)
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_AMOUNT = re.compile(r"\$?\s?[\d.,]*\d(e[+-]?\d{1,3})?(\s?USD)?", re.IGNORECASE)


@dataclass(frozen=True)
class KnownNames:
    """The names in the catalogs, by which values are recognised."""

    event_types: Collection[str] = ()
    dimensions: Collection[str] = ()
    customers: Collection[str] = ()
    segments: Collection[str] = ()


@dataclass(frozen=True)
class Column:
    """One column of a file: its name, and its values in the first rows."""

    name: str
    values: Sequence[str] = field(default=())

    @property
    def plain_name(self) -> str:
        """The name in snake case: `output_minutes` for `Output Minutes` and `outputMinutes`."""
        return plain_name(self.name)


def guess(kind: str, head: Head, catalogs: KnownNames) -> dict[str, str]:
    """Column → field, dimension, or LEFT_OUT; each field at most once, the likeliest column first."""
    columns = [Column(name, head.values(position)) for position, name in enumerate(head.columns)]
    fields = _fields(kind, columns, catalogs)
    if kind != USAGE:
        return {column.name: fields.get(column.name, LEFT_OUT) for column in columns}
    used = set(fields.values())
    targets: dict[str, str] = {}
    for column in columns:
        target = fields.get(column.name) or _dimension(column, catalogs)
        is_free = column.name in fields or target not in used
        targets[column.name] = target if is_free else LEFT_OUT
        used.add(target)
    return targets


def guess_by(preset: Preset, head: Head) -> dict[str, str]:
    """Column or path → what the known format says it is; LEFT_OUT for what it leaves out."""
    plan = preset.plan(head.columns)
    targets = {path: target for target, path in plan.mapping.items()}
    used = set(targets.values())
    for column in head.columns:
        inner = next((column[len(path) + 1 :] for path in plan.spread if column.startswith(f"{path}.")), None)
        if column not in targets and inner and is_legal(inner) and inner not in used:
            targets[column] = inner
            used.add(inner)
    return {column: targets.get(column, LEFT_OUT) for column in head.columns}


def _fields(kind: str, columns: Sequence[Column], catalogs: KnownNames) -> dict[str, str]:
    """Column → field, best matches first; of equal ones the first field wins, then the first column."""
    fields = FIELDS[kind]
    ranked = sorted(
        (-score, fields.index(target), place, target, column.name)
        for place, column in enumerate(columns)
        for target in fields
        if (score := _score(target, column, catalogs)) > 0
    )
    matches: dict[str, str] = {}
    for _, _, _, target, name in ranked:
        if name not in matches and target not in matches.values():
            matches[name] = target
    return matches


def _score(target: str, column: Column, catalogs: KnownNames) -> int:
    """How well a column fits a field: 4 for an equal name, 2 for a usual one, 3 for values; 0 if these contradict."""
    own = column.plain_name == target
    by_name = 4 if own else 2 if column.plain_name in _NAMES[target] else 0
    if not column.values:
        return by_name
    fits = target in _FITTING and _FITTING[target](column.values, catalogs)
    if not own and not fits and target in _CONTRADICTED and _CONTRADICTED[target](column.values, catalogs):
        return 0
    return by_name + 3 * fits


def _are_times(values: Sequence[str], _catalogs: KnownNames) -> bool:
    from app.services.usage.times import count_times  # late: Arrow comes with the first file

    return count_times(values) * 2 > len(values)


def _are_ids(values: Sequence[str], _catalogs: KnownNames) -> bool:
    return not _repeat(values, _catalogs) and all(map(_UUID.fullmatch, values))


def _repeat(values: Sequence[str], _catalogs: KnownNames) -> bool:
    """Whether a value repeats: as ids, all but one of its events would be duplicates."""
    return len(set(values)) < len(values)


def _are_amounts(values: Sequence[str], _catalogs: KnownNames) -> bool:
    return sum(bool(_AMOUNT.fullmatch(value.strip())) for value in values) * 2 > len(values)


def _mostly_in(kind: str) -> Callable[[Sequence[str], KnownNames], bool]:
    return lambda values, catalogs: sum(value in getattr(catalogs, kind) for value in values) * 2 > len(values)


_FITTING: Mapping[str, Callable[[Sequence[str], KnownNames], bool]] = MappingProxyType(
    {
        "ts": _are_times,
        "event_id": _are_ids,
        "cost_per_unit_usd": _are_amounts,
        "event_type": _mostly_in("event_types"),
        "customer_id": _mostly_in("customers"),
        "segment": _mostly_in("segments"),
    }
)
_CONTRADICTED: Mapping[str, Callable[[Sequence[str], KnownNames], bool]] = MappingProxyType(
    {
        "ts": lambda values, catalogs: not _are_times(values, catalogs),
        "event_id": _repeat,
        "cost_per_unit_usd": lambda values, catalogs: not _are_amounts(values, catalogs),
    }
)


def _dimension(column: Column, catalogs: KnownNames) -> str:
    """The catalog's dimension of that name, in whatever spelling; else a valid name for a new one."""
    if column.name in catalogs.dimensions or not column.values:
        return column.name if column.values else LEFT_OUT
    plain = column.plain_name
    spellings = [name for name in sorted(catalogs.dimensions) if Column(name).plain_name == plain]
    if spellings:
        return spellings[0]
    if is_legal(column.name):
        return column.name
    return plain if is_legal(plain) else LEFT_OUT
