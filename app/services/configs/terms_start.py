"""When the terms of a config version start: the usual choice by the price plans, and a decision's choice beside it."""

from collections.abc import Mapping

from app.models.base import AnySession
from app.services.configs.lookup import find_newest_decision, get_config
from app.services.configs.reading import ConfigReading
from rules.draft import TermsChoice
from rules.enums import DiffType
from rules.lifecycle import is_editable
from rules.price_plan import StoredPlan
from rules.terms_start import UsualStart, usual_start
from simulation.canonical import Json


def plan_of(document: Mapping[str, Json] | None) -> StoredPlan | None:
    """The price plan of a config document or of an avs_config, None where it has none."""
    plan: StoredPlan | None = ((document or {}).get("rating_agility") or {}).get("price_plan")
    return plan


def usual_terms_start(reading: ConfigReading, replaced: Mapping[str, Json] | None) -> UsualStart:
    """When the terms of a candidate start unless its decision says otherwise.

    `replaced` is the document of the version that it replaces where none is active yet, None where there is none.
    """
    in_force = reading.served.content if reading.served else replaced
    return usual_start(in_force is not None, plan_of(in_force), plan_of(reading.document))


def terms_choice(session: AnySession, reading: ConfigReading) -> TermsChoice | None:
    """What was decided about the start of a version's terms, beside what is usual after what it replaces.

    None for a version that nobody decided on, for one that was rolled back to, which holds at once always, and where no
    price plan has a say.
    """
    if is_editable(reading.config.status):
        return None
    decision = find_newest_decision(session, reading.config.config_version_id)
    if decision is None or decision.baseline_config_version_id is None or decision.diff["type"] == DiffType.ROLLBACK:
        return None
    before = get_config(session, decision.baseline_config_version_id)
    usual = usual_start(True, before.price_plan, plan_of(reading.document))
    if usual.change_policy is None:
        return None
    return TermsChoice(
        chosen=decision.terms_start, usual=usual.start, change_policy=usual.change_policy, in_force=usual.in_force
    )
