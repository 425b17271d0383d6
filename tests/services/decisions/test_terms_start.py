"""Decisions whose terms start with each customer's next period: what is stored, and what the document brings along."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.errors import Invalid
from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.decision_record import DecisionRecord, DecisionRow
from app.models.transactions import write
from app.services.billing.ledger_patches import rendered
from app.services.billing.ledgers.registry import NAMES
from app.services.configs.lookup import get_config
from app.services.decisions import activation
from app.services.decisions.runtime_config import running_terms
from app.services.delivery.current import read
from app.services.evidence.comparison import in_force
from rules.enums import TermsStart
from simulation.canonical import JsonObject, parse_exact
from tests import factories as f
from tests.present import present

NEXT = TermsStart.NEXT_PERIOD
KEPT = {"config_version_id", "value_units", "pools", "exploration", "rails"}


def including(quantity: int) -> JsonObject:
    return {"pools": [f.CORE | {"included_quantity": Decimal(quantity)}, f.EXPLORATION_POOL]}


@pytest.fixture
def replaced(active: AnySession) -> AnySession:
    """cfg_1 is active; cfg_2 and cfg_3 include less and are simulated."""
    with write(active):
        for number, quantity in ((2, 200), (3, 100)):
            f.simulated(active, f"cfg_{number}", **including(quantity))
    return active


def decided(session: AnySession, config_version_id: str, *, later: int = 60, **approval: Any) -> DecisionRow:
    with write(session):
        return f.approve(session, config_version_id, later=later, **approval)


def served(session: AnySession, later: int = 3600) -> JsonObject:
    reading = read(session, f.SUBJECT, now=f.NOW + timedelta(seconds=later))
    return dict(parse_exact(present(reading.document)))


def test_a_decision_holds_at_once_unless_it_says_otherwise_and_its_document_says_nothing_of_it(
    replaced: AnySession,
) -> None:
    assert decided(replaced, "cfg_2").terms_start == "at_once"
    assert "terms" not in served(replaced)["governance"]


def test_the_document_brings_the_terms_before_it_along(replaced: AnySession) -> None:
    before = served(replaced)
    decision = decided(replaced, "cfg_2", terms_start=NEXT)
    stored = replaced.get_one(DecisionRecord, decision.decision_id)
    assert (decision.terms_start, stored.terms_start) == ("next_period", "next_period")
    terms = served(replaced)["governance"]["terms"]
    assert (terms["start"], terms["since"]) == ("next_period", "2026-01-15T00:01:00Z")
    assert set(terms["before"]) == KEPT
    assert terms["before"] == {name: before[name] for name in KEPT}


def test_two_changes_within_a_period_keep_both_terms_before_them(replaced: AnySession) -> None:
    decided(replaced, "cfg_2", terms_start=NEXT)
    decided(replaced, "cfg_3", later=120, terms_start=NEXT)
    terms = served(replaced)["governance"]["terms"]
    assert terms["before"]["config_version_id"] == "cfg_2"
    assert terms["before"]["terms"]["before"]["config_version_id"] == "cfg_1"


def test_a_version_that_holds_at_once_drops_what_was_kept(replaced: AnySession) -> None:
    decided(replaced, "cfg_2", terms_start=NEXT)
    decided(replaced, "cfg_3", later=120)
    assert "terms" not in served(replaced)["governance"]


def test_terms_that_no_running_period_can_have_begun_under_are_dropped() -> None:
    def document(name: str, **governance: Any) -> JsonObject:
        return dict.fromkeys(KEPT, name) | {"governance": governance}

    first = document("cfg_1")
    second = document("cfg_2", **running_terms("next_period", first, f.NOW))
    soon = running_terms("next_period", second, f.NOW + timedelta(days=30))
    late = running_terms("next_period", second, f.NOW + timedelta(days=31))
    assert soon["terms"]["before"]["terms"]["before"]["rails"] == "cfg_1"
    assert "terms" not in late["terms"]["before"]


def test_an_announced_version_brings_along_what_is_served_when_its_moment_comes(replaced: AnySession) -> None:
    moment = f.NOW + timedelta(days=2)
    decided(replaced, "cfg_2", terms_start=NEXT, effective_at=moment, activate_over_newer=True)
    coming = served(replaced)["governance"]["delivery"]["next"]["document"]
    assert coming["governance"]["terms"]["before"]["config_version_id"] == "cfg_1"
    assert coming["governance"]["terms"]["since"] == "2026-01-17T00:00:00Z"
    decided(replaced, "cfg_3", later=120)
    coming = served(replaced)["governance"]["delivery"]["next"]["document"]
    assert coming["governance"]["terms"]["before"]["config_version_id"] == "cfg_3"
    with write(replaced):
        activation.activate_due(replaced, now=moment)
    assert served(replaced, later=3 * 86_400) == coming


def test_without_a_version_before_there_is_nothing_to_keep(ready: AnySession) -> None:
    with pytest.raises(Invalid, match="Nothing is active for this subject"):
        decided(ready, "cfg_1", terms_start=NEXT)


def test_a_rollback_holds_at_once(replaced: AnySession) -> None:
    decided(replaced, "cfg_2", terms_start=NEXT)
    approval = activation.Approval("Kim", "CFO", "Customers objected.", terms_start=NEXT)
    with write(replaced):
        decision = activation.rollback(
            replaced, "cfg_1", approval, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=120)
        )
    assert decision.terms_start == "at_once"
    assert "terms" not in served(replaced)["governance"]


def test_the_billing_patch_and_every_ledger_say_when_prices_start(replaced: AnySession) -> None:
    usual = replaced.get_one(BillingPatch, decided(replaced, "cfg_3").billing_patch_id)
    assert "terms_start" not in usual.payload
    decision = decided(replaced, "cfg_2", later=120, terms_start=NEXT)
    patch = replaced.get_one(BillingPatch, decision.billing_patch_id)
    assert patch.payload["terms_start"] == "next_period"
    assert "These prices start with each customer's next period" in patch.payload["notes"]
    for name in NAMES:
        gaps = [gap["feature"] for gap in rendered(replaced, patch, name)["not_expressed"]]
        assert gaps[0] == "terms_start"
        assert "terms_start" not in [gap["feature"] for gap in rendered(replaced, usual, name)["not_expressed"]]


def test_evidence_of_a_version_whose_terms_wait_begins_with_the_next_period(replaced: AnySession) -> None:
    decided(replaced, "cfg_2", terms_start=NEXT)
    since = in_force(replaced, get_config(replaced, "cfg_2"), now=f.NOW + timedelta(days=60)).since
    assert since == datetime(2026, 1, 31, tzinfo=f.NOW.tzinfo)
