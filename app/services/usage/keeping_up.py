"""Whether the index is that of the files beside it: a lost, older or foreign one is noticed when the store opens."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from app.services.usage.files_on_disk import files_on_disk
from app.services.usage.index import Index, names_of_placing
from app.services.usage.manifest import Manifest
from app.services.usage.set_aside import INDEX, set_aside

_PARTS = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm")
_UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_index(root: Path) -> Index:
    """The index of the store; one that is damaged is set aside, and a new and empty one is begun."""
    if not (root / _PARTS[0]).exists():
        set_index_aside(root)  # the log of a lost index is not that of a new one
    try:
        return Index(root)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in _UNREADABLE:
            raise
        set_index_aside(root)
        return Index(root)


def set_index_aside(root: Path) -> None:
    """Set aside what there is of an index. It may hold events that no file has yet."""
    set_aside(root, [name for name in _PARTS if (root / name).exists()], datetime.now(UTC), INDEX)


def is_behind(root: Path, index: Index, manifest: Manifest) -> bool:
    """Whether files count that the index does not know of; without a manifest, whether there are any at all."""
    state, kept = index.state(), manifest.state()
    if kept is not None:
        return kept.store != state.store or kept.generation > state.generation
    if state.generation > 0:
        return False
    with index.reading() as connection:
        return bool(files_on_disk(root) - names_of_placing(connection))


def of_another_store(index: Index, manifest: Manifest) -> bool:
    """Whether the index is that of other files than the manifest; a new and empty one is nobody's."""
    state, kept = index.state(), manifest.state()
    with index.reading() as connection:
        is_empty = not state.generation and connection.execute("SELECT 1 FROM tail").fetchone() is None
    return kept is not None and kept.store != state.store and not is_empty
