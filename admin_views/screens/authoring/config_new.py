"""Flow 3A: which segment, stage and environment. A config starts from the active version or the stage's defaults."""

from collections.abc import Sequence
from dataclasses import replace

from flask import Response, get_template_attribute, jsonify, request
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from admin_views.base import expose, note
from admin_views.forms import MAX_NAME_LENGTH, ChoiceField, TextField, at_its_field, choices_of
from admin_views.pickers import catalog_choices, label_and_key
from admin_views.screens.authoring.config_draft_screen import SUGGEST
from admin_views.screens.screen import Screen, cycle_at, go, path
from app.errors import AvsError
from app.identity import acting
from app.models.base import db
from app.models.config_version import SUBJECT_FIELDS
from app.models.cycle import Cycle
from app.models.transactions import write
from app.services.authoring import new_config
from app.services.catalogs.kinds import SEGMENTS
from rules.enums import Stage, TargetEnvironment
from rules.finding import Finding

ACTIVE, DEFAULTS = "active", "defaults"
STAGES = {
    Stage.LEARNING: "Learning: find out what customers pay for; exploration is on, rails are soft",
    Stage.SCALING: "Scaling: earn on what is known; exploration is off, rails are firm",
}
ENVIRONMENTS = {
    TargetEnvironment.SANDBOX: "Sandbox: try it; nothing is billed by it",
    TargetEnvironment.PRODUCTION: "Production: customers live by it",
}
STARTS = {
    ACTIVE: "The active version: its pools, exploration, rails, price book and lenses",
    DEFAULTS: "The stage's defaults: suggested pools, exploration and thresholds",
}


class ConfigForm(SecureForm):
    """The subject of the new config, and what it starts with."""

    segment = ChoiceField("Segment", [InputRequired("Choose the segment.")], choices=[])
    stage = RadioField("Stage", [InputRequired("Choose the stage.")], choices=choices_of(STAGES))
    target_environment = RadioField(
        "Environment", [InputRequired("Choose the environment.")], choices=choices_of(ENVIRONMENTS)
    )
    config_name = TextField(
        "Name",
        [Length(max=MAX_NAME_LENGTH)],
        description="What you call it in lists and in the decision log, for example Team plan, December price rise. "
        "Without one it has its segment, stage, environment and version.",
    )
    start = RadioField("Start from", choices=choices_of(STARTS), default=ACTIVE)

    def subject(self, cycle: Cycle) -> dict[str, str] | None:
        """The values of SUBJECT_FIELDS; None while one of them is not chosen."""
        chosen = {name: self[name].data for name in SUBJECT_FIELDS if name in self}
        return {"workspace_id": cycle.workspace_id, **chosen} if all(chosen.values()) else None


class ConfigNew(Screen):
    slug = "config_new"
    route = "/cycles/<cycle_id>/configs/new"
    title = "New config"
    step = "Config"
    is_about_cycle = True
    operator_decision = "For whom is this config: which segment, stage and environment?"
    needs = "All three, because exactly one version is active for each combination and apps ask for theirs by it."
    writes = frozenset({"page"})
    checks_own_token = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self, cycle_id: str) -> ResponseReturnValue:
        cycle = cycle_at(cycle_id)
        holds = new_config.production_obstacles(db.session, cycle)
        form = ConfigForm(get_form_data(), data=_first_values(cycle, holds))
        form.segment.choices = _segments(cycle)
        if request.method == "GET":
            return self._page(cycle, form, holds)
        if "X-Preview" in request.headers:
            fragment = get_template_attribute("screens/_config_new.html", "standing_of")
            return jsonify(parts={"standing": str(fragment(_standing(cycle, form), form))})
        if request.form.get("do") == "look":
            return self._page(cycle, form, holds)
        if not form.validate() or not _may_begin(form, holds):
            return self._page(cycle, form, holds, status=422)
        return self._begin(cycle, form, holds)

    def _begin(self, cycle: Cycle, form: ConfigForm, holds: Sequence[Finding]) -> ResponseReturnValue:
        subject = form.subject(cycle) or {}
        try:
            with write(db.session):
                active = new_config.subject_versions(db.session, subject).active
                source = active if form.start.data == ACTIVE else None
                name = form.config_name.data or None
                draft = new_config.start(db.session, cycle, subject, source, name=name, **acting())
        except AvsError as error:
            refusal = at_its_field(form, error)
            return self._page(cycle, form, holds, status=refusal.status, refusal=refusal)
        note(f"{draft.display_name} is a new draft, version {draft.version} of its subject.")
        return go(path("configs", draft.config_version_id, "pools") + ("" if source else f"?{SUGGEST}={DEFAULTS}"))

    def _page(
        self,
        cycle: Cycle,
        form: ConfigForm,
        holds: Sequence[Finding],
        status: int = 200,
        refusal: AvsError | None = None,
    ) -> Response:
        return self.show(
            "config_new.html",
            cycle=cycle,
            status=status,
            form=form,
            holds=holds,
            refusal=refusal,
            standing=_standing(cycle, form),
            subjects=new_config.subjects_of(db.session, cycle.workspace_id),
        )


def _first_values(cycle: Cycle, holds: Sequence[Finding]) -> dict[str, str | None]:
    """The values that the form starts with: those in the address, else the cycle's first segment and the usual ones."""
    environment = TargetEnvironment.SANDBOX if holds else TargetEnvironment.PRODUCTION
    usual = {
        "segment": next(iter(cycle.segments), None),
        "stage": Stage.LEARNING.value,
        "target_environment": environment.value,
    }
    return {name: request.args.get(name) or value for name, value in usual.items()}


def _segments(cycle: Cycle) -> list[SelectChoice]:
    """All segments that the workspace reads, those of the cycle first and in no group."""
    choices = catalog_choices(db.session, SEGMENTS, cycle.workspace_id, label_and_key)
    first = [replace(choice, optgroup=None) for choice in choices if choice.value in cycle.segments]
    return first + [choice for choice in choices if choice.value not in cycle.segments]


def _standing(cycle: Cycle, form: ConfigForm) -> new_config.SubjectVersions | None:
    subject = form.subject(cycle)
    return None if subject is None else new_config.subject_versions(db.session, subject)


def _may_begin(form: ConfigForm, holds: Sequence[Finding]) -> bool:
    """Whether nothing holds back the chosen environment; what does is put beside its field."""
    if form.target_environment.data != TargetEnvironment.PRODUCTION or not holds:
        return True
    form.target_environment.errors = [finding.message for finding in holds]
    return False
