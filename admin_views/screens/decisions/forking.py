"""Forking a decision: a new draft with its pools, exploration and rails, for a subject that the operator chooses."""

from dataclasses import fields

from admin_views.base import note
from app.identity import acting
from app.models.base import db
from app.models.transactions import write
from app.services.authoring.fork import Target, fork

TARGET_FIELDS = tuple(field.name for field in fields(Target) if field.name != "config_name")
"""The names of where a fork goes, which are columns of a config too."""


def fork_decision(decision_id: str, target: Target) -> str:
    """Fork the decision in one transaction; the new draft's id."""
    with write(db.session):
        draft = fork(db.session, decision_id, target, **acting())
        config_version_id, name = draft.config_version_id, draft.display_name
    note(f"{name} is a new draft, version {draft.version} of its subject.")
    return config_version_id
