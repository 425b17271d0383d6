"""Flow 3D: what prevents a blow-up. Thresholds with actions, a spend cap, a margin floor, and their picture."""

from collections.abc import Mapping, Sequence

from flask import get_template_attribute
from flask_admin.helpers import get_form_data

from admin_views.forms import ChoiceField, ExactField, PercentField, choices_of, plain_labels
from admin_views.screens.authoring.config_draft_screen import ConfigDraftScreen, units_at
from admin_views.screens.authoring.rail_delivery import DeliveryForm, controls, offer, typed_policy
from admin_views.screens.authoring.rail_gauge import gauge
from admin_views.screens.authoring.rail_rows import SCOPES, CapsField, ThresholdsField
from admin_views.screens.draft_screen import Document
from app.identity import acting
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.authoring import config_parts
from app.services.authoring.configs import update_config
from app.services.authoring.inputs import ConfigColumns
from app.services.configs.diffs import same
from app.services.configs.documents import rails_shape
from rules.delivery import policy, stated
from rules.enums import Action
from rules.lifecycle import stage_defaults
from simulation.canonical import Json, JsonObject, canonical_text

ACTIONS = plain_labels(Action)
ROWS = ("usage_thresholds", "absolute_usage_caps")


class RailsForm(DeliveryForm):
    """The rails and the delivery policy of a config as controls."""

    usage_thresholds = ThresholdsField("Usage thresholds")
    monthly_spend_cap_usd = ExactField(
        "Monthly spend cap", description="The most that one customer may be billed in a month."
    )
    at_cap_action = ChoiceField("At the cap", choices=choices_of(ACTIONS, "not set"))
    margin_floor = PercentField(
        "Margin floor", description="The lowest margin you accept; a simulation warns below it."
    )
    absolute_usage_caps = CapsField("Absolute usage caps")


class Rails(ConfigDraftScreen[RailsForm]):
    slug = "rails"
    route = "/configs/<config_version_id>/rails"
    title = "Rails"
    operator_decision = "What prevents a blow-up?"
    needs = "Warnings, a spend cap and a margin floor, because the customer app stops a runaway customer by them."
    template = "rails.html"
    part = "rails"
    next_part = "simulate"

    def form_of(self, record: ConfigVersion) -> RailsForm:
        delivery = policy(record.delivery)
        form = RailsForm(get_form_data(), data=_rails(record) | controls(delivery))
        offer(form, delivery)
        form.usage_thresholds.take_scopes(delivery["threshold_scopes"])
        return form

    def document(self, record: ConfigVersion) -> Document:
        return {"rails": _rails(record), "delivery": policy(record.delivery)}

    def typed(self, form: RailsForm, record: ConfigVersion) -> Document:
        stored = _rails(record)
        plain = {name: form[name].data for name in stored}
        rails = plain | {name: _as_stored(plain[name], stored[name]) for name in ROWS}
        delivery = typed_policy(form, policy(record.delivery))
        delivery["threshold_scopes"] = form.usage_thresholds.scopes_of(rails["usage_thresholds"])
        return {"rails": rails, "delivery": delivery}

    def store(self, record: ConfigVersion, document: Document) -> None:
        stored, config_version_id = self.document(record), record.config_version_id
        if not same(stored["rails"], document["rails"]):
            config_parts.put_rails(db.session, config_version_id, document["rails"], **acting())
        if not same(stored["delivery"], document["delivery"]):
            delivery: ConfigColumns = {"delivery": document["delivery"]}
            update_config(db.session, config_version_id, delivery, **acting())

    def enforced(self, document: Document) -> JsonObject:
        rails, caps = dict(document["rails"]), document["rails"]["absolute_usage_caps"]
        if caps is None:
            del rails["absolute_usage_caps"]
        return {"rails": rails, "delivery": stated(document["delivery"])}

    def act(self, form: RailsForm, action: str, record: ConfigVersion) -> None:
        """Carry out `defaults`, `add:usage_thresholds`, `remove:usage_thresholds:1` or `drop:absolute_usage_caps`."""
        verb, _, target = action.partition(":")
        name, _, index = target.partition(":")
        if verb == "defaults":
            suggested = stage_defaults(record.stage).usage_thresholds
            form.usage_thresholds.suggest({str(item.percent): item.action or "" for item in suggested})
        elif verb == "drop" and name == form.absolute_usage_caps.short_name:
            form.absolute_usage_caps.drop_foreign()
        elif verb == "add" and name in ROWS:
            form[name].grow()
        elif verb == "remove" and name in ROWS:
            form[name].drop(index)

    def parts(self, form: RailsForm, record: ConfigVersion) -> dict[str, str]:
        drawn = get_template_attribute("screens/_rails.html", "drawn")
        return {"gauge": str(drawn(_picture(form)))}

    def context(self, form: RailsForm, record: ConfigVersion) -> dict[str, object]:
        units = units_at(record)
        suggested = stage_defaults(record.stage).usage_thresholds
        return super().context(form, record) | {
            "picture": _picture(form),
            "actions": ACTIONS,
            "scopes": SCOPES,
            "units": {unit_id: unit["name"] for unit_id, unit in units.items()},
            "suggested": ", ".join(f"{item.percent} % {ACTIONS[item.action or '']}" for item in suggested),
        }


def _rails(record: ConfigVersion) -> JsonObject:
    """The stored rails in the shape of spec 1, with `absolute_usage_caps` even when there are none."""
    return {"absolute_usage_caps": None} | rails_shape(record.rails)


def _as_stored(typed: Sequence[Json] | None, stored: Sequence[Json] | None) -> Sequence[Json] | None:
    """The stored rows when the typed ones are equal but for their order, an empty list and None being equal too."""
    is_unchanged = sorted(map(canonical_text, typed or ())) == sorted(map(canonical_text, stored or ()))
    return stored if is_unchanged else typed


def _picture(form: RailsForm) -> Mapping[str, object]:
    """The values of the picture, from what is typed."""
    floor = form.margin_floor.data
    return {
        "gauge": gauge(form.usage_thresholds.data or (), floor),
        "cap": form.monthly_spend_cap_usd.data,
        "at_cap": form.at_cap_action.data,
        "floor": floor,
    }
