"""A queue of events that cannot be opened or read: an app goes on without it, and somebody must be told."""

import os
import sqlite3
import time
from pathlib import Path

from avs_brain_client.document import Subject
from avs_brain_client.events import EventQueue
from avs_brain_client.paths import queue_path
from avs_brain_client.problems import QUEUE_DAMAGED, QUEUE_IN_MEMORY, Problems

PARTS = ("", "-wal", "-shm")


def queue_in(folder: Path | None, subject: Subject, problems: Problems) -> EventQueue:
    """The queue in its folder; a damaged one is set aside, and where nothing can be written it is in memory."""
    if folder is None:
        return EventQueue()
    path = queue_path(folder, subject)
    try:
        try:
            return EventQueue(path)
        except sqlite3.DatabaseError as problem:
            if not is_damage(problem):
                raise
            if not _is_sound(path):
                _set_aside(path, problems)
            return EventQueue(path)
    except (OSError, sqlite3.Error) as problem:
        text = f"Events are kept in memory only, and lost with this process, for {path} cannot be opened: {problem}"
        problems.begin(QUEUE_IN_MEMORY, text)
        return EventQueue()


def mend(queue: EventQueue, problems: Problems) -> None:
    """Go on with an empty queue in place of one that turned out to be damaged, unless another process did so before."""
    if queue.path is None:
        return
    queue.close()
    if not _is_sound(queue.path):
        _set_aside(queue.path, problems)


def is_damage(problem: sqlite3.Error) -> bool:
    """Whether the file is no database, or a broken one; a full disk or a lock is an OperationalError."""
    return type(problem) is sqlite3.DatabaseError


def _is_sound(path: Path) -> bool:
    try:
        connection = sqlite3.connect(path)
        try:
            return bool(connection.execute("PRAGMA quick_check").fetchone() == ("ok",))
        finally:
            connection.close()
    except sqlite3.DatabaseError as problem:
        return not is_damage(problem)


def _set_aside(path: Path, problems: Problems) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for part in PARTS:
        if os.path.exists(f"{path}{part}"):
            os.replace(f"{path}{part}", f"{aside}{part}")
    text = f"The queue of events was damaged and is empty now. Events that waited in it are in {aside}."
    problems.begin(QUEUE_DAMAGED, text)
