"""Flow 4A: against what, over which window. Starts a run, shows its progress, and goes on to its review."""

from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import BooleanField, Field, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from admin_views.base import expose
from admin_views.forms import ChoiceField, MomentField, at_its_field, choices_of
from admin_views.screens.screen import Screen, config_at, go, path
from app import clock
from app.errors import AvsError
from app.extensions import computing, usage_events
from app.identity import current_actor
from app.models.base import db
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, display_name_of
from app.models.simulation_run import SimulationRun
from app.models.workspace import Workspace
from app.services.configs.lookup import active_config
from app.services.lookup import get
from app.services.simulations import jobs, runs
from app.services.simulations.review import PRICING, run_of_config, runs_of
from app.services.simulations.runs import ACTIVE
from app.services.wording.words import PRICING_MODES
from rules.enums import DataMode, HistoricalWindow, PricingMode, SimulationStatus
from simulation.canonical import JsonObject

NONE = "none"
EVERY_SEGMENT = "*"
MAX_BASELINES = 200
WINDOWS = {
    HistoricalWindow.DAYS_30: "30 days, one period",
    HistoricalWindow.DAYS_60: "60 days, two periods",
    HistoricalWindow.DAYS_90: "90 days, three periods",
    HistoricalWindow.DAYS_120: "120 days, four periods",
    HistoricalWindow.MOCKED: "Mocked: the bundled demo events, 30 days",
}


class Other(NamedTuple):
    """Another version of the workspace: what its choice as a baseline shows."""

    config_version_id: str
    config_name: str | None
    version: int
    status: str
    segment: str
    stage: str
    target_environment: str
    is_same_subject: bool


class SimulateForm(SecureForm):
    """The inputs of a run as controls (spec 4.1)."""

    baseline_config_version_id = ChoiceField(
        "Baseline", choices=[], description="What the candidate is compared with. Approval looks at the active version."
    )
    historical_window_days = RadioField(
        "Historical window",
        [InputRequired("Choose a window.")],
        choices=choices_of(WINDOWS),
    )
    segment = ChoiceField("Segment", choices=[], description="Whose usage is replayed.")
    pricing_mode = RadioField(
        "Pricing mode",
        choices=choices_of({mode: f"{text}. {PRICING[mode]}" for mode, text in PRICING_MODES.items()}),
        default=PricingMode.USE_UNIT_ECONOMICS.value,
    )
    include_exploration_in_results = BooleanField(
        "Include exploration",
        default=True,
        description="Off leaves what exploration pools gave away out of the results.",
    )
    as_of = MomentField("Window ends", description="UTC. Left empty, it ends with the newest usage event.")

    def validate_as_of(self, field: Field) -> None:
        if field.data and self.historical_window_days.data == HistoricalWindow.MOCKED:
            raise ValidationError("The mocked window ends with the newest demo event: leave this empty.")

    def inputs(self) -> JsonObject:
        """The inputs as `simulations.runs.request_from` takes them."""
        baseline = self.baseline_config_version_id.data
        return {
            "baseline_config_version_id": None if baseline == NONE else baseline or ACTIVE,
            "historical_window_days": self.historical_window_days.data,
            "filters": {"segment": None if self.segment.data == EVERY_SEGMENT else self.segment.data},
            "pricing_mode": self.pricing_mode.data,
            "include_exploration_in_results": self.include_exploration_in_results.data,
            "as_of": self.as_of.data,
        }


class Simulate(Screen):
    slug = "simulate"
    route = "/configs/<config_version_id>/simulate"
    title = "Simulate"
    step = "Sim"
    operator_decision = "Against what do you compare it, and over which window?"
    needs = "A baseline and a window, because the same usage is replayed through both versions."
    writes = frozenset({"page"})
    checks_own_token = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self, config_version_id: str) -> ResponseReturnValue:
        config = config_at(config_version_id)
        if request.method == "GET" and request.args.get("run"):
            return self._run(config, request.args["run"])
        form = SimulateForm(get_form_data(), data=_suggested(config))
        _offer(form, config)
        if request.method == "GET":
            return self._form(config, form)
        if not form.validate():
            return self._form(config, form, status=422)
        try:
            run = _start(config, form)
        except AvsError as error:
            return self._form(config_at(config_version_id), form, refusal=at_its_field(form, error))
        return go(_onward(run) or _watching(run))

    @expose("/status")
    def status(self, config_version_id: str) -> Response:
        """The progress of a run for the page's script: `{status, seconds, next}`."""
        run = _watched(config_at(config_version_id), request.args.get("run", ""))
        answer = jsonify({"status": run.status, "seconds": _seconds(run), "next": _next(run)})
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _form(
        self, config: ConfigVersion, form: SimulateForm, refusal: AvsError | None = None, status: int = 200
    ) -> Response:
        return self.show(
            "simulate.html",
            config=config,
            form=form,
            refusal=refusal and replace(refusal, findings=()),
            refused=refusal.findings if refusal else (),
            usage=usage_events().store.snapshot(config.workspace_id),
            runs=runs_of(db.session, config),
            status=refusal.status if refusal else status,
        )

    def _run(self, config: ConfigVersion, run_id: str) -> ResponseReturnValue:
        """The page of a run that is under way or has failed; a completed run goes on to its review."""
        run = _watched(config, run_id)
        if run.status == SimulationStatus.COMPLETED:
            return go(_onward(run) or "")
        reason = runs.failure_reason(db.session, run.simulation_run_id)
        under_way = run.status in jobs.UNFINISHED
        return self.show(
            "simulating.html", config=config, run=run, reason=reason, under_way=under_way, seconds=_seconds(run)
        )


def _start(config: ConfigVersion, form: SimulateForm) -> SimulationRun:
    run_request = runs.request_from(form.inputs(), config)
    return jobs.start(db.session, usage_events(), run_request, computing(), actor=current_actor(), clock=clock.now)


def _watched(config: ConfigVersion, run_id: str) -> SimulationRun:
    """The run of this config as it is now; NotFound when the config has no such run."""
    run_of_config(db.session, config, run_id)
    return jobs.watch(db.session, run_id, computing(), now=clock.now())


def _seconds(run: SimulationRun) -> int:
    return int(((run.completed_at or clock.now()) - run.created_at).total_seconds())


def _watching(run: SimulationRun) -> str:
    """The address of the page that waits for a run."""
    return f"{path('configs', run.candidate_config_version_id, 'simulate')}?{urlencode({'run': run.simulation_run_id})}"


def _onward(run: SimulationRun) -> str | None:
    """The address of a completed run's review, None for any other run."""
    if run.status != SimulationStatus.COMPLETED:
        return None
    return f"{path('configs', run.candidate_config_version_id, 'review')}?{urlencode({'run': run.simulation_run_id})}"


def _next(run: SimulationRun) -> str | None:
    """The address for the script to go to: the review, or the reason of a failure; None while it waits."""
    return None if run.status in jobs.UNFINISHED else _onward(run) or _watching(run)


def _offer(form: SimulateForm, config: ConfigVersion) -> None:
    """Fill the choices of baselines and segments."""
    active = active_config(db.session, config.subject_resolution)
    active_text = "there is none" if active is None else f"{active.display_name}, version {active.version}"
    active_text = "this is it, so nothing is compared" if active is config else active_text
    form.baseline_config_version_id.choices = [
        SelectChoice(ACTIVE, f"Active version: {active_text}"),
        SelectChoice(NONE, "None: look at the candidate alone"),
        *map(_choice, _others(config)),
    ]
    form.segment.choices = [
        SelectChoice(config.segment, f"{config.segment}, the candidate's"),
        SelectChoice(EVERY_SEGMENT, "All segments"),
    ]


def _others(config: ConfigVersion) -> list[Other]:
    """The workspace's other versions, those of the same subject first, newest first."""
    is_same = sa.and_(*(getattr(ConfigVersion, name) == getattr(config, name) for name in SUBJECT_FIELDS))
    columns = (getattr(ConfigVersion, name) for name in Other._fields[:-1])
    others = sa.select(*columns, is_same).filter_by(workspace_id=config.workspace_id)
    others = others.where(ConfigVersion.config_version_id != config.config_version_id)
    ordered = others.order_by(
        sa.case((is_same, 0), else_=1), ConfigVersion.version.desc(), ConfigVersion.config_version_id
    )
    return [Other(*row) for row in db.session.execute(ordered.limit(MAX_BASELINES))]


def _choice(other: Other) -> SelectChoice:
    return SelectChoice(other.config_version_id, f"{display_name_of(other)}, version {other.version}, {other.status}")


def _suggested(config: ConfigVersion) -> JsonObject:
    """The form's values: those of the run that `?like=` names, else the defaults, mocked where the data is mocked."""
    like = request.args.get("like")
    if like:
        return _inputs_of(run_of_config(db.session, config, like))
    workspace: Workspace = get(db.session, Workspace, config.workspace_id, "workspace")
    mocked = workspace.data_mode == DataMode.MOCKED
    window = HistoricalWindow.MOCKED if mocked else HistoricalWindow.DAYS_90
    return {"historical_window_days": window.value, "segment": config.segment, "baseline_config_version_id": ACTIVE}


def _inputs_of(run: SimulationRun) -> JsonObject:
    """The form's values for the inputs of a run, without its `as_of`: repeated, it reads the newest usage."""
    return {
        "baseline_config_version_id": run.inputs["baseline_config_version_id"] or NONE,
        "historical_window_days": str(run.inputs["historical_window_days"]),
        "segment": run.inputs["filters"]["segment"] or EVERY_SEGMENT,
        "pricing_mode": run.inputs["pricing_mode"],
        "include_exploration_in_results": run.inputs["include_exploration_in_results"],
    }
