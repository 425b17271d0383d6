"""Flow 3C: whether exploration is subsidised, by which pool, and how it ends for a customer."""

from flask import get_template_attribute
from flask_admin.helpers import get_form_data
from wtforms import BooleanField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional

from admin_views.forms import (
    MAX_NAME_LENGTH,
    CheckListField,
    ChoiceField,
    TextField,
    VersionedForm,
    WholeField,
    in_order,
)
from admin_views.pickers import catalog_choices
from admin_views.screens.authoring.config_draft_screen import ConfigDraftScreen, pools_at, units_at
from admin_views.screens.draft_screen import Document
from app.identity import acting
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.authoring import config_parts
from app.services.catalogs.kinds import EVENTS, QUALITY_SIGNALS
from app.services.catalogs.reading import labels_of
from app.services.configs.documents import exploration_shape
from app.services.configs.lookup import latest_completed_run
from app.services.wording.configs import ending_sentence, subsidy_sentence
from rules.lifecycle import graduation_signal_is_required, stage_defaults
from rules.ranges import MAX_DAYS
from simulation.canonical import JsonObject


class ExplorationForm(VersionedForm):
    """The exploration rule of a config as controls, named as its fields are."""

    enabled = BooleanField("Subsidise exploration")
    exploration_pool_id = ChoiceField("Paid from pool", choices=[])
    qualifying_events = CheckListField(
        "Qualifying events", choices=[], description="A customer's first one of these starts their exploration."
    )
    expires_after_days = WholeField(
        "Ends after",
        [Optional(), NumberRange(1, MAX_DAYS, "Give 1 to 3650 days.")],
        description="Days after the first qualifying event. 14 to 60 teaches enough without giving value away.",
    )
    graduation_signal = TextField(
        "Graduation signal",
        [Length(max=MAX_NAME_LENGTH)],
        description="What shows that a customer has found the value and can pay for it.",
    )


class Exploration(ConfigDraftScreen[ExplorationForm]):
    slug = "exploration"
    route = "/configs/<config_version_id>/exploration"
    title = "Exploration"
    operator_decision = "Is exploration subsidised, and how does it end?"
    needs = "The pool that pays, what starts it and what ends it, because given-away use costs you money until then."
    template = "exploration.html"
    part = "exploration"
    next_part = "rails"

    def form_of(self, record: ConfigVersion) -> ExplorationForm:
        form = ExplorationForm(get_form_data(), data=dict(self.document(record)))
        form.exploration_pool_id.choices = _pool_choices(record)
        stored = self.document(record)["qualifying_events"]
        form.qualifying_events.choices = catalog_choices(db.session, EVENTS, record.workspace_id, stored=stored)
        return form

    def document(self, record: ConfigVersion) -> Document:
        return exploration_shape(record.exploration)

    def typed(self, form: ExplorationForm, record: ConfigVersion) -> Document:
        stored = self.document(record)
        plain = {name: form[name].data for name in stored}
        return plain | {"qualifying_events": in_order(form.qualifying_events.data, stored["qualifying_events"])}

    def store(self, record: ConfigVersion, document: Document) -> None:
        config_parts.put_exploration(db.session, record.config_version_id, document, **acting())

    def enforced(self, document: Document) -> JsonObject:
        return {"exploration": dict(document)}

    def act(self, form: ExplorationForm, action: str, record: ConfigVersion) -> None:
        """`defaults`: fill in what the stage suggests, its pool only when the config has that pool."""
        if action != "defaults":
            return
        suggested = stage_defaults(record.stage).exploration
        form.enabled.data = suggested.enabled
        if suggested.expires_after_days is not None:
            form.expires_after_days.raw_data = None
            form.expires_after_days.data = suggested.expires_after_days
        if form.exploration_pool_id.data is None and suggested.exploration_pool_id in _exploration_pools(record):
            form.exploration_pool_id.data = suggested.exploration_pool_id

    def parts(self, form: ExplorationForm, record: ConfigVersion) -> dict[str, str]:
        cost = get_template_attribute("screens/_exploration.html", "cost")
        return {"cost": str(cost(_cost(form, record)))}

    def context(self, form: ExplorationForm, record: ConfigVersion) -> dict[str, object]:
        signals = labels_of(db.session, QUALITY_SIGNALS, record.workspace_id)
        return super().context(form, record) | {
            "cost": _cost(form, record),
            "has_pools": bool(_exploration_pools(record)),
            "signals": [*sorted(signals.own), *sorted(signals.shared)],
            "signal_needed": graduation_signal_is_required(record.stage),
            "suggests": "on, 30 days" if stage_defaults(record.stage).exploration.enabled else "off",
        }


def _exploration_pools(record: ConfigVersion) -> dict[str, str]:
    """pool_id → label of the pools that may pay for exploration."""
    return {pool.pool_id: pool.label for pool in record.pools if pool.is_exploration_pool}


def _pool_choices(record: ConfigVersion) -> list[SelectChoice]:
    """The choices of pools. The stored one stays a choice when it is no exploration pool any more: the gate says so."""
    labels = _exploration_pools(record)
    stored = record.exploration and record.exploration.exploration_pool_id
    if stored and stored not in labels:
        names = {pool.pool_id: pool.label for pool in record.pools}
        labels[stored] = f"{names[stored]}, not an exploration pool" if stored in names else "a pool that is gone"
    return [SelectChoice("", "choose"), *(SelectChoice(key, text) for key, text in labels.items())]


def _cost(form: ExplorationForm, record: ConfigVersion) -> dict[str, object]:
    """The cost and the end of the subsidy as it is typed, and what the last completed run counted."""
    pool = pools_at(record).get(form.exploration_pool_id.data or "")
    run = latest_completed_run(db.session, record.config_version_id)
    summary = (run.outputs or {}).get("exploration_summary") if run else None
    return {
        "enabled": form.enabled.data,
        "subsidy": subsidy_sentence(pool, units_at(record).get(pool["value_unit_id"]) if pool else None),
        "ending": ending_sentence(form.expires_after_days.data, form.graduation_signal.data),
        "summary": summary if summary and summary["enabled"] else None,
        "run": run,
        "pool_names": {pool.pool_id: pool.label for pool in record.pools},
    }
