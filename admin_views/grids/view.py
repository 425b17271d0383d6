"""The view of a grid that is only read: list, search, filters, details and CSV, all from its `GridSpec`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Response, abort, request, stream_with_context, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.model.base import BaseModelView, ViewArgs
from flask_admin.tools import iterdecode, iterencode
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from admin_views.base import GuardedView, expose
from admin_views.formatters import full, kind_of, label_of, plain, short
from admin_views.grids.filters import (
    EVERY,
    WORKSPACE,
    ColumnFilter,
    FilterInput,
    InWorkspace,
    filter_input,
    filters_for,
    workspace_column,
)
from admin_views.grids.spec import GridSpec
from admin_views.grids.specs import GRIDS
from app import clock
from app.models.base import Model, db
from app.models.workspace import Workspace
from app.services.search import matching
from rules.csv_cells import csv_line
from simulation.canonical import Json

ROWS = 25
EXPORT_CHUNK = 1_000
LAST_PAGE = 1_000_000
REFERRING_ROWS = 5
MAX_NUMBER = 2**63 - 1
"""The largest integer that a database compares with."""
COPY = "copy_id"

ChosenFilter = tuple[int, str, str]
"""A filter of the address: its index among the grid's filters, its label, and the text to compare with."""
Record = Model | sa.Row[tuple[Json, ...]]
"""A row of the grid's table: whole, or the columns that a list shows."""


class Referring(NamedTuple):
    """The first rows of another grid that name a row, each with its address; `more` is where all of them are."""

    spec: GridSpec
    label: str
    rows: list[tuple[str, str]]
    more: str | None


class GridView(GuardedView, BaseModelView):
    """A grid that is only read. The stock write routes exist and refuse: `writes` is empty, every `can_…` is False."""

    can_create = can_edit = can_delete = False
    can_view_details = can_export = True
    column_display_actions = False
    column_editable_list = None
    named_filter_urls = True
    form_base_class = SecureForm
    page_size = ROWS
    list_template = "avs/list.html"
    details_template = "avs/details.html"

    def __init__(self, spec: GridSpec) -> None:
        self.spec = spec
        first = [spec.named_by] if spec.named_by else []
        names = list(dict.fromkeys((*first, *(column.name for column in spec.table.columns))))
        self.kinds = {column.name: kind_of(column) for column in spec.table.columns}
        self.column_labels = {name: label_of(name) for name in names} | {COPY: "Copy ID"}
        self.column_list = (spec.identifier, COPY, *(name for name in spec.columns if name != spec.identifier))
        self.column_details_list = tuple(names)
        self.column_export_list = tuple(names)
        self.column_sortable_list = spec.sorts
        self.column_filters = [
            column_filter for name in spec.filters for column_filter in filters_for(spec.table.c[name], label_of(name))
        ]
        own = workspace_column(spec.table)
        if own is not None and WORKSPACE not in spec.filters:
            self.column_filters.append(InWorkspace(own))
        self.references = spec.references
        super().__init__(
            spec.model, name=spec.name, category=spec.category, endpoint=spec.endpoint, url=f"/admin/{spec.slug}"
        )

    # The methods that the stock base expects of the view of a database

    def scaffold_form(self) -> type[SecureForm]:
        form: type[SecureForm] = SecureForm
        return form

    def scaffold_sortable_columns(self) -> dict[str, str]:
        return {}

    def init_search(self) -> bool:
        return True

    def search_placeholder(self) -> str:
        return f"Search {self.name.lower()}"

    def get_empty_list_message(self) -> str:
        return self.spec.empty

    def get_filter_arg(self, index: int, flt: ColumnFilter[object]) -> str:
        return flt.argument

    def _get_list_filter_args(self) -> list[ChosenFilter]:
        """The filters of the address, without those whose input was left empty."""
        chosen: list[ChosenFilter] = super()._get_list_filter_args() or []
        return [*self._preset(), *((index, label, text) for index, label, text in chosen if text.strip())]

    def _preset(self) -> list[ChosenFilter]:
        """The filter for the workspace in which the operator works, unless the address has one of its own."""
        current = browser.get(WORKSPACE)
        if current is None or WORKSPACE not in (self._filter_args or {}) or self._chosen_workspace() is not None:
            return []
        index, column_filter = (self._filter_args or {})[WORKSPACE]
        return [(index, column_filter.name, current)]

    def _chosen_workspace(self) -> str | None:
        texts = (text for name, text in request.args.items() if name.startswith("flt") and name.endswith(WORKSPACE))
        return next((text for text in texts if text.strip()), None)

    def _get_list_extra_args(self) -> ViewArgs:
        """The arguments of the address that lists know; the stock version would pass any other on to `url_for`."""
        arguments = super()._get_list_extra_args()
        arguments.extra_args = {}
        return arguments

    def export_url(self) -> str:
        """The address of the CSV file of what the list shows."""
        return self._with_arguments(".export", request.args, export_type="csv")

    def list_url_without(self, name: str) -> str:
        """The list's address without one of its filters, from the first page."""
        kept = {key: value for key, value in request.args.items() if key not in (name, "page")}
        if name.endswith(WORKSPACE):
            kept[name] = EVERY
        return self._with_arguments(".index_view", kept)

    def _with_arguments(self, endpoint: str, arguments: Mapping[str, str], **parts: str) -> str:
        query = urlencode(list(arguments.items()))
        address: str = self.get_url(endpoint, **parts)
        return address + (f"?{query}" if query else "")

    def get_invalid_value_msg(self, value: str, filter: ColumnFilter[object]) -> str:
        return f"{filter.name}: {value!r} cannot be filtered by, so it was left out." if value.strip() else ""

    def get_pk_value(self, model: Record) -> str:
        """The primary key as one text, as addresses carry it."""
        return _key_text([getattr(model, name) for name in self.spec.key])

    def get_one(self, id: str) -> Model | None:
        """The row of an id in an address, or None."""
        key = self.key_of(id)
        return db.session.get(self.spec.model, key) if key else None

    def key_of(self, id: str) -> tuple[Json, ...] | None:
        """The primary key's values of an id in an address; None when they cannot be a key of this table."""
        parts = (id,) if len(self.spec.key) == 1 else iterdecode(id)
        try:
            types = [self.spec.table.c[name].type.python_type for name in self.spec.key]
            key = tuple(kind(part) for kind, part in zip(types, parts, strict=True))
        except ValueError:
            return None
        return None if any(isinstance(part, int) and part > MAX_NUMBER for part in key) else key

    # Lists

    def get_list(
        self,
        page: int | None,
        sort_field: str | None,
        sort_desc: bool | int | None,
        search: str | None,
        filters: Sequence[ChosenFilter] | None,
        page_size: int | None = None,
    ) -> tuple[None, list[Record]]:
        """No count and the rows of one page; a row too many is read to know whether another page follows."""
        offset = min(max(page or 0, 0), LAST_PAGE) * ROWS
        names = dict.fromkeys((*self.spec.key, self.spec.identifier, *self.spec.columns))
        statement = self._select(names, sort_field, sort_desc, search, filters).limit(ROWS + 1).offset(offset)
        rows = db.session.execute(statement).all()
        self._template_args["have_next"] = len(rows) > ROWS
        return None, list(rows[:ROWS])

    def _select(
        self,
        names: Iterable[str],
        sort_field: str | None,
        sort_desc: bool | int | None,
        search: str | None,
        filters: Sequence[ChosenFilter] | None,
    ) -> sa.Select[tuple[Json, ...]]:
        """The query for these columns of the rows that the search and the filters leave, in order."""
        table = self.spec.table
        statement = sa.select(*(table.c[name] for name in names))
        if search and search.strip():
            statement = statement.where(matching(db.session, table, search))
        for index, _label, text in filters or ():
            column_filter: ColumnFilter[object] = self._filters[index]
            statement = column_filter.apply(statement, column_filter.clean(text))
        return statement.order_by(*self._order(sort_field, bool(sort_desc)))

    def _order(self, sort_field: str | None, descending: bool) -> list[sa.ColumnElement[object]]:
        """A total order: the chosen column if any, then the moment, then the primary key, all in one direction."""
        newest = [self.spec.newest] if self.spec.newest else []
        if sort_field is None or sort_field not in self._sortable_columns:
            chosen, descending = [], bool(self.spec.newest)
        else:
            chosen = [sort_field]
        named_by = [self.spec.named_by] if self.spec.named_by else []
        columns = (self.spec.table.c[name] for name in dict.fromkeys((*chosen, *newest, *named_by, *self.spec.key)))
        return [column.desc() if descending else column.asc() for column in columns]

    def get_list_value(self, model: Record, name: str) -> Markup:
        """A cell of the list."""
        if name == COPY:
            return self._tools(model)
        value = getattr(model, name)
        if name == self.spec.identifier:
            return self._link(self.get_url(".details_view", id=self.get_pk_value(model)), value)
        return self._linked(name, value) or short(value, self.kinds[name])

    def _tools(self, model: Record) -> Markup:
        """The buttons of a row: copy its id, and open the screen that is about it."""
        identifier, screen = getattr(model, self.spec.identifier), self.screen_of(model)
        copy = Markup('<button type="button" class="copy" data-copy="{0}" aria-label="Copy {0}">Copy</button>')
        opened = Markup('<a class="open" href="{}" aria-label="Open {} in its screen">Open</a>')
        return copy.format(identifier) + (opened.format(screen, identifier) if screen else "")

    def _linked(self, name: str, value: str | None) -> Markup | None:
        """The value as a link to the row that it names, None when it names none."""
        target = self.references.get(name)
        if target is None or value is None:
            return None
        spec = next(spec for spec in GRIDS if spec.model is target)
        if spec.named_by:  # several rows may have the name: the list of them, not one
            return self._link(_filtered_url(spec, spec.named_by, value) or "", value)
        address = url_for(f"{spec.endpoint}.details_view", id=value)
        if target is Workspace:
            workspace = db.session.get(Workspace, value)
            return self._link(address, value) if workspace is None else _named(address, workspace)
        return self._link(address, value)

    def screen_of(self, row: Record) -> str | None:
        """The address of the screen that is about the row, None where none is."""
        return self.spec.screen(row) if self.spec.screen else None

    @staticmethod
    def _link(url: str, value: str) -> Markup:
        return Markup('<a class="id" href="{}">{}</a>').format(url, value)

    def cell_class(self, name: str) -> str:
        """The CSS class of a column's cells: numbers are aligned on the right."""
        return "num" if self.kinds.get(name) in ("decimal", "integer") else ""

    def filter_inputs(self) -> list[FilterInput]:
        """The filter form: every filter with the value that the address gives it."""
        texts = {index: text for index, _label, text in self._get_list_filter_args()}
        return [
            filter_input(index, column_filter, column_filter.offered(), texts.get(index, ""))
            for index, column_filter in enumerate(self._filters or ())
        ]

    # Details

    @expose("/details/")
    def details_view(self) -> str:
        """Everything that a row stores, and the rows of other grids that name it."""
        row = self.existing()
        page: str = self.render(
            self.details_template,
            model=row,
            row_id=self.get_pk_value(row),
            details_columns=self._details_columns,
            get_value=self._detail_value,
            referring=list(self._referring(row)),
            frozen=self.frozen(row),
        )
        return page

    def frozen(self, row: Model) -> str | None:
        """Why a row may not change any more, None when it may or when this grid edits no row."""
        return None

    def existing(self) -> Model:
        """The row that the address names; NotFound that names it."""
        identifier = request.values.get("id", "").replace("\x00", "")  # PostgreSQL's text cannot hold it
        row = self.get_one(identifier)
        if row is None:
            raise NotFound(f"{self.name} has no record {identifier!r}.")
        return row

    def _detail_value(self, model: Model, name: str) -> Markup:
        value = getattr(model, name)
        return self._linked(name, value) or full(value, self.kinds[name])

    def _referring(self, row: Model) -> Iterator[Referring]:
        """The rows of other grids that name this row, as far as an index finds them."""
        if len(self.spec.key) != 1:
            return
        value = getattr(row, self.spec.identifier)
        for spec in GRIDS:
            for name, target in spec.references.items():
                if target is self.model and _is_indexed(spec.table, name):
                    rows = self._referring_rows(spec, name, value)
                    more = _filtered_url(spec, name, value) if len(rows) > REFERRING_ROWS else None
                    if rows:
                        yield Referring(spec, label_of(name), rows[:REFERRING_ROWS], more)

    def _referring_rows(self, spec: GridSpec, name: str, value: str) -> list[tuple[str, str]]:
        """(key, address) of the first rows whose column names the value, and of one more."""
        columns = [spec.table.c[column] for column in dict.fromkeys((*spec.key, spec.identifier))]
        statement = sa.select(*columns).where(spec.table.c[name] == value).limit(REFERRING_ROWS + 1)
        shown = (spec.identifier,) if spec.named_by else spec.key
        return [
            (
                " / ".join(str(row[name]) for name in shown),
                url_for(f"{spec.endpoint}.details_view", id=_key_text([str(row[name]) for name in spec.key])),
            )
            for row in db.session.execute(statement).mappings()
        ]

    # CSV

    @expose("/export/<export_type>/")
    def export(self, export_type: str) -> ResponseReturnValue:
        """Stream a CSV file with every column of every row that the list's search and filters leave, in its order."""
        if export_type != "csv":
            abort(404)
        arguments = self._get_list_extra_args()
        sort = self._get_column_by_idx(arguments.sort)
        names = [name for name, _label in self._export_columns]
        statement = self._select(names, sort and sort[0], arguments.sort_desc, arguments.search, arguments.filters)
        stamp = clock.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        return Response(
            stream_with_context(self._csv_lines(names, statement)),
            mimetype="text/csv",
            headers={"Content-Disposition": f"attachment; filename={self.spec.slug}-{stamp}.csv"},
        )

    def _csv_lines(self, names: list[str], statement: sa.Select[tuple[Json, ...]]) -> Iterator[str]:
        yield csv_line(names)
        kinds = [self.kinds[name] for name in names]
        for row in db.session.execute(statement, execution_options={"yield_per": EXPORT_CHUNK}):
            yield csv_line([plain(value, kind) for value, kind in zip(row, kinds, strict=True)])


def _named(address: str, workspace: Workspace) -> Markup:
    return Markup('<a href="{}">{}</a> <span class="id small">{}</span>').format(
        address, workspace.workspace_name, workspace.workspace_id
    )


def _key_text(key: Sequence[object]) -> str:
    """A primary key as one text, from which `GridView.key_of` reads its values again."""
    text: str = iterencode(key) if len(key) > 1 else str(key[0])
    return text


def _is_indexed(table: sa.Table, name: str) -> bool:
    leads_the_key = next(iter(table.primary_key)).name == name
    return leads_the_key or any(next(iter(index.columns)).name == name for index in table.indexes)


def _filtered_url(spec: GridSpec, name: str, value: str) -> str | None:
    """The address of a grid's list, narrowed to a value of the column; None when the grid has no such filter."""
    if name not in spec.filters:
        return None
    position = sum(len(filters_for(spec.table.c[item], "")) for item in spec.filters[: spec.filters.index(name)])
    query: dict[str, Any] = {f"flt{position}_{name}": value}
    return url_for(f"{spec.endpoint}.index_view", **query)
