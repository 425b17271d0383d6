"""What the change policy of a price plan makes of a decision that leaves open when terms start, and of the document."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.errors import Invalid
from app.extensions import usage_events
from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.decision_record import DecisionRecord
from app.models.transactions import write
from app.services.billing.ledger_patches import rendered
from app.services.billing.ledgers.registry import NAMES
from app.services.configs.lookup import get_config
from app.services.configs.reading import current_hash, read_config
from app.services.decisions import activation
from app.services.evidence.comparison import in_force
from app.services.simulations.usage_facts import findings_with_usage
from rules.enums import TermsStart
from rules.finding import Finding
from rules.price_plan import PricePlan
from tests import factories as f
from tests.services.decisions.test_terms_start import KEPT, decided, including, served

SHARED: PricePlan = {"platform_fee_usd": Decimal(49), "change_policy": "prorate"}
WAITING: PricePlan = {"platform_fee_usd": Decimal(49), "change_policy": "at_next_period"}


def planned(session: AnySession, config_version_id: str, plan: PricePlan | None, included: int = 100) -> None:
    """A simulated config with a price plan."""
    row = f.config(session, config_version_id, **including(included))
    row.price_plan = plan
    session.flush()
    row.content_hash = current_hash(session, row)
    f.run(session, row)


@pytest.fixture
def plans(active: AnySession) -> AnySession:
    """cfg_1 is active and has no plan; of the next ones, cfg_2 waits for periods, cfg_3 shares them, cfg_4 has none."""
    with write(active):
        planned(active, "cfg_2", WAITING)
        planned(active, "cfg_3", SHARED)
        planned(active, "cfg_4", None)
    return active


def findings(session: AnySession, config_version_id: str) -> list[Finding]:
    reading = read_config(session, config_version_id)
    now = f.NOW + timedelta(days=1)
    everything = findings_with_usage(session, usage_events().store, reading, now=now)
    return [finding for finding in everything if finding.code == "change_policy_not_followed"]


def test_where_no_plan_is_in_force_the_candidates_own_policy_decides(plans: AnySession) -> None:
    assert decided(plans, "cfg_3").terms_start == "prorated"


def test_the_policy_in_force_decides_about_the_version_that_follows_whatever_that_one_says(plans: AnySession) -> None:
    assert decided(plans, "cfg_2").terms_start == "next_period"
    assert decided(plans, "cfg_3", later=120).terms_start == "next_period"
    assert decided(plans, "cfg_4", later=180).terms_start == "prorated"


def test_a_version_over_none_with_a_plan_holds_at_once_where_neither_has_one(plans: AnySession) -> None:
    assert decided(plans, "cfg_4").terms_start == "at_once"


def test_a_first_version_holds_at_once_whatever_its_plan_says(ready: AnySession) -> None:
    with write(ready):
        planned(ready, "cfg_2", SHARED)
    assert decided(ready, "cfg_2").terms_start == "at_once"


def test_without_a_version_before_there_is_nothing_to_share_out(ready: AnySession) -> None:
    with pytest.raises(Invalid, match="Nothing is active for this subject"):
        decided(ready, "cfg_1", terms_start=TermsStart.PRORATED)


def test_a_prorated_document_brings_the_terms_before_it_along_with_their_prices(plans: AnySession) -> None:
    decided(plans, "cfg_3")
    first = served(plans)["governance"]["terms"]
    assert (first["start"], first["since"]) == ("prorated", "2026-01-15T00:01:00Z")
    assert set(first["before"]) == KEPT
    decided(plans, "cfg_4", later=120)
    second = served(plans)["governance"]["terms"]
    assert second["before"]["rating_agility"]["price_plan"] == {"platform_fee_usd": 49, "change_policy": "prorate"}
    assert second["before"]["terms"] == first


def test_the_prices_before_come_along_into_a_next_period_too(plans: AnySession) -> None:
    decided(plans, "cfg_2")
    decided(plans, "cfg_4", later=120)
    terms = served(plans)["governance"]["terms"]
    assert (terms["start"], terms["before"]["rating_agility"]["price_plan"]["platform_fee_usd"]) == ("next_period", 49)


def test_a_version_for_later_follows_the_policy_and_its_announcement_says_so(plans: AnySession) -> None:
    moment = f.NOW + timedelta(days=2)
    decision = decided(plans, "cfg_3", effective_at=moment)
    assert decision.terms_start == "prorated"
    coming = served(plans)["governance"]["delivery"]["next"]["document"]
    assert (coming["governance"]["terms"]["start"], coming["governance"]["terms"]["since"]) == (
        "prorated", "2026-01-17T00:00:00Z",
    )  # fmt: skip
    with write(plans):
        activation.activate_due(plans, now=moment)
    assert served(plans, later=3 * 86_400) == coming


def test_a_rollback_holds_at_once_whatever_the_policies_say(plans: AnySession) -> None:
    decided(plans, "cfg_3")
    with write(plans):
        decision = activation.rollback(plans, "cfg_1", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=120))
    assert decision.terms_start == "at_once"
    assert "terms" not in served(plans)["governance"]
    assert findings(plans, "cfg_1") == []


def test_another_choice_is_allowed_and_said(plans: AnySession) -> None:
    decided(plans, "cfg_2")
    assert findings(plans, "cfg_2") == []
    decision = decided(plans, "cfg_4", later=120, terms_start=TermsStart.AT_ONCE)
    assert plans.get_one(DecisionRecord, decision.decision_id).terms_start == "at_once"
    (finding,) = findings(plans, "cfg_4")
    assert (finding.gate, finding.deep_link) == ("advisory", "/configs/cfg_4/approve#terms_start")
    assert "“at next period”, says from each customer's next period on" in finding.message


def test_evidence_of_prorated_terms_begins_with_their_activation(plans: AnySession) -> None:
    decided(plans, "cfg_3")
    since = in_force(plans, get_config(plans, "cfg_3"), now=f.NOW + timedelta(days=60)).since
    assert since == f.NOW + timedelta(seconds=60)


def test_the_billing_patch_and_every_ledger_say_that_the_running_period_is_shared_out(plans: AnySession) -> None:
    patch = plans.get_one(BillingPatch, decided(plans, "cfg_3").billing_patch_id)
    assert patch.payload["terms_start"] == "prorated"
    assert "shared out by days" in patch.payload["notes"]
    for name in NAMES:
        (gap, *_) = rendered(plans, patch, name)["not_expressed"]
        assert (gap["feature"], "shared out" in gap["reason"]) == ("terms_start", True)
