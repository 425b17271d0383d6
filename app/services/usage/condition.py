"""How the files of the usage events are: damaged ones by workspace, and what was set aside (spec 4.1)."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from app.actor import Actor
from app.errors import Unavailable
from app.models.base import AnySession
from app.models.transactions import write
from app.services.product_events import log_event
from app.services.usage.file_store import FileStore
from app.services.usage.set_aside import TAKEN_OUT, UNFINISHED, Aside, files_aside
from app.services.usage.soundness import WAYS_ON, Damage
from app.services.usage.stored_file import StoredFile
from app.unavailable import refusal_of_failure

NO_ANSWER = "The usage store does not answer; the server's log says more."
TAKE_IN = "They do not count: avs usage check names them, avs usage reindex --take-in stores their events."


@dataclass(frozen=True, slots=True)
class Condition:
    """What is wrong with the store, if anything: damaged files by workspace, and files that were set aside as unknown.

    `kept` are files that were set aside for a reason that asks for nothing: taken out, or of an unfinished write.
    """

    files: int
    damages: dict[str, list[Damage]]
    unknown: tuple[Aside, ...]
    kept: tuple[Aside, ...]

    @property
    def is_well(self) -> bool:
        """Whether everything that was stored counts."""
        return not (self.damages or self.unknown)

    @property
    def sentences(self) -> list[str]:
        """What is wrong and the ways on, for operators; empty when nothing is."""
        damaged = [f"{damage.sentence}." for damages in self.damages.values() for damage in damages]
        sentences = [*damaged[:3], *([f"{len(damaged) - 3:,} more files are damaged."] if len(damaged) > 3 else [])]
        sentences += [f"What reads them is refused. {WAYS_ON}"] if damaged else []
        many = "1 file of usage events was" if len(self.unknown) == 1 else f"{len(self.unknown):,} files of usage were"
        aside = f"{many} set aside because the index does not know of them. {TAKE_IN}"
        return sentences + ([aside] if self.unknown else [])


def condition_of(store: FileStore, *, bytes_too: bool = False, anew: bool = False) -> Condition:
    """The condition of all files: by the folder and what was read of them before, `bytes_too` reads the others once.

    `anew` reads all of them again.
    """
    asides = files_aside(store.root)
    quiet = (UNFINISHED, TAKEN_OUT)
    damages = store.all_damages(bytes_too=bytes_too or anew, anew=anew)
    return Condition(
        files=store.count_files(),
        damages={name: some for name, some in damages.items() if some},
        unknown=tuple(aside for aside in asides if aside.reason not in quiet),
        kept=tuple(aside for aside in asides if aside.reason in quiet),
    )


def trouble_of(store: FileStore) -> list[str]:
    """What is wrong with the files, as sentences; also where the index does not answer, so that a page can say it."""
    try:
        return condition_of(store).sentences
    except (Unavailable, sqlite3.Error, OSError) as error:
        refusal = refusal_of_failure(error)
        return [refusal.detail if refusal else NO_ANSWER]


def take_out(session: AnySession, store: FileStore, path: str, *, actor: Actor, now: datetime) -> StoredFile:
    """Let a file's events no longer count, set it aside where it is still there, and say so in the product event log.

    NotFound for a path that no file which counts has. Opens and commits a write transaction of its own, afterwards.
    """
    session.rollback()
    workspace_id, file = store.take_out(path, now)
    with write(session):
        log_event(
            session,
            "usage_file_taken_out",
            actor=actor,
            now=now,
            workspace_id=workspace_id,
            entity_id=workspace_id,
            file=file.path,
            events=file.rows,
        )
    return file
