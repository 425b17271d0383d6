"""The installation that a database and a data directory make: named in both from its first start on (decision 36)."""

import os
import secrets
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from app.checks.belonging import ID_FILE, read_id
from app.ids import new_id
from app.models.base import AnySession
from app.models.installation import Installation
from app.models.transactions import lock_subject, write
from app.models.workspace import Workspace


def begin(session: AnySession, data_dir: Path, *, with_demo: bool, now: datetime) -> Installation:
    """The installation of the database, which is given one on its first start, and the data directory its id.

    One from before there were ids adopts one. `with_demo`: a new one, where nobody has a workspace, awaits the demo.
    The file is written before the row, so that after a crash in between the next start goes on.
    """
    known = session.scalar(sa.select(Installation))
    if known is None:
        installation_id = read_id(data_dir) or new_id("inst_")
        _write_id(data_dir, installation_id)
        with write(session):
            lock_subject(session, ("installation",))
            if session.scalar(sa.select(Installation)) is None:
                awaits_demo = with_demo and session.scalar(sa.select(Workspace.workspace_id).limit(1)) is None
                row = {"installation_id": installation_id, "awaits_demo": awaits_demo, "created_at": now}
                session.add(Installation(**row))
        known = session.scalars(sa.select(Installation)).one()
        _write_id(data_dir, known.installation_id)  # another first start at the same moment may have been before
    return known


def adopt(session: AnySession, data_dir: Path, *, now: datetime) -> str:
    """Make the database and the data directory one installation, whatever they were; returns its id."""
    installation_id = begin(session, data_dir, with_demo=False, now=now).installation_id
    _write_id(data_dir, installation_id)
    return installation_id


def demo_is_settled(session: AnySession) -> None:
    """Note that the demo was loaded, or is not to be: no later start loads it unasked."""
    with write(session):
        session.execute(sa.update(Installation).values(awaits_demo=False))


def _write_id(data_dir: Path, installation_id: str) -> None:
    if read_id(data_dir) == installation_id:
        return
    path = data_dir / ID_FILE
    scratch = path.with_name(f".{ID_FILE}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{installation_id}\n")
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
