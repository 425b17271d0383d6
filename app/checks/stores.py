"""The control database, the usage index and the publishing target: reached, whole, and of this version."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from app.checks.facts import DatabaseDown, facts_of
from app.checks.surroundings import Remark, Surroundings
from app.migrations import known_revisions

LOOK_SECONDS = 2.0
"""How long a look through a SQLite file may take; what is not looked at by then is taken to be whole."""
HEADER = b"SQLite format 3\x00"
BACKUP = "Restore it from a backup."
_CHUNK = 10_000  # SQLite's instructions between two looks at the clock


def database_is_this_versions(here: Surroundings) -> Iterator[Remark]:
    """The database answers, can be written, and was not made by a newer version of the product."""
    if (file := here.sqlite_file) is not None:
        if not file.exists() and not file.parent.is_dir() and file.parent != here.data_dir:
            yield Remark(f"DATABASE_URL names {file}, and there is no folder {file.parent}: create it, or correct it.")
            return
        if file.exists() and (problem := _unusable(file)) is not None:
            yield Remark(f"The database {file} {problem}")
            return
    try:
        facts = facts_of(here)
    except DatabaseDown as error:
        yield Remark(str(error))
        return
    if facts.revision is not None and facts.revision not in known_revisions():
        yield Remark(
            f"The database is of a newer version of AVS Brain (its tables are at {facts.revision}, and this one knows "
            f"them up to {max(known_revisions())}): start that version or a newer one, or restore an older backup."
        )


def database_is_whole(here: Surroundings) -> Iterator[Remark]:
    """SQLite's own quick check finds no damage, within `LOOK_SECONDS`."""
    if (file := here.sqlite_file) is not None and file.exists() and (damage := damage_in(file)) is not None:
        yield Remark(f"The database {file} is damaged ({damage}). {BACKUP}")


def usage_index_is_whole(here: Surroundings) -> Iterator[Remark]:
    """The index of usage, if there is one, is a SQLite file without damage, within `LOOK_SECONDS`."""
    file = here.data_dir / "usage" / "index.sqlite"
    if not file.exists():
        return
    damage = _unusable(file) or ((found := damage_in(file)) and f"is damaged ({found}).")
    if damage:
        yield Remark(
            f"The index of usage {file} {damage} Restore it from a backup; or move it away with the files that begin "
            "like it: it is made anew from the files beside it, but for events that were not in a file yet."
        )


def publishing_target_can_be_used(here: Surroundings) -> Iterator[Remark]:
    """The URL is one that can be opened here; a folder can be written. Nothing is sent over the network."""
    url = here.environ.get("AVS_PUBLISH_URL")
    if not url:
        return
    from app.errors import Invalid
    from app.services.delivery.object_store import PublishStore  # late: fsspec is for those who publish

    try:
        PublishStore(url).require()
    except Invalid as error:
        yield Remark(f"AVS_PUBLISH_URL: {error.detail}")
        return
    if url.startswith("file://"):
        folder = Path(url.removeprefix("file://"))
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        if not nearest.is_dir():
            yield Remark(f"AVS_PUBLISH_URL is {folder}, and {nearest} is a file: give a folder.")
        elif not os.access(nearest, os.W_OK | os.X_OK):
            yield Remark(f"AVS_PUBLISH_URL is {folder}, and {nearest} cannot be written by this user: let it be.")
        elif folder.resolve().is_relative_to(here.data_dir.resolve()):
            yield Remark(
                f"AVS_PUBLISH_URL is {folder}, inside the data directory, which its owner alone may read: no web "
                f"server can give apps what is published there. Choose a folder beside {here.data_dir}.",
                stops=False,
            )


def _unusable(file: Path) -> str | None:
    """Why a SQLite file cannot even be opened, as the rest of a sentence; None when it can. An empty file is new."""
    if not file.is_file():
        return "is no file: correct its path."
    if not os.access(file, os.R_OK | os.W_OK):
        return "cannot be read and written by this user: let it belong to the user of AVS Brain."
    with file.open("rb") as opened:
        begins = opened.read(len(HEADER))
    return None if begins in (b"", HEADER) else f"is damaged (it does not begin as a database does). {BACKUP}"


def damage_in(file: Path) -> str | None:
    """The first damage that a quick check finds in a SQLite file, None when it finds none in time."""
    ends = time.monotonic() + LOOK_SECONDS
    connection = sqlite3.connect(file, timeout=LOOK_SECONDS)
    connection.set_progress_handler(lambda: int(time.monotonic() > ends), _CHUNK)
    try:
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        return None if "interrupted" in str(error) or "locked" in str(error) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()
    return None if answer == "ok" else str(answer).splitlines()[-1]
