"""Staging folders, where files are written before they are committed, and the sweep of what is left behind."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from app.file_lock import exclusive
from app.services.usage.files_on_disk import files_on_disk
from app.services.usage.index import Index, names_of_files, names_of_placing
from app.services.usage.set_aside import UNFINISHED, UNKNOWN_TO_INDEX, set_aside
from app.unavailable import refusal_of_failure


@contextmanager
def folder(root: Path) -> Iterator[Path]:
    """A folder on the store's disk, deleted at the end. Its lock tells sweeps that it is in use."""
    with ExitStack() as stack:
        with exclusive(root / "incoming.lock"):
            path = Path(tempfile.mkdtemp(dir=root / "incoming"))
            stack.enter_context(exclusive(path / "lock"))
        stack.callback(shutil.rmtree, path, ignore_errors=True)
        yield path


@contextmanager
def reading(root: Path) -> Iterator[Path]:
    """A folder for what a reading spills: on the store's disk, or the system's where that one takes nothing."""
    with ExitStack() as stack:
        try:
            path = stack.enter_context(folder(root))
        except OSError as error:
            if refusal_of_failure(error) is None:
                raise
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="avs-reading-")))
        yield path


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: replaced files that it deleted, and where it set aside files that the index does not know.

    `unfinished` are of writes that a crash ended before they counted, `unknown` of no write that the index knows of.
    """

    deleted: int = 0
    unfinished: tuple[Path, ...] = ()
    unknown: tuple[Path, ...] = ()

    @property
    def sentence(self) -> str:
        """Where files were set aside and what to do about it; empty when none were."""
        if not self.unknown:
            return ""
        many = "1 file" if len(self.unknown) == 1 else f"{len(self.unknown):,} files"
        return (
            f"Set aside {many} of usage events that the index does not know, in "
            f"{self.unknown[0].parents[2]}: they do not count. avs usage check names them, avs usage reindex --take-in "
            "stores their events."
        )


def sweep(root: Path, index: Index, now: datetime, grace: timedelta) -> Swept:
    """Delete abandoned folders and replaced files that have outlived their grace; set aside what nothing names.

    A file that no index names may be all that is left of some events, so it is never deleted. Nor is a replaced one
    while a file of its month is damaged. The caller holds the store's maintenance lock, so no file is on its way to a
    commit.
    """
    _sweep_folders(root)
    expired = _expired(root, index, now, grace)
    with index.reading() as connection:
        indexed, placed = names_of_files(connection), names_of_placing(connection)
    orphans = files_on_disk(root) - indexed
    unfinished = set_aside(root, sorted(orphans & placed), now, UNFINISHED)
    unknown = set_aside(root, sorted(orphans - placed), now, UNKNOWN_TO_INDEX)
    for path in expired:
        (root / path).unlink(missing_ok=True)
    with index.writing() as connection:
        connection.executemany("DELETE FROM superseded WHERE path = ?", [(path,) for path in expired])
        connection.execute("DELETE FROM placing")
    return Swept(len(expired), tuple(unfinished), tuple(unknown))


def _sweep_folders(root: Path) -> None:
    with exclusive(root / "incoming.lock"):
        for path in (root / "incoming").iterdir():
            with exclusive(path / "lock", wait=False) as abandoned:
                if abandoned:
                    shutil.rmtree(path)


def _expired(root: Path, index: Index, now: datetime, grace: timedelta) -> set[str]:
    """Start the grace of newly replaced files; return those whose grace is over and whose month is whole."""
    with index.writing() as connection:
        connection.execute("UPDATE superseded SET seen_at = ? WHERE seen_at IS NULL", (now.isoformat(),))
        rows = connection.execute(
            "SELECT path, seen_at FROM superseded WHERE path NOT IN (SELECT path FROM file)"
        ).fetchall()
        sizes = connection.execute("SELECT path, size FROM file").fetchall()
    torn = {Path(path).parent for path, size in sizes if rows and not _is_there(root / path, size)}
    return {
        path
        for path, seen_at in rows
        if datetime.fromisoformat(seen_at) <= now - grace and Path(path).parent not in torn
    }


def _is_there(path: Path, size: int | None) -> bool:
    try:
        return path.stat().st_size == size or size is None
    except FileNotFoundError:
        return False
