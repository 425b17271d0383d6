"""Insert, change and remove the rows that operators author, and refuse what the catalogs do not know."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, FieldError, invalid, invalid_field
from app.models.base import AnySession, Model
from app.models.workspace import Workspace
from app.services.catalogs.kinds import Kind
from app.services.catalogs.reading import keys_of

Row = TypeVar("Row", bound=Model)


def assign(row: Model, fields: Mapping[str, object]) -> None:
    """Set the attributes of a row that the fields name."""
    for name, value in fields.items():
        setattr(row, name, value)


def insert(session: AnySession, row: Row, key: str) -> Row:
    """Add a row whose identifier, the attribute `key`, may have been given; Conflict when it is taken."""
    identifier = getattr(row, key)
    if identifier is not None and session.get(type(row), identifier) is not None:
        raise Conflict(f"{key} {identifier!r} is taken already.", code="already_exists")
    session.add(row)
    session.flush()
    return row


def remove(session: AnySession, row: Model, kind: str, identifier: str) -> None:
    """Delete a row; Conflict when other records refer to it."""
    session.delete(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"The {kind} {identifier} is still referred to by other records.", code="in_use") from error


def unknown_ids(
    session: AnySession, kind: Kind, workspace_id: str, ids: Iterable[str], pointer: str
) -> list[FieldError]:
    """One error for each of the ids that the workspace does not read in the catalog, at its place in the list."""
    known_ids = keys_of(session, kind.model, workspace_id)
    return [
        FieldError(
            f"{pointer}/{index}",
            f"{identifier!r} is not in the {kind.one} catalog; it has: {', '.join(known_ids) or 'nothing'}",
        )
        for index, identifier in enumerate(ids)
        if identifier not in known_ids
    ]


def raise_all(errors: Iterable[FieldError]) -> None:
    """Raise Invalid that names every error, if there is one."""
    if listed := list(errors):
        raise invalid(*listed)


def require_workspace(session: AnySession, workspace_id: str) -> None:
    """Raise Invalid when there is no such workspace."""
    if session.get(Workspace, workspace_id) is None:
        raise invalid_field("/workspace_id", f"There is no workspace {workspace_id!r}.")
