"""Flow 6B: is it still right. One decision with its reason, its diff, what came back, and where to go from here."""

from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Response, request, send_file
from flask_admin import expose
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired

from admin_views.base import note
from admin_views.formatters import pretty_json
from admin_views.forms import ChoiceField, at_its_field, refusal_of
from admin_views.screens.chart_library import charts_version
from admin_views.screens.decisions.approve import promoted
from admin_views.screens.decisions.evidence_figures import evidence_picture
from admin_views.screens.screen import Screen, attachment, go, path
from app import clock
from app.errors import AvsError, not_found
from app.identity import acting
from app.models.base import db
from app.models.catalog import SegmentCatalog
from app.models.cycle import Cycle
from app.models.transactions import write
from app.services.authoring import fork as decision_fork
from app.services.configs import lookup
from app.services.decisions import export as decision_export
from app.services.decisions import log as decisions
from app.services.decisions.content import diff_of
from app.services.decisions.figures import simulated
from app.services.decisions.next_actions import next_actions
from app.services.evidence import files
from app.services.evidence.advice import drift_actions
from app.services.evidence.comparison import evidence_of, in_force
from app.services.evidence.days import daily_comparisons
from app.services.evidence.sequence_gaps import ranges_text
from app.services.guidance.navigator import navigate
from rules import drift
from rules.enums import Stage, TargetEnvironment

LOG = "/decision-log"
SUBJECT = ("cycle_id", "target_environment", "segment", "stage")


def _words(values: Any) -> list[SelectChoice]:
    return [SelectChoice(value.value, value.value.replace("_", " ")) for value in values]


class ForkForm(SecureForm):
    """Where the new draft goes; starts as the decision's own cycle and subject."""

    cycle_id = ChoiceField("Cycle", [DataRequired("Choose a cycle.")])
    segment = ChoiceField("Segment", [DataRequired("Choose a segment.")])
    stage = ChoiceField("Stage", [DataRequired("Choose a stage.")], choices=_words(Stage))
    target_environment = ChoiceField(
        "Environment", [DataRequired("Choose an environment.")], choices=_words(TargetEnvironment)
    )


class DecisionDetail(Screen):
    slug = "decision_detail"
    route = "/decision-log/<decision_id>"
    title = "Decision"
    step = "Approve"
    operator_decision = "Is it still right?"
    needs = "What the apps reported since, because a forecast that did not hold is what the next cycle asks first."
    writes = frozenset({"fork"})
    checks_own_token = frozenset({"fork"})

    @expose("")
    def page(self, decision_id: str) -> Response:
        promoted(lookup.get_decision(db.session, decision_id).config_version)
        found = decisions.detail(db.session, decision_id)
        workspace_id = found.decision.workspace_id
        form = _fork_form(found)
        answer = self._page(found, form)
        if urlsplit(request.referrer or "").path == LOG:
            self.log("decision_log_item_opened", workspace_id, decision_id)
        self.log("decision_detail_viewed", workspace_id, decision_id)
        return answer

    @expose("/fork", methods=("POST",))
    def fork(self, decision_id: str) -> Any:
        """A new draft with the decision's pools, exploration and rails; its screen is the next one."""
        found = decisions.detail(db.session, decision_id)
        form = _fork_form(found)
        if not form.validate():
            return self._page(found, form, refusal_of(form))
        try:
            config_version_id = forked(decision_id, decision_fork.Target(**{name: form[name].data for name in SUBJECT}))
        except AvsError as error:
            return self._page(decisions.detail(db.session, decision_id), form, at_its_field(form, error))
        return go(path("configs", config_version_id, "pools"))

    @expose("/export.json")
    def export_json(self, decision_id: str) -> Response:
        document = decision_export.decision_document(db.session, decision_id, now=clock.now())
        return attachment(pretty_json(document).encode(), f"{decision_id}.json")

    @expose("/export.md")
    def export_markdown(self, decision_id: str) -> Response:
        document = decision_export.decision_document(db.session, decision_id, now=clock.now())
        content = decision_export.decision_markdown(document).encode()
        return attachment(content, f"{decision_id}.md", "text/markdown")

    @expose("/evidence/<what>.<format_name>")
    def evidence_file(self, decision_id: str, what: str, format_name: str) -> Response:
        """The comparison by day, or the raw events, as the API gives them."""
        config = lookup.get_decision(db.session, decision_id).config_version
        if what not in (files.COMPARISONS, files.EVENTS) or format_name not in files.FORMATS:
            raise not_found("file", f"{what}.{format_name}")
        return send_file(
            files.temporary_file(files.table_of(db.session, config, what, now=clock.now()), format_name),
            files.FORMATS[format_name],
            as_attachment=True,
            download_name=files.file_name(config.config_version_id, what, format_name),
        )

    def _page(self, found: decisions.Detail, form: ForkForm, refusal: AvsError | None = None) -> Response:
        (summary,) = decisions.summaries(db.session, [found.decision])
        config = found.config
        version = in_force(db.session, config, now=clock.now())
        seen, days = evidence_of(db.session, version), daily_comparisons(db.session, version)
        drifts = drift_actions(db.session, config, seen.by_event_type, config.pools, lambda pool: "#fork")
        advice = navigate(db.session, config.config_version_id).recommended_actions
        return self.show(
            "decision_detail.html",
            config=config,
            found=found,
            decision=found.decision,
            summary=summary.as_dict(),
            diff=diff_of(db.session, found.decision),
            figures=simulated(found.run.outputs or {}),
            outputs=found.run.outputs or {},
            evidence=seen,
            picture=evidence_picture(seen, days),
            method=drift.METHOD,
            ranges_text=ranges_text,
            charts_version=charts_version(),
            actions=next_actions(summary.outcome_pill, config.config_version_id, seen, advice, drifts),
            form=form,
            refusal=refusal,
            status=refusal.status if refusal else 200,
        )


def forked(decision_id: str, target: decision_fork.Target) -> str:
    """Fork in one unit of work; the new draft's id."""
    with write(db.session):
        config = decision_fork.fork(db.session, decision_id, target, **acting())
        config_version_id = str(config.config_version_id)
    note(f"{config_version_id} is a new draft, forked from {decision_id}.")
    return config_version_id


def _fork_form(found: decisions.Detail) -> ForkForm:
    config = found.config
    form = ForkForm(get_form_data(), data={name: getattr(config, name) for name in SUBJECT})
    cycles = sa.select(Cycle.cycle_id, Cycle.cycle_name).filter_by(workspace_id=config.workspace_id)
    rows = db.session.execute(cycles.order_by(Cycle.created_at.desc(), Cycle.cycle_id)).all()
    segments = sa.select(SegmentCatalog.segment_id, SegmentCatalog.label).order_by(SegmentCatalog.label)
    form.cycle_id.choices = [SelectChoice(row.cycle_id, f"{row.cycle_name} ({row.cycle_id})") for row in rows]
    form.segment.choices = [SelectChoice(*row) for row in db.session.execute(segments)]
    return form
