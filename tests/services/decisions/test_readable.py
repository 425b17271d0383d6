"""What no app could read is never served: refused at approval, announcement and rollback, held back at its moment."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256

import pytest

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.runtime_config import RuntimeConfig
from app.models.transactions import write
from app.services.decisions import activation, rescheduling
from rules.enums import TermsStart
from simulation.canonical import JsonObject, canonical_bytes, parse_exact
from tests import factories as f
from tests.services.observe import current_documents, refused, statuses

HOLES: dict[str, tuple[JsonObject, str]] = {
    "an exploration of 300 years": ({"exploration": f.EXPLORATION | {"expires_after_days": 109_500}}, "exploration"),
    "a rollover of 300 years": (
        {"pools": [f.CORE | {"rollover": {"enabled": True, "expires_after_days": 109_500}}, f.EXPLORATION_POOL]},
        "pools?pool=pool_core",
    ),
    "an action that there is not": (
        {"rails": f.RAILS | {"usage_thresholds": [*f.RAILS["usage_thresholds"], {"percent": 50, "action": "explode"}]}},
        "rails",
    ),
    "an age below nothing": ({"delivery": {"max_staleness_seconds": -5}}, "rails#delivery"),
    "a rail that fails neither way": ({"delivery": {"on_expired": {"usage_thresholds": "maybe"}}}, "rails#delivery"),
    "a rail that counts neither way": (
        {"delivery": {"on_counters_unavailable": {"hard_stop": "maybe"}}},
        "rails#delivery",
    ),
    "a time zone that there is not": (
        {"delivery": {"period_anchor": {"kind": "calendar_month", "time_zone": "Mars/Olympus"}}},
        "rails#delivery",
    ),
    "a moment that there is not": (
        {"delivery": {"period_anchor": {"kind": "fixed", "at": "2026-02-30T00:00:00Z"}}},
        "rails#delivery",
    ),
    "a scope that there is not": (
        {"delivery": {"threshold_scopes": [{"percent": 70, "scope": "everybody"}]}},
        "rails#delivery",
    ),
}
"""Rows from before a door was as strict as it is: what no app could read, and the screen where it is mended."""


def two_days_later(session: AnySession, config_version_id: str = "cfg_2") -> None:
    f.approve(session, config_version_id, later=60, effective_at=f.NOW + timedelta(days=2))


def at_once(session: AnySession) -> None:
    f.approve(session, "cfg_2", later=60)


@pytest.mark.parametrize("name", HOLES)
@pytest.mark.parametrize("act", [at_once, two_days_later], ids=["now", "later"])
def test_what_no_app_could_read_is_not_approved(
    active: AnySession, act: Callable[[AnySession], object], name: str
) -> None:
    changes, screen = HOLES[name]
    with write(active):
        f.simulated(active, "cfg_2", **changes)
    refusal = refused(active, "config_unreadable", act)
    assert screen in refusal.findings[0].deep_link
    assert "cannot be read by apps" in refusal.findings[0].message


def test_an_unfinished_draft_is_told_what_it_lacks_and_not_that_apps_could_not_read_it(empty: AnySession) -> None:
    with write(empty):
        f.simulated(empty, pools=[], delivery={"max_staleness_seconds": -5})
    refusal = refused(empty, "config_pools_missing")
    assert "config_unreadable" not in {finding.code for finding in refusal.findings}


def served(session: AnySession) -> JsonObject:
    return dict(parse_exact(session.query(RuntimeConfig).filter_by(current=True).one().document))


def damage(session: AnySession, change: Callable[[JsonObject], object]) -> None:
    """Change the stored document, as if it had been written before a client was as strict as it is."""
    row = session.query(RuntimeConfig).filter_by(current=True).one()
    document = dict(parse_exact(row.document))
    change(document)
    row.document = canonical_bytes(document)
    row.digest = sha256(row.document).hexdigest()


def with_an_old_cap(document: JsonObject) -> None:
    document["rails"]["absolute_usage_caps"] = [{"per": "day", "renders": 50}]


@pytest.fixture
def replacing_what_no_app_reads(active: AnySession) -> AnySession:
    """cfg_1 is active with a document that no app reads; cfg_2 is simulated."""
    with write(active):
        damage(active, with_an_old_cap)
        f.simulated(active, "cfg_2", rails=f.RAILS | {"margin_floor": Decimal("0.6")})
    return active


def test_terms_before_that_no_app_reads_are_not_brought_along(replacing_what_no_app_reads: AnySession) -> None:
    session = replacing_what_no_app_reads
    for act in (
        lambda each: f.approve(each, "cfg_2", later=60, terms_start=TermsStart.NEXT_PERIOD),
        lambda each: f.approve(
            each, "cfg_2", later=60, terms_start=TermsStart.NEXT_PERIOD, effective_at=f.NOW + timedelta(days=2)
        ),
    ):
        refusal = refused(session, "config_unreadable", act)
        assert refusal.findings[0].deep_link.endswith("/configs/cfg_2/approve#terms_start")
        assert "Let it hold at once." in refusal.findings[0].message


def test_what_mends_a_document_that_no_app_reads_can_be_approved_scheduled_moved_and_withdrawn(
    replacing_what_no_app_reads: AnySession,
) -> None:
    session, by = replacing_what_no_app_reads, f.APPROVAL
    with write(session):
        two_days_later(session)
    assert served(session)["governance"]["delivery"]["next"]["config_version_id"] == "cfg_2"
    with write(session):
        moved = activation.Approval("Theresa", "CEO", "Later.", effective_at=f.NOW + timedelta(days=3))
        rescheduling.reschedule(session, "cfg_2", moved, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=70))
    with write(session):
        rescheduling.withdraw(session, "cfg_2", by, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=80))
    with write(session):
        f.approve(session, "cfg_2", later=90)
    assert current_documents(session) == ["cfg_2"]


def test_an_announced_document_that_no_app_reads_is_held_back_at_its_moment(active: AnySession) -> None:
    with write(active):
        f.simulated(active, "cfg_2", rails=f.RAILS | {"margin_floor": Decimal("0.6")})
        two_days_later(active)
        damage(active, lambda document: with_an_old_cap(document["governance"]["delivery"]["next"]["document"]))
    with write(active):
        activation.activate_due(active, now=f.NOW + timedelta(days=3))
    assert statuses(active) == {"cfg_1": "active", "cfg_2": "approved"}
    decision = active.query(DecisionRecord).filter_by(config_version_id="cfg_2").one()
    assert set(decision.history[-1]["findings"]) == {"config_unreadable"}
    assert served(active)["governance"]["delivery"]["next"] is None


def test_a_version_that_no_app_reads_any_more_is_not_rolled_back_to(active: AnySession) -> None:
    with write(active):
        f.simulated(active, "cfg_2", rails=f.RAILS | {"margin_floor": Decimal("0.6")})
        f.approve(active, "cfg_2", later=60)
        active.get_one(ConfigVersion, "cfg_1").delivery = {"on_expired": {"usage_thresholds": "maybe"}}

    def back(session: AnySession) -> object:
        return activation.rollback(session, "cfg_1", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=90))

    refusal = refused(active, "config_unreadable", back)
    assert refusal.findings[0].deep_link == "/configs/cfg_1/rails#delivery"


def test_a_scope_without_its_threshold_is_not_approved(active: AnySession) -> None:
    scopes = [{"percent": 55, "scope": "unit"}]
    with write(active):
        f.simulated(active, "cfg_2", delivery={"threshold_scopes": scopes})
    refusal = refused(active, "threshold_scope_unmatched", lambda session: f.approve(session, "cfg_2", later=60))
    assert "at 55 %" in refusal.findings[0].message
