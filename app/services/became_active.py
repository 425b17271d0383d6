"""Which subjects a transaction has given another document: whoever delivers elsewhere is told after the commit."""

from collections.abc import Mapping
from typing import Any

from app.models.config_version import SUBJECT_FIELDS

_NOTED = "avs_became_active"


def note(session: Any, subject: Mapping[str, str]) -> None:
    """Another document becomes current for the subject if this transaction commits."""
    session.info.setdefault(_NOTED, set()).add(tuple(subject[name] for name in SUBJECT_FIELDS))


def take(session: Any) -> set[tuple[str, ...]]:
    """What was noted since the last time, as values of SUBJECT_FIELDS; after a rollback too much, never too little."""
    found: set[tuple[str, ...]] = session.info.pop(_NOTED, set())
    return found
