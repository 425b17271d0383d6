"""Whether a stored file still is what was written: its SHA-256 is held against the one that the index keeps (spec 4.1).

A process reads all bytes of a file once, and again when its size, its times or its inode have changed, so questions
over millions of events pay a look at the folder only. Bytes that change on the disk under an unchanged file are found
by the next process, and by `avs usage check`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import AvsError
from app.services.usage.stored_file import StoredFile

MISSING, CUT, CHANGED = "missing", "cut", "changed"
_Stamp = tuple[int, int, int, int]
_checked: dict[Path, tuple[_Stamp, str]] = {}
"""What this process has read: the file as it was then, and its SHA-256."""
WAYS_ON = (
    "Put the file back from a backup, or let its events no longer count: avs usage take-out sets it aside and says so "
    "in the log."
)


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what was stored: its path relative to the store, and `missing`, `cut` or `changed`."""

    path: str
    problem: str
    rows: int

    @property
    def sentence(self) -> str:
        """The file and what is wrong with it."""
        state = {MISSING: "is missing", CUT: "is cut or grown", CHANGED: "is not what was written"}[self.problem]
        return f"usage/{self.path} ({self.rows:,} events) {state}"

    def as_dict(self) -> dict[str, object]:
        """Plain JSON, the same at every door."""
        return {"path": self.path, "problem": self.problem, "rows": self.rows}


class DamagedUsage(AvsError):
    """Files of the usage events are not what was stored, so nothing is calculated from them."""

    status = 409
    title = "Conflict"


def damaged_usage(workspace_id: str, damages: Iterable[Damage]) -> DamagedUsage:
    """The refusal that names the files and the ways on."""
    damages = list(damages)
    first = f"{damages[0].sentence}{f', and {len(damages) - 1:,} more' if len(damages) > 1 else ''}"
    return DamagedUsage(
        f"The usage of {workspace_id} cannot be read whole: {first}. {WAYS_ON}",
        code="usage_files_damaged",
        extra={"files": [damage.as_dict() for damage in damages]},
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damage_of(root: Path, file: StoredFile, *, bytes_too: bool = True, anew: bool = False) -> Damage | None:
    """What is wrong with a file of the store, None when it is sound; `anew` reads all of it whatever is remembered.

    Without `bytes_too` a file that this process has not read since it changed is taken for sound if its size is right.
    Of a file that was written before its digest was kept, only whether it is there is known.
    """
    path = root / file.path
    try:
        stamp = _stamp(path)
    except FileNotFoundError:
        return Damage(file.path, MISSING, file.rows)
    if file.sha256 is None:
        return None
    if stamp[0] != file.size:
        return Damage(file.path, CUT, file.rows)
    known = None if anew else _checked.get(path)
    if (known is None or known[0] != stamp) and not bytes_too:
        return None
    if known is None or known[0] != stamp:
        known = _checked[path] = (stamp, sha256_of(path))
    return None if known[1] == file.sha256 else Damage(file.path, CHANGED, file.rows)


def damages_of(root: Path, files: Iterable[StoredFile], *, bytes_too: bool = True, anew: bool = False) -> list[Damage]:
    """What is wrong with the files, in their order."""
    found = (damage_of(root, file, bytes_too=bytes_too, anew=anew) for file in files)
    return [damage for damage in found if damage is not None]


def sound(root: Path, files: Iterable[StoredFile]) -> list[StoredFile]:
    """Those of the files that are what was written."""
    return [file for file in files if damage_of(root, file) is None]


def with_digest(root: Path, file: StoredFile) -> StoredFile:
    """The file with the SHA-256 and size of its bytes as they are: those of a file from before they were kept."""
    path = root / file.path
    return replace(file, sha256=sha256_of(path), size=path.stat().st_size)


def _stamp(path: Path) -> _Stamp:
    """Size, times and inode: what changes when somebody writes to a file or puts another in its place."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino
