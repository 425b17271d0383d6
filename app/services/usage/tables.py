"""Rows of tables of which the plan takes parts: cells with JSON, objects that are spread, rows that are no events."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.columns import Problems, text_batch
from app.services.usage.fields import Policy, Reject
from app.services.usage.fingerprints import row_digests
from app.services.usage.formats import Rows, load
from app.services.usage.mapping import NO_EVENT, ColumnPlan
from app.services.usage.names import field_names
from app.services.usage.pieces import TextBatch, lacks_id, set_for_all, with_made_ids
from simulation.canonical import Json, JsonObject


def text_batch_of_records(
    numbers: Sequence[int],
    columns: Mapping[str, pa.Array],
    plan: ColumnPlan,
    policy: Policy,
    unfit: Problems,
    left_out: Counter[str],
    whole_rows: Mapping[str, pa.Array],
) -> TextBatch:
    """Columns by their names in the file, taken through the plan row by row, without the unfit rows.

    `whole_rows`: all columns of the file as texts, which tell rows without an id apart.
    """
    lists = {name: column.to_pylist() for name, column in columns.items()}
    for name in plan.containers(columns):
        lists[name] = [_opened(value) for value in lists[name]]
    names = field_names(lists, policy.known_dimensions)
    rows = zip(*lists.values(), strict=True)
    events: list[Json] = []
    kept: list[int] = []
    for position, (number, row) in enumerate(zip(numbers, rows, strict=True)):
        if position in unfit:
            continue
        event = plan.apply(dict(zip(lists, row, strict=True)), left_out)
        if event is not NO_EVENT:
            events.append(_renamed(event, names) if plan.keeps_rest else event)
            kept.append(number)
    batch, rejects = text_batch(Rows(events, kept), policy, left_out)
    without_id = lacks_id(batch)
    if pc.any(without_id).as_py():
        positions = pc.index_in(batch["row"], pa.array(numbers, pa.int64()))
        columns = {name: column.take(positions) for name, column in whole_rows.items()}
        batch = with_made_ids(batch, row_digests({**columns, **set_for_all(plan, len(batch))}, without_id))
    return batch, rejects + [Reject(numbers[position], *problem) for position, problem in unfit.items()]


def _opened(value: Json) -> Json:
    """The object or the list that a cell holds as text; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return load(value.encode())
    except ValueError:
        return value


def _renamed(event: Json, names: Mapping[str, str]) -> JsonObject:
    return {names.get(name, name): value for name, value in event.items()}
