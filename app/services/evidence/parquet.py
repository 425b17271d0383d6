"""The Parquet form of evidence: columns of a few types, written a piece at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "whole": pa.int64(),
    "number": pa.decimal128(38, 12),
    "day": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"),
}


def write(types: Mapping[str, str], pieces: Iterable[Sequence[Sequence[Any]]], file: IO[bytes]) -> None:
    """Write pieces, each the values of every column, into an open file. `types`: column → name in `TYPES`."""
    schema = pa.schema([(name, TYPES[type_name]) for name, type_name in types.items()])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for columns in pieces:
            arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
