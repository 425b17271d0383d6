"""Flow 4B: promote or not. Pictures first, each with its table; then the run that they show and how to repeat it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urlencode

from flask import Response, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from admin_views.base import expose
from admin_views.formatters import plain
from admin_views.screens import figures
from admin_views.screens.chart_panels import Number, figure_json
from admin_views.screens.screen import Screen, config_at, go, path
from admin_views.screens.simulations.review_figures import figures_of
from app import clock
from app.errors import NotFound
from app.extensions import usage_events
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.simulations import review_plan as plan
from app.services.simulations import review_tables as tables
from app.services.simulations import review_titles as titles
from app.services.simulations.review import PRICING, WITH_PLAN, Review, run_of_config, runs_of
from app.services.simulations.review import review as review_of
from app.services.simulations.review_tables import TABLES, Cell, Outputs, Table
from app.services.wording.words import plural
from rules.csv_cells import csv_line
from rules.draft import DatasetChange
from rules.enums import SimulationStatus
from rules.lifecycle import is_editable
from rules.simulation_run import changed_events
from simulation.canonical import number_text

CLASSES = {"text": "", "words": "", "id": "id", "line": ""}
DATASET_SINCE = {
    "unchanged": "The events that it covers are still the same.",
    "fixed": "These events never change.",
    "unknown": "Whether they have changed since is not known: the run was made before AVS Brain kept what it covered.",
}


@dataclass(frozen=True)
class Sheet:
    """A table as the page shows it: heads and cells, each with its CSS class; `counted` says how many rows it has."""

    name: str
    caption: str
    heads: list[tuple[str, str]]
    rows: list[list[tuple[str, str]]]
    counted: str


@dataclass(frozen=True)
class Picture:
    """A finding in words as the title, its drawing as JSON, None where the title says all, and the tables beneath."""

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
    def page(self, config_version_id: str) -> ResponseReturnValue:
        config = config_at(config_version_id)
        run_id = request.args.get("run")
        review = review_of(db.session, config, usage_events().store, run_id, now=clock.now())
        if review is None and run_id:
            return go(f"{path('configs', config_version_id, 'simulate')}?{urlencode({'run': run_id})}")
        if review is None:
            return self.show("review_empty.html", config=config)
        page, viewed_run_id = self._page(config, review), review.run.simulation_run_id
        self.log("review_viewed", config.workspace_id, config_version_id, simulation_run_id=viewed_run_id)
        return page

    @expose("/<table_name>.csv")
    def table(self, config_version_id: str, table_name: str) -> Response:
        """A table of a run as CSV, its numbers exact."""
        run = run_of_config(db.session, config_at(config_version_id), request.args.get("run", ""))
        by_name = {
            table.name: table
            for table in (table_of(run.outputs) for table_of in (*TABLES, *plan.TABLES) if run.outputs)
        }
        if table_name not in by_name:
            raise NotFound(f"Run {run.simulation_run_id} has no table {table_name!r}.", code="not_found")
        file = f"{run.simulation_run_id}.{table_name}.csv"
        return Response(
            csv_text(by_name[table_name]),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )

    def _page(self, config: ConfigVersion, review: Review) -> Response:
        outputs: Outputs = review.run.outputs or {}
        return self.show(
            "review.html",
            config=config,
            review=review,
            outputs=outputs,
            verdict=titles.verdict(outputs, review.margin_floor),
            pictures=pictures(outputs, review.margin_floor),
            pool_names=tables.pool_labels(outputs),
            units=laid_out(tables.units(outputs)),
            breakdown=laid_out(tables.breakdown(outputs)),
            runs=[run for run in runs_of(db.session, config) if run.status == SimulationStatus.COMPLETED],
            pricing=WITH_PLAN if plan.applies(outputs) else PRICING[review.run.inputs["pricing_mode"]],
            left_out=plan.left_out(outputs, config.price_plan is not None),
            plan_facts=plan.facts(outputs),
            tiers=laid_out(plan.tiers(outputs)),
            editable=is_editable(config.status),
            cell=cell,
            dataset_since=dataset_since(review.dataset_change),
        )


def dataset_since(change: DatasetChange) -> str:
    """What has become of the run's dataset since, as a sentence."""
    if change.status == "changed":
        return f"It has changed since: {changed_events(change)}. Simulate again to see what that means."
    return change.problem or DATASET_SINCE[change.status]


def pictures(outputs: Outputs, floor: Number | None) -> list[Picture]:
    """The pictures of the review: margin, where the money comes from under a price plan, pools, bills, limits."""
    figures_json = {name: figure_json(figure) for name, figure in figures_of(outputs, floor).items()}
    bills = (tables.bill_changes, tables.distribution, tables.worst, plan.bill_lines)
    limits = (tables.thresholds, tables.crossings, tables.first_crossings)
    money = ((plan.revenue_lines, plan.lines_by_period),) if plan.applies(outputs) else ()
    parts = (
        ("periods", titles.periods(outputs, floor), (tables.periods,)),
        *(("revenue", plan.title(outputs), sheets) for sheets in money),
        ("pools", titles.pools(outputs), (tables.pools,)),
        ("bill-change", titles.bill_changes(outputs), bills),
        ("limits", titles.thresholds(outputs), limits),
    )
    return [
        Picture(name, title, figures_json.get(name), _sheets([table_of(outputs) for table_of in tables_of]))
        for name, title, tables_of in parts
    ]


def _sheets(tables_with_rows: Iterable[Table]) -> tuple[Sheet, ...]:
    """The tables that have rows, as the page shows them."""
    return tuple(laid_out(table) for table in tables_with_rows if table.rows)


def cell(value: Cell, kind: str) -> str:
    """A value of a table or figure as the page shows it: money of a dollar or more in cents, words as they are."""
    if isinstance(value, str):
        if kind == "line":  # the picture has its colour
            place = list(plan.LINES.values()).index(value)
            return Markup('<span class="swatch line-{}" aria-hidden="true"></span> {}').format(place, value)
        return figures.words(value) if kind == "words" else value
    if value is None:
        return figures.NOT_MEASURED
    kind, _, changed = kind.partition("_")
    if changed:
        return figures.change(value, kind)
    return {"money": figures.money, "share": figures.share}.get(kind, figures.quantity)(value)


def laid_out(table: Table) -> Sheet:
    """The table as the page shows it: before, after and change of a figure are in one cell."""
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


def _cell_of(values: list[tuple[Cell, str]]) -> str:
    """A cell of one value; of a value with another beneath it; or of before and after with their change beneath."""
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
    """The table as CSV: numbers exact, without signs or separators; what was not measured is empty."""
    rows = [[_plain(value) for value in row] for row in table.rows]
    return "".join(csv_line(cells) for cells in ([column.name for column in table.columns], *rows))


def _plain(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return plain(value, "text")
    return str(value) if isinstance(value, int) else number_text(value)
