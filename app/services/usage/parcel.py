"""Parcels: validated events of one workspace, packed for the store's tail."""

from dataclasses import dataclass

import pyarrow as pa

from app.services.usage.fields import STORED_FIELDS


@dataclass(frozen=True, slots=True)
class Parcel:
    """Events with distinct ids, those ids, and the same events as an Arrow IPC stream."""

    workspace_id: str
    events: pa.RecordBatch
    ids: list[str]
    packed: bytes

    def without(self, taken: set[str]) -> "Parcel":
        """The events whose ids are still free."""
        positions = [position for position, event_id in enumerate(self.ids) if event_id not in taken]
        return _pack(self.workspace_id, self.events, self.ids, positions)


def parcel(workspace_id: str, events: pa.RecordBatch) -> Parcel:
    """Pack validated events; of those with one id the first stays."""
    names = [name for name in events.schema.names if name in STORED_FIELDS or name.startswith("d_")]
    events, ids = events.select(names), events["event_id"].to_pylist()
    if len(set(ids)) == len(ids):
        return Parcel(workspace_id, events, ids, _serialized(events))
    first = {event_id: position for position, event_id in reversed(list(enumerate(ids)))}
    return _pack(workspace_id, events, ids, sorted(first.values()))


def _pack(workspace_id: str, events: pa.RecordBatch, ids: list[str], positions: list[int]) -> Parcel:
    kept = events.take(pa.array(positions, pa.int64()))
    return Parcel(workspace_id, kept, [ids[position] for position in positions], _serialized(kept))


def _serialized(events: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, events.schema) as stream:
        stream.write_batch(events)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed
