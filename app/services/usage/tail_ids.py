"""What one process remembers of the ids that wait in the tail, so that each batch reads only what is new in it."""

from collections.abc import Iterable, Sequence

import orjson

from app.services.usage.index import Partition
from app.services.usage.index_schema import DIGEST_LENGTH


class WaitingIds:
    """Ids of events that wait, each with the digest of what its event says.

    Nearly every id that is asked for is new, which a set tells: the places of a large dict lie further apart in memory.
    """

    _IN_A_PART = 4_096

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._parts: list[dict[str, str]] = []
        """The digests by id, in parts that are small enough to be added to quickly."""

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Sequence[str], digests: Sequence[str]) -> None:
        """Add ids that were free."""
        self._ids.update(ids)
        if not self._parts or len(self._parts[-1]) >= self._IN_A_PART:
            self._parts.append({})
        self._parts[-1].update(zip(ids, digests, strict=True))

    def digests(self, event_ids: Iterable[str]) -> dict[str, str]:
        """Those of the ids that wait, with their digests."""
        sought = self._ids.intersection(event_ids)
        digests: dict[str, str] = {}
        while sought:  # repeats come by the batch, so that one part has most of them
            one = next(iter(sought))
            part = next(part for part in reversed(self._parts) if one in part)
            repeated = part.keys() & sought
            digests |= {event_id: part[event_id] for event_id in repeated}
            sought -= repeated
        return digests


class TailIds:
    """The ids of each workspace's tail, kept in memory and brought up to date from the index.

    Use it only inside `Index.writing`: the write lock keeps it up to date and keeps threads apart. Ids that have since
    moved to event_key may still be in it: they are taken all the same. When ids became free again it begins anew.
    """

    _MAX_IDS = 1_000_000

    def __init__(self) -> None:
        self._read: dict[int, tuple[int, int, WaitingIds]] = {}
        """Workspace → the withdrawals then, the last batch read, and the ids up to it."""
        self._written: dict[int, tuple[str, Sequence[str], Sequence[str]]] = {}
        """Workspace → the keys that were written last, as the index keeps them, and the ids and digests in them."""

    def current(self, partition: Partition) -> WaitingIds:
        """All ids of the workspace's tail, perhaps some more that are in event_key."""
        withdrawals, last, waiting = self._read.get(partition.number, (partition.withdrawals, 0, WaitingIds()))
        if len(waiting) > self._MAX_IDS or withdrawals != partition.withdrawals:
            last, waiting = 0, WaitingIds()
        for number, event_keys in partition.connection.execute(
            "SELECT no, event_keys FROM tail WHERE workspace = ? AND no > ? ORDER BY no", (partition.number, last)
        ):
            waiting.add(*self._ids_and_digests(partition.number, event_keys))
            last = number
        self._read[partition.number] = (partition.withdrawals, last, waiting)
        return waiting

    def wrote(self, partition: Partition, event_keys: str, ids: Sequence[str], digests: Sequence[str]) -> None:
        """Remember what keys consist of, to spare the next batch their reading. Whether they count the index says."""
        self._written[partition.number] = (event_keys, ids, digests)

    def _ids_and_digests(self, workspace: int, event_keys: str) -> tuple[Sequence[str], Sequence[str]]:
        written, ids, digests = self._written.get(workspace, ("", (), ()))
        if written == event_keys:
            return ids, digests
        keys = orjson.loads(event_keys)
        return [key[DIGEST_LENGTH:] for key in keys], [key[:DIGEST_LENGTH] for key in keys]
