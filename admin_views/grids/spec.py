"""What a grid is: the table that it shows, and how."""

from dataclasses import dataclass

import sqlalchemy as sa

from admin_views.grids import screens
from admin_views.grids.services import EditableGrid
from app.models.base import Model

CATALOGS, AUTHORING, DECISIONS, EVIDENCE, LOG = "Catalogs", "Authoring", "Decisions", "Evidence", "Log"
CATEGORIES = (CATALOGS, AUTHORING, DECISIONS, EVIDENCE, LOG)


@dataclass(frozen=True)
class GridSpec:
    """One grid: what it shows, and what may be edited in it; without `editing` every route of it is read-only.

    The list shows `columns` after the identifier. `filters` and `sorts` name columns; of a table that grows without
    bound, which has `newest` and no `editing`, these lead an index. `newest` is the moment that lists begin with.
    `named_by` is the column by which other records name a row, where that is not the primary key; the grid filters by
    it first.
    `screen` gives the address of the screen that is about a row.
    """

    model: type[Model]
    name: str
    category: str
    about: str
    columns: tuple[str, ...]
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    newest: str | None = None
    links: tuple[tuple[str, type[Model]], ...] = ()
    named_by: str | None = None
    empty: str = "Nothing is recorded yet."
    editing: EditableGrid | None = None
    screen: screens.Address | None = None

    @property
    def table(self) -> sa.Table:
        return self.model.__table__

    @property
    def one(self) -> str:
        """The name of one record: the grid's name in the singular."""
        return self.name if self.name == "Rails" else self.name.removesuffix("s")

    @property
    def endpoint(self) -> str:
        """The name of the grid's view in `url_for`."""
        return f"grid_{self.table.name}"

    @property
    def slug(self) -> str:
        """The grid's part of addresses and file names."""
        return self.name.lower().replace(" ", "-")

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key's columns, in order."""
        return tuple(column.name for column in self.table.primary_key)

    @property
    def identifier(self) -> str:
        """The column that identifies a row to people."""
        return self.named_by or self.key[-1]

    @property
    def references(self) -> dict[str, type[Model]]:
        """Column → model of the row it names: foreign keys, and the `links` that the database does not enforce."""
        return {
            key.parent.name: _model_of(key.column.table)
            for constraint in self.table.foreign_key_constraints
            if len(constraint.elements) == 1
            for key in constraint.elements
        } | dict(self.links)


def _model_of(table: sa.Table) -> type[Model]:
    return next(mapper.class_ for mapper in Model.registry.mappers if mapper.local_table is table)
