"""Flow 2A: which unit is real customer value. The cycle's units, and one of them open beside the list."""

from typing import Any

from flask import Response, get_template_attribute, jsonify, request
from flask_admin import expose
from sqlalchemy.exc import IntegrityError

from admin_views.base import CSRF_DETAIL, Refused, note
from admin_views.editing import at_its_field
from admin_views.formatters import decimal_text
from admin_views.screens.screen import Screen, cycle_at, go, path
from admin_views.screens.unit_actions import act, prefills
from admin_views.screens.unit_forms import (
    UNIT_FIELDS,
    EconomicsForm,
    MappingForm,
    dimensions,
    document_of,
    mapping_of,
    metric_labels,
    offer,
)
from admin_views.screens.unit_pane import NEW, Pane, compare, form_of, save_unit, version_of, who
from app import extensions
from app.errors import AvsError, Conflict, NotFound, PreconditionFailed, not_found
from app.models.base import db
from app.models.cycle import Cycle
from app.models.transactions import write
from app.models.value_unit import ValueUnitDefinition
from app.models.workspace import Workspace
from app.services import authoring
from app.services.documents import frozen_unit
from app.services.metering import LiveLine, live_line
from app.services.navigator import extracted_cards
from app.services.snapshots import load_catalogs
from app.services.unit_economics import MARGIN, Economics
from app.services.unit_economics import economics as solve
from app.services.unit_review import holds, review, snapshots_with, units_of

LONGEST_NAME = 200
COPY = " (copy)"
GONE = (
    "Value unit {} was deleted by another operator while you edited it. What you typed is still here: "
    "save it to make it a new unit."
)


class ValueUnits(Screen):
    slug = "value_units"
    route = "/cycles/<cycle_id>/value-units"
    title = "Value units"
    step = "Units"
    operator_decision = "Which unit is real customer value?"
    needs = (
        "What counts as one unit, what it costs and what it sells for: everything later is metered and priced by it."
    )
    writes = frozenset({"page", "duplicate", "delete"})
    checks_own_token = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self, cycle_id: str) -> Any:
        cycle, unit_id = cycle_at(cycle_id), request.args.get("unit")
        if unit_id is None:
            return self._page(cycle, None)
        unit = _unit_in(cycle, unit_id)
        if unit is None and unit_id != NEW and request.method == "GET":
            raise not_found("value unit", unit_id)
        pane = Pane(unit, form_of(unit), unit_id if unit else NEW)
        if request.method == "GET":
            _ask_about_deleting(pane, cycle)
            return self._page(cycle, pane)
        action = request.form.get("do", "save")
        if action != "save":
            return self._act(cycle, pane, action)
        return self._gone(cycle, pane, unit_id) if unit is None and unit_id != NEW else self._save(cycle, pane)

    @expose("/duplicate", methods=("POST",))
    def duplicate(self, cycle_id: str) -> Any:
        source = _existing(cycle_at(cycle_id), request.form.get("unit", ""))
        document = {name: value for name, value in frozen_unit(source).items() if name in UNIT_FIELDS}
        document["name"] = source.name[: LONGEST_NAME - len(COPY)] + COPY
        with write(db.session):
            made = authoring.create_value_unit(db.session, document | {"cycle_id": cycle_id}, **who())
        note(f"{made.name} was made. Change what differs.")
        return go(_address(cycle_id, made.value_unit_id))

    @expose("/delete", methods=("POST",))
    def delete(self, cycle_id: str) -> Any:
        unit = _existing(cycle_at(cycle_id), request.form.get("unit", ""))
        name, unit_id = unit.name, unit.value_unit_id
        with write(db.session):
            authoring.delete_value_unit(db.session, unit_id, **who())
        note(f"{name} ({unit_id}) was deleted.")
        return go(path("cycles", cycle_id, "value-units"))

    @expose("/preview")
    def preview(self, cycle_id: str) -> Any:
        """The live line as a fragment of HTML, for the mapping in the query."""
        cycle, form = cycle_at(cycle_id), MappingForm(request.args)
        return Response(get_template_attribute("screens/unit_forms.html", "live")(_line(cycle, form)))

    @expose("/economics")
    def economics(self, cycle_id: str) -> Any:
        """What cost, price and margin in the query say of each other: JSON for the page's script.

        With `fill` the page fills in the missing one itself, and is told about all three.
        """
        cycle_at(cycle_id)
        solved = EconomicsForm(request.args).solved()
        if "fill" in request.args:
            solved = solve(*solved.filled.values())
        typed = _implied_texts(solved)
        html = get_template_attribute("screens/unit_forms.html", "agreement")(solved, typed)
        return jsonify(html=html, implied=typed)

    def _save(self, cycle: Cycle, pane: Pane) -> Any:
        offer(pane.form, db.session, load_catalogs(db.session))
        if not pane.form.validate():
            expired = pane.form.csrf_token.errors
            pane.refusal = Refused(CSRF_DETAIL, code="csrf_failed") if expired else None
            return self._page(cycle, pane, 422)
        try:
            saved, changed = save_unit(pane.form, cycle, pane.unit)
        except PreconditionFailed as error:
            pane.refusal = error
            return self._page(cycle, compare(pane), error.status)
        except NotFound:
            return self._gone(cycle, pane, pane.unit_id)
        except (AvsError, IntegrityError) as error:
            pane.refusal = at_its_field(pane.form, error)
            return self._page(cycle, pane, pane.refusal.status)
        note(f"{saved.name} was saved." if changed else f"{saved.name} is as it was: nothing had changed.")
        return go(_address(cycle.cycle_id, saved.value_unit_id))

    def _act(self, cycle: Cycle, pane: Pane, action: str) -> Any:
        cards = extracted_cards(db.session, cycle.cycle_id)
        act(pane.form, action, cards, pane.unit and frozen_unit(pane.unit))
        if "comparing" in request.form and pane.unit is not None:
            pane = compare(pane)
        return self._page(cycle, pane)

    def _gone(self, cycle: Cycle, pane: Pane, unit_id: str) -> Any:
        refusal = Conflict(GONE.format(unit_id), code="deleted_meanwhile")
        return self._page(cycle, Pane(None, pane.form, refusal=refusal), refusal.status)

    def _page(self, cycle: Cycle, pane: Pane | None, status: int = 200) -> Any:
        catalogs, units = load_catalogs(db.session), units_of(db.session, cycle.cycle_id)
        shown: dict[str, Any] = {}
        if pane is not None:
            offer(pane.form, db.session, catalogs)
            if request.method == "GET":
                pane.form.row_version.data = version_of(pane.unit)
            document = document_of(pane.form) | {"value_unit_id": None if pane.unit_id == NEW else pane.unit_id}
            shown = {
                "form": pane.form,
                "review": next(iter(review(cycle, [document], catalogs).values())),
                "solved": pane.form.solved(),
                "typed": _implied_texts(pane.form.solved()),
                "line": _line(cycle, pane.form),
                "prefills": prefills(pane.form, extracted_cards(db.session, cycle.cycle_id)),
                "metrics": metric_labels(db.session),
                "dimensions": dimensions(pane.form, catalogs),
                "events": catalogs.events,
            }
        reviews = review(cycle, map(frozen_unit, units), catalogs)
        return self.show(
            "value_units.html", cycle=cycle, status=status, pane=pane, units=units, reviews=reviews, **shown
        )


def _address(cycle_id: str, unit_id: str) -> str:
    return f"{path('cycles', cycle_id, 'value-units')}?unit={path(unit_id)[1:]}"


def _unit_in(cycle: Cycle, unit_id: str) -> ValueUnitDefinition | None:
    unit = db.session.get(ValueUnitDefinition, unit_id)
    return unit if unit is not None and unit.cycle_id == cycle.cycle_id else None


def _existing(cycle: Cycle, unit_id: str) -> ValueUnitDefinition:
    unit = _unit_in(cycle, unit_id)
    if unit is None:
        raise not_found("value unit", unit_id)
    return unit


def _ask_about_deleting(pane: Pane, cycle: Cycle) -> None:
    if pane.unit is not None and request.args.get("ask") == "delete":
        pane.asking = True
        pane.holds = holds(db.session, pane.unit_id)
        pane.snapshots = snapshots_with(db.session, cycle.cycle_id, pane.unit_id)


def _line(cycle: Cycle, form: Any) -> LiveLine:
    """Over the cycle's segment when it has just one, else over all."""
    workspace = db.session.get(Workspace, cycle.workspace_id)
    segment = cycle.segments[0] if len(cycle.segments) == 1 else None
    line = live_line(extensions.usage_events(), workspace, segment, mapping_of(form))
    unread = form.filters.process_errors
    return LiveLine(line.source, line.segment, None, " ".join(unread)) if unread else line


def _implied_texts(solved: Economics) -> dict[str, str]:
    """Each computed value as an operator would type it."""
    return {
        name: f"{decimal_text((value * 100).normalize())} %" if name == MARGIN else decimal_text(value)
        for name, value in solved.implied.items()
        if value is not None
    }
