"""Staging folders, where files are written before they are committed, and the sweep of what is left behind."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from app.file_lock import exclusive
from app.services.usage.index import Index, names_of_files


@contextmanager
def folder(root: Path) -> Iterator[Path]:
    """A folder on the store's disk, deleted at the end. Its lock tells sweeps that it is in use."""
    with ExitStack() as stack:
        with exclusive(root / "incoming.lock"):
            path = Path(tempfile.mkdtemp(dir=root / "incoming"))
            stack.enter_context(exclusive(path / "lock"))
        stack.callback(shutil.rmtree, path, ignore_errors=True)
        yield path


def sweep(root: Path, index: Index, now: datetime, grace: timedelta) -> int:
    """Delete abandoned folders, files that were never committed, and replaced files that have outlived their grace.

    The caller holds the store's maintenance lock, so no file is on its way to a commit.
    """
    _sweep_folders(root)
    expired = _expired(index, now, grace)
    with index.reading() as connection:
        indexed = names_of_files(connection)
    orphans = {str(path.relative_to(root)) for path in root.glob("workspace_id=*/month=*/*.parquet")} - indexed
    for path in expired | orphans:
        (root / path).unlink(missing_ok=True)
    with index.writing() as connection:
        connection.executemany("DELETE FROM superseded WHERE path = ?", [(path,) for path in expired])
    return len(expired | orphans)


def _sweep_folders(root: Path) -> None:
    with exclusive(root / "incoming.lock"):
        for path in (root / "incoming").iterdir():
            with exclusive(path / "lock", wait=False) as abandoned:
                if abandoned:
                    shutil.rmtree(path)


def _expired(index: Index, now: datetime, grace: timedelta) -> set[str]:
    """Start the grace of newly replaced files; return those whose grace is over."""
    with index.writing() as connection:
        connection.execute("UPDATE superseded SET seen_at = ? WHERE seen_at IS NULL", (now.isoformat(),))
        rows = connection.execute(
            "SELECT path, seen_at FROM superseded WHERE path NOT IN (SELECT path FROM file)"
        ).fetchall()
    return {path for path, seen_at in rows if datetime.fromisoformat(seen_at) <= now - grace}
