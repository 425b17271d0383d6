"""What one process remembers of the ids that wait in the tail, so that each batch reads only what is new in it."""

import orjson

from app.services.usage.index import Partition
from app.services.usage.index_schema import DIGEST_LENGTH


class TailIds:
    """The ids of each workspace's tail and their events' digests, kept in memory and brought up to date from the index.

    Use it only inside `Index.writing`: the write lock keeps it up to date and keeps threads apart. Ids that have since
    moved to event_key may still be in it: they are taken all the same. When ids became free again it begins anew.
    """

    _MAX_IDS = 1_000_000

    def __init__(self) -> None:
        self._read: dict[int, tuple[int, int, dict[str, str]]] = {}
        """Workspace → the withdrawals then, the last batch read, and the ids up to it."""

    def current(self, partition: Partition) -> dict[str, str]:
        """All ids of the workspace's tail, perhaps some more that are in event_key, each with its event's digest."""
        withdrawals, last, ids = self._read.get(partition.number, (partition.withdrawals, 0, {}))
        if len(ids) > self._MAX_IDS or withdrawals != partition.withdrawals:
            last, ids = 0, {}
        for number, added in partition.connection.execute(
            "SELECT no, event_keys FROM tail WHERE workspace = ? AND no > ? ORDER BY no", (partition.number, last)
        ):
            ids.update((key[DIGEST_LENGTH:], key[:DIGEST_LENGTH]) for key in orjson.loads(added))
            last = number
        self._read[partition.number] = (partition.withdrawals, last, ids)
        return ids
