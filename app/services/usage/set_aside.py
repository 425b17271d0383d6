"""Files that are kept and do not count: a folder beside the events, named by when and why each came there (spec 4.1).

    <root>/set_aside/2026-11-30T17-02-03Z-unknown/workspace_id=ws_1/month=2026-01/<name>.parquet

Nothing in it is ever deleted by the product. `avs usage reindex --take-in` stores what of it no other file holds.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.services.usage.files_on_disk import sync

FOLDER = "set_aside"
UNKNOWN_TO_INDEX = "unknown"
"""Files that neither the index nor the manifest knows of: whoever put them there, they hold events."""
UNFINISHED = "unfinished"
"""Files of a write that a crash ended before it counted: other files hold their events, or nobody was told."""
TAKEN_OUT = "taken-out"
"""Damaged files whose events somebody decided to do without."""
TAKEN_IN = "taken-in"
"""Files whose events have been stored again since."""
INDEX = "index"
"""Indexes that are of another store, or that nobody can read."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A file that was set aside: path relative to the store, the reason, its path before, and its size in bytes."""

    path: str
    reason: str
    former: str
    size: int


def set_aside(root: Path, paths: Iterable[str], now: datetime, reason: str) -> list[Path]:
    """Move files of the store, by their paths relative to it, out of the way; returns where they are. `now`: aware."""
    return [_moved(root / path, _folder(root, now, reason) / path) for path in paths]


def give_reason(root: Path, aside: Aside, now: datetime, reason: str) -> Path:
    """Move a file that was set aside to those of another reason; returns where it is. `now`: aware."""
    return _moved(root / aside.path, _folder(root, now, reason) / aside.former)


def _folder(root: Path, now: datetime, reason: str) -> Path:
    return root / FOLDER / f"{now.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}-{reason}"


def _moved(path: Path, target: Path) -> Path:
    """Where the file is now: beside another one of its name, when two of a second have the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    free, number = target, 1
    while free.exists():
        free, number = target.with_name(f"{target.stem}.{number}{target.suffix}"), number + 1
    os.rename(path, free)
    sync(free.parent)
    sync(path.parent)
    return free


def files_aside(root: Path) -> list[Aside]:
    """Every file that was set aside and may still hold events, oldest first."""
    asides = []
    for path in sorted((root / FOLDER).glob("*/workspace_id=*/month=*/*.parquet")):
        reason = path.parts[-4].partition("Z-")[2]
        if reason != TAKEN_IN:
            former = str(Path(*path.parts[-3:]))
            asides.append(Aside(str(path.relative_to(root)), reason, former, path.stat().st_size))
    return asides
