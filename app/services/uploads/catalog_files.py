"""Files of catalog entries that are given to the command line: their columns are recognised by their names."""

from pathlib import Path

from app.errors import Invalid
from app.services.catalogs.kinds import Kind
from app.services.uploads.imports import Choice, NamedRow, named_rows
from app.services.uploads.mapping import CATALOG_KINDS, KnownNames, guess
from app.services.usage.fields import UnreadableInput
from app.services.usage.heads import format_of, read_head


def rows_of(kind: Kind, path: Path) -> list[NamedRow]:
    """The rows of a CSV file; Invalid when it is no CSV or lacks the column of a needed field."""
    try:
        if format_of(path) != "csv":
            raise UnreadableInput("is not CSV: give one row per entry, and name the columns in the first line")
        head, _content = read_head(path, "csv")
    except UnreadableInput as error:
        raise Invalid(f"{path.name} {error}.", code=error.code) from error
    upload_kind = next(name for name, catalog in CATALOG_KINDS.items() if catalog is kind)
    choice = Choice(guess(upload_kind, head, KnownNames()))
    missing = [name for name in kind.needed if name not in choice.mapping]
    if missing:
        raise Invalid(
            f"{path.name} has no column {' and no column '.join(missing)}; it has: {', '.join(head.columns)}.",
            code="invalid_input",
        )
    return list(named_rows(path, choice))
