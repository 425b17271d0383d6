"""Validation by column: from a batch of texts the events to store, and a reject for each other row (spec 4.1).

HTTP batches and imported files pass the same checks. A row that fails several is reported with the first.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from app.services.catalogs.entries import unknown_segment
from app.services.usage.columns import Problems, text_batch, unknown_dimension
from app.services.usage.fields import (
    MAX_TEXT_LENGTH,
    SOURCE_SEPARATOR,
    Policy,
    Reject,
    by_folded_name,
    missing,
)
from app.services.usage.formats import Rows
from app.services.usage.times import TIME, first_problem, parse_times
from app.services.usage.written_times import NO_TIME, TimeReading
from rules.ids import MAX_ID_LENGTH
from rules.texts import UNFIT
from simulation.events import BASE_FIELDS

MAX_AHEAD = timedelta(minutes=5)
"""How far the clock of a sender may be ahead of this one."""
IN_THE_FUTURE = "ts lies in the future: set the sender's clock, or look whether milliseconds were read as seconds"
_CONTROL = f"[{UNFIT}]"
_SOURCED = f"^[^{SOURCE_SEPARATOR}]{{1,{MAX_ID_LENGTH}}}{SOURCE_SEPARATOR}.{{1,{MAX_ID_LENGTH}}}$"
_CONTROL_BYTES = bytes([*range(32), 127, 0xC2, 0xD8, 0xE2])
"""The bytes that UTF-8 writes control and direction characters with, or begins them with."""
_new_name = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Batch:
    """Validated events by workspace, the rejects in row order, new event types with their dimensions, new segments.

    `left_out` counts the nested values under names that no event type has, which are not stored.

    Each record batch holds `row` (int64), the stored fields (ts in UTC microseconds), `own_segment` (whether the
    event itself named it) and a text column `d_<dimension>` for each dimension that occurs.
    """

    events: Mapping[str, pa.RecordBatch]
    rejects: Sequence[Reject] = ()
    new_event_types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    new_segments: frozenset[str] = frozenset()
    left_out: Mapping[str, int] = field(default_factory=dict)


class _Sieve:
    """Collects the rows to reject, each with the field and reason of its first problem."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.problems: Problems = {}

    def drop(self, mask: pa.Array, name: str, reason: str) -> None:
        """Reject the rows of the mask that have no problem yet."""
        if pc.any(mask).as_py():
            for position in pc.indices_nonzero(mask).to_pylist():
                self.problems.setdefault(position, (name, reason))

    def rejects(self) -> list[Reject]:
        """One for each row dropped."""
        positions = pa.array(self.problems, pa.int64())
        rows = self.batch["row"].take(positions).to_pylist()
        ids = _own_ids(self.batch).take(positions).to_pylist()
        by_row = zip(rows, ids, self.problems.values(), strict=True)
        return [Reject(row, *problem, event_id=event_id) for row, event_id, problem in by_row]

    def kept(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that were not dropped."""
        if not self.problems:
            return batch
        return batch.take(pa.array([row for row in range(len(batch)) if row not in self.problems], pa.int64()))


def _own_ids(texts: pa.RecordBatch) -> pa.Array:
    """The ids that rows have themselves, null where one is still to be made."""
    if "made_of" not in texts.schema.names:
        return texts["event_id"]
    return pc.if_else(texts["made_of"].is_valid(), pa.scalar(None, pa.string()), texts["event_id"])


def validate(rows: Rows, policy: Policy, now: datetime | None = None) -> Batch:
    """Validate events given as dicts (see `formats.parse_body`); `now` as for `validate_texts`."""
    left_out: Counter[str] = Counter()
    texts, rejects = text_batch(rows, policy, left_out)
    batch = validate_texts(texts, policy, now)
    in_order = sorted([*batch.rejects, *rejects], key=lambda reject: reject.row)
    return replace(batch, rejects=in_order, left_out=left_out)


def merged(batches: Sequence[Batch]) -> Batch:
    """The parts of one input as one batch; each workspace has its events in one part."""
    if len(batches) == 1:
        return batches[0]
    return Batch(
        {workspace_id: events for batch in batches for workspace_id, events in batch.events.items()},
        sorted((reject for batch in batches for reject in batch.rejects), key=lambda reject: reject.row),
        {name: names for batch in batches for name, names in batch.new_event_types.items()},
        frozenset().union(*(batch.new_segments for batch in batches)),
        sum((Counter(batch.left_out) for batch in batches), Counter[str]()),
    )


def validate_texts(texts: pa.RecordBatch, policy: Policy, now: datetime | None = None) -> Batch:
    """Validate one batch of texts: `row`, the base fields (ts may be an Arrow timestamp) and `d_` columns.

    `now` (aware): an event more than MAX_AHEAD after it is rejected; None judges no time by the clock. A column
    `made_of` (see pieces.py) is kept.
    """
    sieve = _Sieve(texts)
    columns = {"row": texts["row"], "own_segment": texts["segment"].is_valid()}
    columns |= {name: texts[name] for name in texts.schema.names if name == "made_of"}
    columns |= _base_columns(sieve, texts, policy, now)
    new_event_types = _check_dimensions(sieve, texts, policy)
    _check_segments(sieve, columns["segment"], policy)
    columns |= {name: texts[name] for name in texts.schema.names if name.startswith("d_")}
    kept = sieve.kept(pa.RecordBatch.from_pydict(columns))
    learned = new_event_types if not sieve.problems else _still_used(new_event_types, kept)
    return Batch(
        _by_workspace(kept),
        sorted(sieve.rejects(), key=lambda reject: reject.row),
        learned,
        frozenset(_unknown_segments(kept["segment"], policy)),
    )


def _base_columns(sieve: _Sieve, texts: pa.RecordBatch, policy: Policy, now: datetime | None) -> dict[str, pa.Array]:
    columns = {name: texts[name] for name in BASE_FIELDS}
    columns["segment"] = _segments(texts, policy)
    if policy.workspace_id is not None:
        columns["workspace_id"] = columns["workspace_id"].fill_null(policy.workspace_id)
    columns["ts"] = _check_times(sieve, texts["ts"], policy.times, now)
    for name in BASE_FIELDS:
        if name != "ts":
            _check_ids(sieve, name, columns[name])
    _check_workspaces(sieve, columns["workspace_id"], policy)
    return columns


def _segments(texts: pa.RecordBatch, policy: Policy) -> pa.Array:
    """The event's own segment, else its customer's."""
    if policy.segments is None or not texts["segment"].null_count:
        return texts["segment"]
    customers = texts["customer_id"].dictionary_encode()
    segments = pa.array([policy.segments.get(customer) for customer in customers.dictionary.to_pylist()], pa.string())
    return pc.coalesce(texts["segment"], segments.take(customers.indices))


def _unknown_segments(column: pa.Array, policy: Policy) -> list[str]:
    """The segments of a column that the catalog does not have."""
    distinct = pc.unique(column).drop_null().to_pylist() if policy.known_segments is not None else []
    return [segment for segment in distinct if segment not in (policy.known_segments or ())]


def _check_segments(sieve: _Sieve, column: pa.Array, policy: Policy) -> None:
    """Drop rows whose segment the catalog lacks: no config would ever count them."""
    unknown = [] if policy.extend_catalog else _unknown_segments(column, policy)
    if unknown:
        mask = pc.is_in(column, pa.array(unknown, pa.string()))
        for position, segment in zip(
            pc.indices_nonzero(mask).to_pylist(), column.filter(mask).to_pylist(), strict=True
        ):
            sieve.problems.setdefault(position, ("segment", unknown_segment(segment)))


def _check_ids(sieve: _Sieve, name: str, column: pa.Array) -> None:
    shortest, longest = _bytes_of_texts(column)
    if column.null_count or not shortest:
        sieve.drop(pc.or_kleene(column.is_null(), pc.equal(column, "")), name, missing(name))
    if longest > MAX_ID_LENGTH:
        sieve.drop(_too_long(name, column), name, f"{name} is longer than {MAX_ID_LENGTH} characters")
    data = _bytes(column)
    if len(data.translate(None, _CONTROL_BYTES)) != len(data):
        sieve.drop(pc.match_substring_regex(column, _CONTROL), name, f"{name} has control or direction characters")


def _too_long(name: str, column: pa.Array) -> pa.Array:
    """Which ids are too long; of an event's both halves may have the full length, its source and its own id."""
    too_long = pc.greater(pc.utf8_length(column), MAX_ID_LENGTH)
    return pc.and_not(too_long, pc.match_substring_regex(column, _SOURCED)) if name == "event_id" else too_long


def _bytes_of_texts(column: pa.Array) -> tuple[int, int]:
    """The sizes in bytes of the shortest and the longest text of a column; a text has no more characters than bytes."""
    sizes = pc.min_max(pc.binary_length(column)).as_py()
    return sizes["min"] or 0, sizes["max"] or 0


def _bytes(column: pa.Array) -> bytes:
    """The texts of a column, one after the other: a search in them costs a fraction of one in each text."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return b""
    places = memoryview(offsets).cast("i")
    start, end = places[column.offset], places[column.offset + len(column)]
    texts: bytes = data.slice(start, end - start).to_pybytes()
    return texts


def _check_times(sieve: _Sieve, column: pa.Array, reading: TimeReading, now: datetime | None) -> pa.Array:
    times = parse_times(column, reading)
    if times.null_count:
        sieve.drop(column.is_null(), "ts", missing("ts"))
        positions = pc.indices_nonzero(times.is_null())
        problems = first_problem(column.take(positions), reading)
        for position, problem in zip(positions.to_pylist(), problems, strict=True):
            sieve.problems.setdefault(position, ("ts", problem or NO_TIME))
    if now is not None:
        latest = pa.scalar((now + MAX_AHEAD).astimezone(UTC).replace(tzinfo=None), TIME)
        sieve.drop(pc.greater(times, latest).fill_null(False), "ts", IN_THE_FUTURE)
    return times


def _check_workspaces(sieve: _Sieve, column: pa.Array, policy: Policy) -> None:
    for workspace_id in pc.unique(column).drop_null().to_pylist():
        if policy.workspace_id not in (None, workspace_id):
            reason = f"workspace_id {workspace_id!r} is not the workspace of this request, {policy.workspace_id!r}"
        elif policy.workspaces is not None and workspace_id not in policy.workspaces:
            reason = f"workspace_id {workspace_id!r} does not exist"
        elif len(quote(workspace_id, safe="")) > MAX_ID_LENGTH:
            reason = "workspace_id is too long for the name of a folder"
        else:
            continue
        sieve.drop(pc.equal(column, workspace_id), "workspace_id", reason)


def _check_dimensions(sieve: _Sieve, texts: pa.RecordBatch, policy: Policy) -> dict[str, frozenset[str]]:
    """Drop rows with dimensions that their event type lacks; with `extend_catalog` return those as new ones instead."""
    names = [name[2:] for name in texts.schema.names if name.startswith("d_")]
    learned: dict[str, set[str]] = {}
    for event_type in pc.unique(texts["event_type"]).drop_null().to_pylist():
        same_type = pc.equal(texts["event_type"], event_type)
        if event_type not in policy.catalog:
            if not policy.extend_catalog:
                sieve.drop(same_type, "event_type", f"event_type {event_type!r} is not in the catalog")
                continue
            learned[event_type] = set()
        for name in names:
            if name not in policy.catalog.get(event_type, ()):
                _check_stranger(
                    sieve, pc.and_(same_type, texts[f"d_{name}"].is_valid()), event_type, name, policy, learned
                )
    for name in names:
        _check_text(sieve, name, texts[f"d_{name}"])
    return {event_type: frozenset(dimensions) for event_type, dimensions in learned.items()}


def _check_stranger(
    sieve: _Sieve, mask: pa.Array, event_type: str, name: str, policy: Policy, learned: dict[str, set[str]]
) -> None:
    if not pc.any(mask).as_py():
        return
    if not policy.extend_catalog:
        sieve.drop(mask, name, unknown_dimension(name, event_type))
    elif reason := _unfit_name(name, policy, learned):
        sieve.drop(mask, name, reason)
    else:
        learned.setdefault(event_type, set()).add(name)


def _unfit_name(name: str, policy: Policy, learned: Mapping[str, set[str]]) -> str | None:
    if not _new_name.fullmatch(name):
        return f"{name!r} cannot name a dimension: use letters, digits, '_', '.', '-', at most 100, a letter first"
    twin = by_folded_name(policy.known_dimensions.union(BASE_FIELDS, *learned.values())).get(name.casefold(), name)
    return None if twin == name else f"{name!r} differs from {twin!r} only in case"


def _check_text(sieve: _Sieve, name: str, column: pa.Array) -> None:
    if _bytes_of_texts(column)[1] > MAX_TEXT_LENGTH:
        too_long = pc.greater(pc.utf8_length(column), MAX_TEXT_LENGTH)
        sieve.drop(too_long, name, f"{name} is longer than {MAX_TEXT_LENGTH} characters")
    if b"\0" in _bytes(column):
        sieve.drop(pc.match_substring(column, "\x00"), name, f"{name} has a NUL character")


def _still_used(learned: Mapping[str, frozenset[str]], kept: pa.RecordBatch) -> dict[str, frozenset[str]]:
    """Of the new event types and dimensions those that accepted events use."""
    used: dict[str, frozenset[str]] = {}
    for event_type, names in learned.items():
        events = kept.filter(pc.equal(kept["event_type"], event_type))
        if len(events):
            used[event_type] = frozenset(name for name in names if events[f"d_{name}"].null_count < len(events))
    return used


def _by_workspace(kept: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
    workspaces = sorted(pc.unique(kept["workspace_id"]).to_pylist())
    return {
        workspace_id: _without_empty_columns(
            kept if len(workspaces) == 1 else kept.filter(pc.equal(kept["workspace_id"], workspace_id))
        )
        for workspace_id in workspaces
    }


def _without_empty_columns(events: pa.RecordBatch) -> pa.RecordBatch:
    names = [name for name in events.schema.names if name != "workspace_id"]
    return events.select([name for name in names if not name.startswith("d_") or events[name].null_count < len(events)])
