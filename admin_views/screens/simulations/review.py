"""Flow 4B: promote or not. Pictures first, each with its table; then what they rest on and how to get them again."""

import csv
from dataclasses import dataclass
from io import StringIO
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from flask_admin import expose
from markupsafe import Markup

from admin_views.formatters import plain
from admin_views.screens import figures
from admin_views.screens.chart_library import charts_version
from admin_views.screens.chart_panels import figure_json
from admin_views.screens.screen import Screen, config_at, go, path
from admin_views.screens.simulations.review_figures import figures as drawn
from app.errors import NotFound
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.simulations import review_tables as tables
from app.services.simulations import review_titles as titles
from app.services.simulations.review import PRICING, Review, run_of_config, runs_of
from app.services.simulations.review import review as review_of
from app.services.simulations.review_tables import TABLES, Cell, Outputs, Table
from app.services.wording.words import plural
from rules.enums import SimulationStatus
from rules.lifecycle import is_editable
from simulation.canonical import number_text

CLASSES = {"text": "", "words": "", "id": "id"}


@dataclass(frozen=True)
class Sheet:
    """A table as the page shows it: heads and cells, each with its class; `counted` says how many rows it has."""

    name: str
    caption: str
    heads: list[tuple[str, str]]
    rows: list[list[tuple[Any, str]]]
    counted: str


@dataclass(frozen=True)
class Picture:
    """A finding in words, its drawing as JSON (None where its sentence says all of it), and the tables beneath."""

    name: str
    title: str
    figure: str | None
    tables: tuple[Sheet, ...]


class ReviewScreen(Screen):
    slug = "review"
    route = "/configs/<config_version_id>/review"
    title = "Review"
    step = "Sim"
    operator_decision = "Promote it or not?"
    needs = "Your judgement of margin, customers and risk, because approval makes it what every app enforces."

    @expose("")
    def page(self, config_version_id: str) -> Any:
        config = config_at(config_version_id)
        run_id = request.args.get("run")
        found = review_of(db.session, config, run_id)
        if found is None and run_id:
            return go(f"{path('configs', config_version_id, 'simulate')}?{urlencode({'run': run_id})}")
        if found is None:
            return self.show("review_empty.html", config=config)
        page, viewed = self._page(config, found), found.run.simulation_run_id
        self.log("review_viewed", config.workspace_id, config_version_id, simulation_run_id=viewed)
        return page

    @expose("/<table_name>.csv")
    def table(self, config_version_id: str, table_name: str) -> Response:
        """One table of a run, exact, for spreadsheets."""
        run = run_of_config(db.session, config_at(config_version_id), request.args.get("run", ""))
        made = {table.name: table for make in TABLES for table in (make(run.outputs),)} if run.outputs else {}
        if table_name not in made:
            raise NotFound(f"Run {run.simulation_run_id} has no table {table_name!r}.", code="not_found")
        file = f"{run.simulation_run_id}.{table_name}.csv"
        return Response(
            csv_text(made[table_name]),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )

    def _page(self, config: ConfigVersion, found: Review) -> Response:
        outputs: Outputs = found.run.outputs or {}
        return self.show(
            "review.html",
            config=config,
            review=found,
            outputs=outputs,
            pictures=pictures(outputs, found.margin_floor),
            units=laid_out(tables.units(outputs)),
            breakdown=laid_out(tables.breakdown(outputs)),
            runs=[run for run in runs_of(db.session, config) if run.status == SimulationStatus.COMPLETED],
            pricing=PRICING[found.run.inputs["pricing_mode"]],
            editable=is_editable(config.status),
            cell=cell,
            charts_version=charts_version(),
        )


def pictures(outputs: Outputs, floor: Any) -> list[Picture]:
    """The four of the review, in the order in which a person asks."""
    made = {name: figure_json(figure) for name, figure in drawn(outputs, floor).items()}
    bills = (tables.bill_changes, tables.distribution, tables.worst)
    limits = (tables.thresholds, tables.crossings, tables.first_crossings)
    shown = (
        ("periods", titles.periods(outputs, floor), (tables.periods,)),
        ("pools", titles.pools(outputs), (tables.pools,)),
        ("bill-change", titles.bill_changes(outputs), bills),
        ("limits", titles.thresholds(outputs), limits),
    )
    return [
        Picture(
            name, title, made.get(name), tuple(laid_out(table) for make in beneath if (table := make(outputs)).rows)
        )
        for name, title, beneath in shown
    ]


def cell(value: Cell, kind: str) -> Any:
    """A value of a table or figure as the page shows it: money of a dollar or more in cents, words as they are."""
    if isinstance(value, str):
        return figures.words(value) if kind == "words" else value
    if value is None:
        return figures.NOT_MEASURED
    kind, _, changed = kind.partition("_")
    value = titles.amount(value) if kind == "money" else value
    if changed:
        return figures.change(value, kind)
    return {"money": figures.money, "share": figures.share}.get(kind, figures.quantity)(value)


def laid_out(table: Table) -> Sheet:
    """Before, after and change of a figure stand in one cell of the page."""
    parts = [list(columns) for _, columns in groupby(enumerate(table.columns), key=lambda item: item[1].group or item)]
    heads = [(part[0][1].group or part[0][1].label, CLASSES.get(part[0][1].kind, "num")) for part in parts]
    rows = [
        [
            (_cell_of([(row[at], column.kind) for at, column in part]), head[1])
            for part, head in zip(parts, heads, strict=True)
        ]
        for row in table.rows
    ]
    return Sheet(table.name, table.caption, heads, rows, plural(len(rows), table.of))


def _cell_of(values: list[tuple[Cell, str]]) -> Any:
    """One value; a value over what belongs to it; or before, after and, beneath, the change."""
    shown = [cell(*value) for value in values]
    if len(shown) == 1:
        return shown[0]
    if len(shown) == 2:
        return Markup('{} <span class="by {}">{}</span>').format(shown[0], CLASSES.get(values[1][1], ""), shown[1])
    before, after, change = shown
    if before == after == tables.NO_REVENUE:
        return before
    return Markup('{} <span aria-hidden="true">→</span><span class="unseen">to</span> {}{}').format(
        before, after, Markup(' <span class="by">{}</span>').format(change) if change else ""
    )


def csv_text(table: Table) -> str:
    """Exact numbers without signs or separators; nothing where nothing was measured."""
    file = StringIO()
    line = csv.writer(file, lineterminator="\r\n").writerow
    line(column.name for column in table.columns)
    for row in table.rows:
        line(plain(value, "text") if isinstance(value, str) else _number(value) for value in row)
    return file.getvalue()


def _number(value: Any) -> str:
    return "" if value is None else number_text(value) if not isinstance(value, int) else str(value)
