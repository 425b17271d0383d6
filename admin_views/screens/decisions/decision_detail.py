"""Flow 6B: is it still right. One decision with its reason, its diff, the apps' evidence, and the next actions."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Response, request, send_file
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired

from admin_views.base import expose
from admin_views.formatters import pretty_json
from admin_views.forms import ChoiceField, at_its_field, choices_of, plain_labels, refusal_of
from admin_views.pickers import catalog_choices
from admin_views.screens.decisions.evidence_figures import evidence_picture
from admin_views.screens.decisions.forking import TARGET_FIELDS, fork_decision
from admin_views.screens.promotion import promoted
from admin_views.screens.screen import Screen, attachment, go, path
from app import clock
from app.errors import AvsError, not_found
from app.models.base import db
from app.models.cycle import Cycle
from app.services.authoring.fork import Target
from app.services.catalogs.kinds import SEGMENTS
from app.services.configs.lookup import get_decision
from app.services.decisions.content import diff_of
from app.services.decisions.export import decision_document, decision_markdown
from app.services.decisions.figures import simulated
from app.services.decisions.log import Detail, detail, summaries, took_effect
from app.services.decisions.next_actions import next_actions
from app.services.decisions.timeline import back_to, timeline
from app.services.evidence import files
from app.services.evidence.advice import drift_actions
from app.services.evidence.comparison import evidence_of, in_force
from app.services.evidence.days import daily_comparisons
from app.services.evidence.sequence_gaps import ranges_text
from app.services.guidance.navigator import navigate
from rules import drift
from rules.enums import Stage, TargetEnvironment

LOG = "/decision-log"


class ForkForm(SecureForm):
    """The cycle and the subject of the new draft; at first those of the decision."""

    cycle_id = ChoiceField("Cycle", [DataRequired("Choose a cycle.")])
    segment = ChoiceField("Segment", [DataRequired("Choose a segment.")])
    stage = ChoiceField("Stage", [DataRequired("Choose a stage.")], choices=choices_of(plain_labels(Stage)))
    target_environment = ChoiceField(
        "Environment", [DataRequired("Choose an environment.")], choices=choices_of(plain_labels(TargetEnvironment))
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
        promoted(get_decision(db.session, decision_id).config_version)
        decided = detail(db.session, decision_id)
        workspace_id = decided.decision.workspace_id
        answer = self._page(decided, _fork_form(decided))
        if urlsplit(request.referrer or "").path == LOG:
            self.log("decision_log_item_opened", workspace_id, decision_id)
        self.log("decision_detail_viewed", workspace_id, decision_id)
        return answer

    @expose("/fork", methods=("POST",))
    def fork(self, decision_id: str) -> ResponseReturnValue:
        """Make a new draft with the decision's pools, exploration and rails, and go on to its screen."""
        decided = detail(db.session, decision_id)
        form = _fork_form(decided)
        if not form.validate():
            return self._page(decided, form, refusal_of(form))
        try:
            target = Target(**{name: form[name].data for name in TARGET_FIELDS})
            config_version_id = fork_decision(decision_id, target)
        except AvsError as error:
            return self._page(detail(db.session, decision_id), form, at_its_field(form, error))
        return go(path("configs", config_version_id, "pools"))

    @expose("/export.json")
    def export_json(self, decision_id: str) -> Response:
        """The decision with everything behind it, as JSON."""
        document = decision_document(db.session, decision_id, now=clock.now())
        return attachment(pretty_json(document).encode(), f"{decision_id}.json")

    @expose("/export.md")
    def export_markdown(self, decision_id: str) -> Response:
        """The decision with everything behind it, as Markdown."""
        document = decision_document(db.session, decision_id, now=clock.now())
        content = decision_markdown(document).encode()
        return attachment(content, f"{decision_id}.md", "text/markdown")

    @expose("/evidence/<what>.<format_name>")
    def evidence_file(self, decision_id: str, what: str, format_name: str) -> Response:
        """The comparison by day, or the raw events, in the formats of the API."""
        config = get_decision(db.session, decision_id).config_version
        if what not in (files.COMPARISONS, files.EVENTS) or format_name not in files.FORMATS:
            raise not_found("file", f"{what}.{format_name}")
        return send_file(
            files.temporary_file(files.table_of(db.session, config, what, now=clock.now()), format_name),
            files.FORMATS[format_name],
            as_attachment=True,
            download_name=files.file_name(config.config_version_id, what, format_name),
        )

    def _page(self, decided: Detail, form: ForkForm, refusal: AvsError | None = None) -> Response:
        (summary,) = summaries(db.session, [decided.decision])
        config = decided.config
        stretches = timeline(db.session, config.subject_resolution)
        version = in_force(db.session, config, now=clock.now())
        evidence, days = evidence_of(db.session, version), daily_comparisons(db.session, version)
        drifts = drift_actions(db.session, config, evidence.by_event_type, config.pools, lambda pool: "#fork")
        advice = navigate(db.session, config.config_version_id).recommended_actions
        return self.show(
            "decision_detail.html",
            config=config,
            found=decided,
            decision=decided.decision,
            summary=summary.as_dict(),
            has_effect=took_effect(decided.decision),
            timeline=stretches,
            back_to=back_to(stretches),
            diff=diff_of(db.session, decided.decision),
            figures=simulated(decided.run.outputs or {}),
            outputs=decided.run.outputs or {},
            evidence=evidence,
            picture=evidence_picture(evidence, days),
            method=drift.METHOD,
            ranges_text=ranges_text,
            actions=next_actions(summary.outcome_pill, config.config_version_id, evidence, advice, drifts),
            form=form,
            refusal=refusal,
            status=refusal.status if refusal else 200,
        )


def _fork_form(decided: Detail) -> ForkForm:
    config = decided.config
    form = ForkForm(get_form_data(), data={name: getattr(config, name) for name in TARGET_FIELDS})
    cycles = sa.select(Cycle.cycle_id, Cycle.cycle_name).filter_by(workspace_id=config.workspace_id)
    rows = db.session.execute(cycles.order_by(Cycle.created_at.desc(), Cycle.cycle_id)).all()
    form.cycle_id.choices = [SelectChoice(row.cycle_id, row.cycle_name) for row in rows]
    form.segment.choices = catalog_choices(db.session, SEGMENTS, config.workspace_id)
    return form
