"""Parcels: validated events of one workspace, packed for the store's tail."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import add

import pyarrow as pa

from app.services.usage.fields import STORED_FIELDS, Conflict
from app.services.usage.fingerprints import content_digests
from app.services.usage.index_schema import UNKNOWN

KEPT_FIELDS = (*STORED_FIELDS, "own_segment")


@dataclass(frozen=True, slots=True)
class Parcel:
    """Events, and for each its id, the digest of what it says, and its row in the input."""

    workspace_id: str
    events: pa.RecordBatch
    ids: list[str]
    digests: list[str]
    rows: pa.Array

    @property
    def event_keys(self) -> list[str]:
        """Digest and id of each event, as the tail keeps them."""
        return list(map(add, self.digests, self.ids))

    def packed(self) -> bytes:
        """The events as an Arrow IPC stream."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.events.schema) as stream:
            stream.write_batch(self.events)
        packed: bytes = sink.getvalue().to_pybytes()
        return packed

    def without(self, taken: Mapping[str, str]) -> "tuple[Parcel, list[Conflict]]":
        """The events whose ids are free, and a conflict for each whose id an event that says something else has.

        `taken`: ids with the digests of their events. Of events here with one id the first stays.
        """
        if not taken and len(set(self.ids)) == len(self.ids):
            return self, []
        first: dict[str, str] = {}
        kept, conflicts = list[int](), list[Conflict]()
        for position, (event_id, digest) in enumerate(zip(self.ids, self.digests, strict=True)):
            held = taken.get(event_id) or first.get(event_id)
            if held is None:
                first[event_id] = digest
                kept.append(position)
            elif held not in (digest, UNKNOWN):
                conflicts.append(Conflict(self.rows[position].as_py(), event_id))
        return (self if len(kept) == len(self.ids) else self._of(kept)), conflicts

    def _of(self, positions: list[int]) -> "Parcel":
        def of(column: list[str]) -> list[str]:
            return [column[position] for position in positions]

        kept = pa.array(positions, pa.int64())
        return Parcel(self.workspace_id, self.events.take(kept), of(self.ids), of(self.digests), self.rows.take(kept))


def parcel(workspace_id: str, events: pa.RecordBatch) -> Parcel:
    """Prepare validated events for the tail."""
    names = [name for name in events.schema.names if name in KEPT_FIELDS or name.startswith("d_")]
    ids = events["event_id"].to_pylist()
    return Parcel(workspace_id, events.select(names), ids, content_digests(events), events["row"])
