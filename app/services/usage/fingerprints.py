"""Short digests that tell rows and events apart: what an event says, and what a row without an id consists of.

`content_digests` and `content_digest_sql` give the same text for the same event: the first over a batch in memory, the
second within DuckDB. A part that is absent leaves no trace, so a digest does not depend on which other columns there
are.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import md5, sha256

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.index_schema import DIGEST_LENGTH
from app.services.usage.parquet import content
from simulation.canonical import Json

_ROW_DIGEST_LENGTH = 24  # hexadecimal digits: 96 bits, so that no two rows of a lifetime meet by chance
_NUL = pa.scalar("\0")
_SAID = ("ts", "event_type", "customer_id")


def content_digests(events: pa.RecordBatch) -> list[str]:
    """The digest of what each validated event says, its id apart; a segment counts where the event itself named it."""
    dimensions = sorted(name[2:] for name in events.schema.names if name.startswith("d_"))
    own_segment = pc.if_else(events["own_segment"], events["segment"], pa.scalar(None, pa.string()))
    parts = [events["ts"].cast(pa.int64()).cast(pa.string()), events["event_type"], events["customer_id"]]
    for name in dimensions:
        parts += _parts(name, events[f"d_{name}"])
    texts = _joined([*parts, *_parts("segment", own_segment)])
    return [md5(text, usedforsecurity=False).hexdigest()[:DIGEST_LENGTH] for text in texts]


def content_digest_sql(columns: Iterable[str]) -> str:
    """SQL for the digest of an event in a relation with these columns, `own_segment` among them."""
    dimensions = [name[2:] for name in columns if name.startswith("d_")]
    own_segment = "CASE WHEN own_segment THEN 'segment' || chr(0) || segment END"
    return f"substr(md5(concat_ws(chr(0), {content(dimensions, _SAID)}, {own_segment})), 1, {DIGEST_LENGTH})"


def row_digests(columns: Mapping[str, pa.Array], absent: pa.Array) -> pa.Array:
    """The digest of each whole row as the file has it, where `absent` says that it has no id; null for the others."""
    texts = _joined([part for name in sorted(columns) for part in _parts(name, columns[name])]) if columns else []
    without = absent.to_pylist()
    return pa.array(
        [_row_digest(text) if made else None for text, made in zip(texts, without, strict=True)], pa.string()
    )


def value_digest(value: Json) -> str:
    """The digest of one JSON value as it was read; the order of its members does not matter."""
    try:
        return _row_digest(orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS))
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits
        return _row_digest(json.dumps(value, default=str, sort_keys=True).encode())


def _row_digest(text: bytes) -> str:
    return sha256(text).hexdigest()[:_ROW_DIGEST_LENGTH]


def _parts(name: str, column: pa.Array) -> list[pa.Array | pa.Scalar]:
    """A name with each text of a column, as what is to be joined: one text that is absent where the column is."""
    if column.null_count:
        return [pc.binary_join_element_wise(pa.scalar(name), column, _NUL)]
    return [pa.scalar(name), column]


def _joined(parts: list[pa.Array | pa.Scalar]) -> list[bytes]:
    texts: list[bytes] = pc.binary_join_element_wise(*parts, _NUL, null_handling="skip").cast(pa.binary()).to_pylist()
    return texts
