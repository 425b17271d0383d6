"""Flow 2A: which unit is real customer value. The cycle's units, and one of them open beside the list."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypedDict
from urllib.parse import quote

from flask import Response, get_template_attribute, jsonify, request
from flask.typing import ResponseReturnValue
from markupsafe import escape

from admin_views.base import csrf_field, expose, note
from admin_views.formatters import decimal_text
from admin_views.forms import MAX_NAME_LENGTH, percent_text
from admin_views.screens.authoring import unit_pane
from admin_views.screens.authoring.unit_actions import act, cards_for, prefills
from admin_views.screens.authoring.unit_forms import (
    EconomicsForm,
    MappingControls,
    MappingForm,
    UnitForm,
    dimensions,
    document_of,
    mapping_of,
    offer,
)
from admin_views.screens.authoring.unit_pane import BLANK, NEW, PREFIX, Pane, address_of, pane_at, unit_in
from admin_views.screens.draft_screen import Difference, Document, DraftScreen, Subject
from admin_views.screens.screen import cycle_at, go, path
from app import clock, extensions
from app.errors import AvsError, not_found
from app.identity import acting
from app.ids import new_id
from app.models.base import db
from app.models.cycle import Cycle
from app.models.transactions import write
from app.models.value_unit import ValueUnitDefinition
from app.models.workspace import Workspace
from app.services.authoring import unit_economics, value_units
from app.services.authoring.unit_economics import MARGIN, Economics
from app.services.authoring.unit_review import UnitReview, review, units_of
from app.services.catalogs.kinds import METRICS
from app.services.catalogs.reading import labels_of
from app.services.configs.documents import frozen_unit
from app.services.configs.reading import load_catalogs
from app.services.lookup import get
from app.services.simulations.live_line import LiveLine, live_line
from rules.draft import Catalogs
from rules.places import link_to_new_unit
from simulation.canonical import content_hash

COPY = " (copy)"


class UnitList(TypedDict):
    """The units of the cycle, and what the rules say of each: the template's values for the list."""

    units: Sequence[ValueUnitDefinition]
    reviews: Mapping[str, UnitReview]


class ValueUnits(DraftScreen[Pane, UnitForm]):
    slug = "value_units"
    route = "/cycles/<cycle_id>/value-units"
    title = "Value units"
    step = "Units"
    is_about_cycle = True
    operator_decision = "Which unit is real customer value?"
    needs = (
        "What counts as one unit, what it costs and what it sells for: everything later is metered and priced by it."
    )
    template = "value_units.html"
    writes = frozenset({"page", "duplicate", "delete"})

    @expose("", methods=("GET", "POST"))
    def page(self, **where: str) -> ResponseReturnValue:
        if "unit" in request.args:
            return self.edit(**where)
        cycle = cycle_at(where["cycle_id"])
        return self.show(
            self.template, cycle=cycle, pane=None, **_listed(cycle, load_catalogs(db.session, cycle.workspace_id))
        )

    def find(self, **where: str) -> Pane:
        return pane_at(where["cycle_id"])

    def hold(self, record: Pane) -> Pane:
        return unit_pane.hold(record)

    def form_of(self, record: Pane) -> UnitForm:
        form = unit_pane.form_of(record)
        offer(form, db.session, record.cycle.workspace_id)
        return form

    def document(self, record: Pane) -> Document:
        return record.document

    def typed(self, form: UnitForm, record: Pane) -> Document:
        return document_of(form, record.document)

    def store(self, record: Pane, document: Document) -> Pane:
        return unit_pane.store(record, document)

    def compared(self, record: Pane, stored: Document, typed: Document) -> Iterable[Difference]:
        return unit_pane.compared(record, stored, typed)

    def title_of(self, record: Pane) -> str:
        return "The new unit" if record.unit is None else record.unit.name

    def address(self, record: Pane) -> str:
        return address_of(record.cycle.cycle_id, record.unit_id)

    def onward(self, record: Pane) -> str:
        return self.address(record)

    def subject(self, record: Pane) -> Subject:
        return {"cycle": record.cycle}

    def act(self, form: UnitForm, action: str, record: Pane) -> None:
        act(form, action, cards_for(record, form), record.document)
        offer(form, db.session, record.cycle.workspace_id)

    def place(self, form: UnitForm, error: AvsError) -> AvsError:
        """The refusal, its errors at their fields; what was typed into a deleted unit becomes a new unit's form."""
        if error.code == "deleted_meanwhile":
            form.row_version.data, form.makes.data = content_hash(BLANK), new_id(PREFIX)
        return super().place(form, error)

    def parts(self, form: UnitForm, record: Pane) -> dict[str, str]:
        catalogs = load_catalogs(db.session, record.cycle.workspace_id)
        cost_prefills = prefills(form, cards_for(record, form)).get("avg_cost_per_unit_usd")
        head = {"pane-head": _macro("head")(record, csrf_field())} if record.named == NEW else {}
        return head | {
            "units-beside": _macro("beside")(record, **_listed(record.cycle, catalogs)),
            "pane-title": str(escape(record.unit.name if record.unit else "New unit")),
            "unit-state": _macro("state")(record, _reviewed(record, self.typed(form, record), catalogs)),
            "cost-offered": _macro("prefill")(cost_prefills, form.avg_cost_per_unit_usd.id),
        }

    def context(self, form: UnitForm, record: Pane) -> dict[str, object]:
        catalogs, solved = load_catalogs(db.session, record.cycle.workspace_id), form.solved()
        return {
            **_listed(record.cycle, catalogs),
            "pane": record,
            "farewell": unit_pane.farewell(record),
            "review": _reviewed(record, self.typed(form, record), catalogs),
            "solved": solved,
            "typed": _implied_texts(solved),
            "line": _line(record.cycle, form, _own_id(record, form)),
            "preview_url": path("cycles", record.cycle.cycle_id, "value-units", "preview")
            + f"?of={quote(_own_id(record, form))}",
            "new_unit_url": _new_unit(record.cycle, form),
            "prefills": prefills(form, cards_for(record, form)),
            "metrics": labels_of(db.session, METRICS, record.cycle.workspace_id),
            "dimensions": dimensions(form, catalogs),
            "events": catalogs.events,
        }

    @expose("/duplicate", methods=("POST",))
    def duplicate(self, cycle_id: str) -> ResponseReturnValue:
        """Copy a unit as a new one."""
        cycle = cycle_at(cycle_id)
        source = _existing(cycle, request.form.get("unit", ""))
        name = source.name[: MAX_NAME_LENGTH - len(COPY)] + COPY
        copy: Document = {**Pane(cycle, NEW, source).document, "name": name, "cycle_id": cycle_id}
        with write(db.session):
            unit = value_units.create_value_unit(db.session, copy, **acting())
        note(f"{unit.name} was made. Change what differs.")
        return go(address_of(cycle_id, unit.value_unit_id))

    @expose("/delete", methods=("POST",))
    def delete(self, cycle_id: str) -> ResponseReturnValue:
        """Delete a unit; snapshots keep their copies of it."""
        unit = _existing(cycle_at(cycle_id), request.form.get("unit", ""))
        name, unit_id = unit.name, unit.value_unit_id
        with write(db.session):
            value_units.delete_value_unit(db.session, unit_id, **acting())
        note(f"{name} was deleted.")
        return go(path("cycles", cycle_id, "value-units"))

    @expose("/preview")
    def preview(self, cycle_id: str) -> ResponseReturnValue:
        """The live line of the mapping in the address: a fragment of HTML."""
        cycle, form = cycle_at(cycle_id), MappingForm(request.args)
        live = get_template_attribute("screens/unit_forms.html", "live")
        return Response(live(_line(cycle, form, request.args.get("of", NEW)), _new_unit(cycle, form)))

    @expose("/economics")
    def economics(self, cycle_id: str) -> ResponseReturnValue:
        """Answer with what cost, price and margin in the address imply of each other: JSON for the page's script.

        With `fill` the missing one of them counts as filled in, as the script does on the page.
        """
        cycle_at(cycle_id)
        solved = EconomicsForm(request.args).solved()
        if "fill" in request.args:
            solved = unit_economics.economics(*solved.filled.values())
        typed = _implied_texts(solved)
        html = get_template_attribute("screens/unit_forms.html", "agreement")(solved, typed)
        return jsonify(html=html, implied=typed)


def _macro(name: str) -> Callable[..., str]:
    """A macro of the unit's form that returns plain text."""
    macro = get_template_attribute("screens/unit_forms.html", name)
    return lambda *values, **named: str(macro(*values, **named))


def _listed(cycle: Cycle, catalogs: Catalogs) -> UnitList:
    units = units_of(db.session, cycle.cycle_id)
    return {"units": units, "reviews": review(cycle, map(frozen_unit, units), catalogs)}


def _reviewed(pane: Pane, typed: Document, catalogs: Catalogs) -> UnitReview:
    """The findings of the rules about the unit as it is typed."""
    document = {**typed, "value_unit_id": pane.unit and pane.unit_id}
    return next(iter(review(pane.cycle, [document], catalogs).values()))


def _existing(cycle: Cycle, unit_id: str) -> ValueUnitDefinition:
    """The unit of the cycle; NotFound that names it."""
    unit = unit_in(cycle, unit_id)
    if unit is None:
        raise not_found("value unit", unit_id)
    return unit


def _own_id(pane: Pane, form: UnitForm) -> str:
    """The id that the unit has, or that it gets when it is first saved."""
    return str(form.makes.data) if pane.unit is None else pane.unit_id


def _line(cycle: Cycle, form: MappingControls, value_unit_id: str) -> LiveLine:
    """The live line of the unit's mapping as typed, over the cycle's segment when it has only one, else over all."""
    workspace: Workspace = get(db.session, Workspace, cycle.workspace_id, "workspace")
    segment = cycle.segments[0] if len(cycle.segments) == 1 else None
    others = {unit.value_unit_id: unit.event_mapping for unit in units_of(db.session, cycle.cycle_id)}
    others.pop(value_unit_id, None)
    line = live_line(extensions.usage_events(), workspace, segment, mapping_of(form), clock.now(), others)
    unreadable = form.filters.process_errors
    return LiveLine(line.source, line.segment, None, " ".join(unreadable)) if unreadable else line


def _new_unit(cycle: Cycle, form: MappingControls) -> str:
    """The address of a new unit for the event that the form names."""
    return link_to_new_unit(cycle.cycle_id, form.event_type.data or "")


def _implied_texts(solved: Economics) -> dict[str, str]:
    """Each computed value as an operator would type it."""
    return {
        name: percent_text(value) if name == MARGIN else decimal_text(value)
        for name, value in solved.implied.items()
        if value is not None
    }
