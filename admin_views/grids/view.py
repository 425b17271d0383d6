"""One view class for every grid: list, search, filters, details and CSV from a `GridSpec`; nothing here writes."""

import csv
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Response, abort, request, stream_with_context, url_for
from flask_admin import expose
from flask_admin.form import SecureForm
from flask_admin.model.base import BaseModelView
from flask_admin.tools import iterdecode, iterencode
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from admin_views.base import GuardedView
from admin_views.formatters import full, kind_of, label_of, plain, short
from admin_views.grids.filters import filters_for
from admin_views.grids.specs import GRIDS, GridSpec
from app import clock
from app.models.base import db
from app.services.search import matching

ROWS = 25
EXPORT_CHUNK = 1_000
LAST_PAGE = 1_000_000
REFERRING_ROWS = 5
COPY = "copy_id"


class GridView(GuardedView, BaseModelView):
    """A grid that only reads. The stock write routes exist and refuse: `writes` is empty, every `can_…` is False."""

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
        names = [column.name for column in spec.table.columns]
        self.kinds = {column.name: kind_of(column) for column in spec.table.columns}
        self.column_labels = {name: label_of(name) for name in names} | {COPY: "Copy ID"}
        self.column_list = (spec.key[-1], COPY, *(name for name in spec.columns if name != spec.key[-1]))
        self.column_details_list = tuple(names)
        self.column_export_list = tuple(names)
        self.column_sortable_list = spec.sorts
        self.column_filters = [
            found for name in spec.filters for found in filters_for(spec.table.c[name], label_of(name))
        ]
        self.references = spec.references
        super().__init__(
            spec.model, name=spec.name, category=spec.category, endpoint=spec.endpoint, url=f"/admin/{spec.slug}"
        )

    # What the stock base asks of a backend

    def scaffold_form(self) -> Any:
        return self.form_base_class

    def scaffold_sortable_columns(self) -> dict[str, str]:
        return {}

    def init_search(self) -> bool:
        return True

    def search_placeholder(self) -> str:
        return f"Search {self.name.lower()}"

    def get_empty_list_message(self) -> str:
        return self.spec.empty

    def get_filter_arg(self, index: int, flt: Any) -> str:
        return str(flt.argument)

    def _get_list_filter_args(self) -> Any:
        """The filters of the URL, less the inputs that were left empty."""
        found = super()._get_list_filter_args()
        return [item for item in found or () if item[2].strip()]

    def _get_list_extra_args(self) -> Any:
        """The arguments of the URL that lists know; the stock version would pass any other on to `url_for`."""
        arguments = super()._get_list_extra_args()
        arguments.extra_args = {}
        return arguments

    def export_url(self) -> str:
        return self._with_arguments(".export", request.args, export_type="csv")

    def list_url_without(self, name: str) -> str:
        return self._with_arguments(".index_view", {k: v for k, v in request.args.items() if k not in (name, "page")})

    def _with_arguments(self, endpoint: str, arguments: Any, **parts: str) -> str:
        query = urlencode(list(arguments.items()))
        return self.get_url(endpoint, **parts) + (f"?{query}" if query else "")

    def get_invalid_value_msg(self, value: str, filter: Any) -> str:
        return f"{filter.name}: {value!r} cannot be filtered by, so it was left out." if value.strip() else ""

    def get_pk_value(self, model: Any) -> str:
        values = [getattr(model, name) for name in self.spec.key]
        return str(values[0]) if len(values) == 1 else iterencode(values)

    def get_one(self, id: Any) -> Any:
        key = self.key_of(id)
        return db.session.get(self.model, key) if key else None

    def key_of(self, id: str) -> tuple[Any, ...] | None:
        """The parts of an id in an address, None when they cannot be a key of this table."""
        parts = (id,) if len(self.spec.key) == 1 else iterdecode(id)
        try:
            types = [self.spec.table.c[name].type.python_type for name in self.spec.key]
            return tuple(kind(part) for kind, part in zip(types, parts, strict=True))
        except ValueError:
            return None

    # Lists

    def get_list(
        self,
        page: int | None,
        sort_field: Any,
        sort_desc: bool,
        search: str | None,
        filters: Any,
        page_size: int | None = None,
    ) -> tuple[None, list[Any]]:
        """One page of rows, and one row more to know whether another page follows: nothing is ever counted."""
        offset = min(max(page or 0, 0), LAST_PAGE) * ROWS
        names = dict.fromkeys((*self.spec.key, *self.spec.columns))
        statement = self._select(names, sort_field, sort_desc, search, filters).limit(ROWS + 1).offset(offset)
        rows = db.session.execute(statement).all()
        self._template_args["have_next"] = len(rows) > ROWS
        return None, list(rows[:ROWS])

    def _select(self, names: Any, sort_field: Any, sort_desc: Any, search: str | None, filters: Any) -> Any:
        table = self.spec.table
        statement = sa.select(*(table.c[name] for name in names))
        if search and search.strip():
            statement = statement.where(matching(db.session, table, search))
        for index, _name, value in filters or ():
            chosen = self._filters[index]
            statement = chosen.apply(statement, chosen.clean(value))
        return statement.order_by(*self._order(sort_field, bool(sort_desc)))

    def _order(self, sort_field: Any, descending: bool) -> list[Any]:
        """A total order: the column asked for if any, then the time, then the primary key, all in one direction."""
        newest = [self.spec.newest] if self.spec.newest else []
        names, descending = (
            ([sort_field], descending) if sort_field in self._sortable_columns else ([], bool(self.spec.newest))
        )
        names = list(dict.fromkeys((*names, *newest, *self.spec.key)))
        columns = (self.spec.table.c[name] for name in names)
        return [column.desc() if descending else column.asc() for column in columns]

    def get_list_value(self, model: Any, name: str) -> Any:
        if name == COPY:
            return Markup(
                '<button type="button" class="copy" data-copy="{0}" aria-label="Copy {0}">Copy</button>'
            ).format(getattr(model, self.spec.key[-1]))
        value = getattr(model, name)
        if name == self.spec.key[-1]:
            return self._link(self.get_url(".details_view", id=self.get_pk_value(model)), value)
        return self._linked(name, value) or short(value, self.kinds[name])

    def _linked(self, name: str, value: Any) -> Markup | None:
        target = self.references.get(name)
        if target is None or value is None:
            return None
        return self._link(url_for(f"grid_{target.__table__.name}.details_view", id=value), value)

    @staticmethod
    def _link(url: str, value: Any) -> Markup:
        return Markup('<a class="id" href="{}">{}</a>').format(url, value)

    def cell_class(self, name: str) -> str:
        """Figures stand on the right, the rest on the left."""
        return "num" if self.kinds.get(name) in ("decimal", "integer") else ""

    def filter_inputs(self) -> list[dict[str, Any]]:
        """The filter form: every filter with the value that the URL gives it."""
        given = {index: value for index, _name, value in self._get_list_filter_args() or ()}
        return [
            {
                "name": f"flt{index}_{item.argument}",
                "label": item.name,
                "options": item.get_options(self),
                "type": item.data_type or "text",
                "value": given.get(index, ""),
            }
            for index, item in enumerate(self._filters or ())
        ]

    # Details

    @expose("/details/")
    def details_view(self) -> Any:
        row = self.existing()
        return self.render(
            self.details_template,
            model=row,
            row_id=self.get_pk_value(row),
            details_columns=self._details_columns,
            get_value=self._detail_value,
            referring=list(self._referring(row)),
            frozen=self.frozen(row),
        )

    def frozen(self, row: Any) -> str | None:
        """Why a row that this grid could edit may not change any more."""
        return None

    def existing(self) -> Any:
        """The row that the URL names, or 404."""
        identifier = request.values.get("id", "").replace("\x00", "")  # PostgreSQL's text cannot hold it
        row = self.get_one(identifier)
        if row is None:
            raise NotFound(f"{self.name} has no record {identifier!r}.")
        return row

    def _detail_value(self, model: Any, name: str) -> Any:
        value = getattr(model, name)
        return self._linked(name, value) or full(value, self.kinds[name])

    def _referring(self, row: Any) -> Iterator[dict[str, Any]]:
        """Rows of other grids that name this one: the first few, through an index, and where the rest are."""
        if len(self.spec.key) != 1:
            return
        value = getattr(row, self.spec.key[0])
        for spec in GRIDS:
            for name, target in spec.references.items():
                if target is self.model and _is_indexed(spec.table, name):
                    found = self._referring_rows(spec, name, value)
                    if found:
                        yield {"spec": spec, "label": label_of(name), "rows": found[:REFERRING_ROWS]} | {
                            "more": len(found) > REFERRING_ROWS and _filtered_url(spec, name, value)
                        }

    def _referring_rows(self, spec: GridSpec, name: str, value: Any) -> list[tuple[str, str]]:
        key = [spec.table.c[column] for column in spec.key]
        statement = sa.select(*key).where(spec.table.c[name] == value).limit(REFERRING_ROWS + 1)
        return [
            (" / ".join(key), url_for(f"{spec.endpoint}.details_view", id=key[0] if len(key) == 1 else iterencode(key)))
            for key in (tuple(map(str, row)) for row in db.session.execute(statement))
        ]

    # CSV

    @expose("/export/<export_type>/")
    def export(self, export_type: str) -> Any:
        """Every column of every row that the list's search, filters and order give, streamed."""
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

    def _csv_lines(self, names: list[str], statement: Any) -> Iterator[str]:
        line = csv.writer(_Echo()).writerow
        yield line(names)
        kinds = [self.kinds[name] for name in names]
        for row in db.session.execute(statement, execution_options={"yield_per": EXPORT_CHUNK}):
            yield line([plain(value, kind) for value, kind in zip(row, kinds, strict=True)])


class _Echo:
    """A file whose write returns the line, so that a csv writer can feed a generator."""

    @staticmethod
    def write(line: str) -> str:
        return line


def _is_indexed(table: sa.Table, name: str) -> bool:
    first = next(iter(table.primary_key)).name == name
    return first or any(next(iter(index.columns)).name == name for index in table.indexes)


def _filtered_url(spec: GridSpec, name: str, value: str) -> str | None:
    if name not in spec.filters:
        return None
    position = sum(len(filters_for(spec.table.c[item], "")) for item in spec.filters[: spec.filters.index(name)])
    return url_for(f"{spec.endpoint}.index_view", **{f"flt{position}_{name}": value})
