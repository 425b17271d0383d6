"""Look a record up by its identifier, or refuse with NotFound."""

from typing import Any

from app.errors import not_found


def get(session: Any, model: type[Any], identifier: Any, kind: str, **options: Any) -> Any:
    """The row, or NotFound that names it."""
    row = session.get(model, identifier, **options)
    if row is None:
        raise not_found(kind, identifier if isinstance(identifier, str) else "/".join(identifier))
    return row
