"""Look a record up by its identifier, or refuse with NotFound."""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql.selectable import ForUpdateParameter

from app.errors import not_found
from app.models.base import AnySession, Model

Row = TypeVar("Row", bound=Model)


def get(
    session: AnySession,
    model: type[Row],
    identifier: str | tuple[str, ...],
    kind: str,
    *,
    options: Sequence[ORMOption] | None = None,
    populate_existing: bool = False,
    with_for_update: ForUpdateParameter = None,
) -> Row:
    """The row with this primary key, or NotFound that names it as a record of the `kind`.

    The keywords are those of `Session.get`.
    """
    row: Row | None = session.get(
        model, identifier, options=options, populate_existing=populate_existing, with_for_update=with_for_update
    )
    if row is None:
        raise not_found(kind, identifier if isinstance(identifier, str) else "/".join(identifier))
    return row
