"""What came back becomes advice that names the pool, and cards for the next cycle."""

from datetime import datetime, timedelta

import pytest

from app.models.base import AnySession
from app.models.transactions import write
from app.services.authoring import fork as decision_fork
from app.services.configs.lookup import get_config, newest_decision
from app.services.evidence.advice import drift_actions, missing_actions, predecessor_actions
from app.services.evidence.cards import evidence_cards, with_evidence
from app.services.evidence.comparison import evidence
from app.services.evidence.events import accept
from app.services.guidance.navigator import guide
from simulation.canonical import Json
from tests import factories as f
from tests.services.evidence.test_comparison import FORECAST

LATER = f.NOW + timedelta(days=40)


@pytest.fixture
def live(session: AnySession) -> AnySession:
    """cfg_1 is active since NOW, decided on a run with the forecast."""
    with write(session):
        f.decided_on(session, **FORECAST)
    return session


def report(session: AnySession, event_type: str, customers: int, **event: Json) -> None:
    events = [
        {
            "workspace_id": "ws_1",
            "customer_id": f"cust_{number}",
            "config_version_id": "cfg_1",
            "occurred_at": f.NOW + timedelta(days=1),
            "event_type": event_type,
            **event,
        }
        for number in range(customers)
    ]
    with write(session):
        accept(session, events, actor=f.OPERATOR, now=LATER)


def advised(session: AnySession) -> list[tuple[str, str]]:
    config = get_config(session, "cfg_1")
    rows = evidence(session, config, now=LATER).by_event_type
    return [
        (action.text, action.deep_link)
        for action in drift_actions(session, config, rows, config.pools, lambda pool: f"#{pool.pool_id}")
    ]


def as_forecast(session: AnySession) -> None:
    for event_type, customers in {"rail_warning_shown": 10, "hard_cap_blocked": 4, "override_approved": 3}.items():
        report(session, event_type, customers)


def test_what_agrees_with_the_forecast_asks_for_nothing(live: AnySession) -> None:
    as_forecast(live)
    assert advised(live) == []


def test_more_blocks_than_forecast_ask_to_raise_the_pool_that_is_named(live: AnySession) -> None:
    report(live, "rail_warning_shown", 10)
    report(live, "hard_cap_blocked", 16, context={"value_unit_id": "vu_hd_minute"})
    assert advised(live) == [("hard cap blocked 4 × forecast: raise Core or split the segment", "#pool_core")]


def test_of_one_pool_only_the_gravest_drift_is_said(live: AnySession) -> None:
    report(live, "rail_warning_shown", 50)
    report(live, "hard_cap_blocked", 20)
    assert [text.split(":")[0] for text, _ in advised(live)] == ["hard cap blocked 5 × forecast"]


def test_fewer_than_forecast_ask_to_include_less(live: AnySession) -> None:
    report(live, "rail_warning_shown", 1)
    report(live, "hard_cap_blocked", 4)
    ((text, _),) = advised(live)
    assert text == "rail warning shown 0.1 × forecast: include less in Core, once the app is known to report everything"


def test_missing_numbers_are_an_action_that_names_client_and_numbers(live: AnySession) -> None:
    report(live, "hard_cap_blocked", 1, client_id="cli_1", sequence=3)
    (action,) = missing_actions(evidence(live, get_config(live, "cfg_1"), now=LATER).reporters)
    assert action.text == ("find out what became of 2 enforcement events that never arrived: cli_1 sent no 1 to 2")
    assert action.deep_link == "#clients"


def test_a_draft_is_told_what_drifted_under_the_version_before_and_where_to_mend_it(live: AnySession) -> None:
    report(live, "hard_cap_blocked", 16, context={"value_unit_id": "vu_hd_minute"})
    with write(live):
        f.config(live, "cfg_2")
    config = get_config(live, "cfg_2")
    (action,) = predecessor_actions(live, config, now=f.NOW + timedelta(days=2))
    assert (
        action.text
        == "hard cap blocked 4 × forecast under smb · learning · production v1: raise Core or split the segment"
    )
    assert action.deep_link == "/configs/cfg_2/pools?pool=pool_core#included_quantity"
    panel = guide(live, config.cycle, config, now=f.NOW + timedelta(days=2)).navigator
    assert panel.recommended_actions[0] == action


def test_a_decided_version_learns_nothing_about_itself(live: AnySession) -> None:
    report(live, "hard_cap_blocked", 16)
    assert predecessor_actions(live, get_config(live, "cfg_1"), now=LATER) == []


def test_a_fork_of_the_newest_version_hears_of_it_once(live: AnySession) -> None:
    report(live, "hard_cap_blocked", 16)
    with write(live):
        decision_id = newest_decision(live, "cfg_1").decision_id
        config = decision_fork.fork(
            live, decision_id, decision_fork.Target("cycle_1", "production"), actor=f.OPERATOR, now=LATER
        )
    texts = [action.text for action in predecessor_actions(live, config, now=f.NOW + timedelta(days=2))]
    assert len(texts) == len(set(texts)) == 1


# Cards for the next cycle


def cards(session: AnySession, now: datetime = LATER) -> list[tuple[str, str, str]]:
    return [(card["label"], card["source"], card["state"]) for card in evidence_cards(session, "ws_1", now=now)]


def test_graduations_and_failed_quality_of_active_configs_become_cards(live: AnySession) -> None:
    as_forecast(live)
    report(live, "exploration_graduated", 12)
    report(live, "quality_proxy_failed", 9, context={"value_unit_id": "vu_hd_minute"})
    assert cards(live) == [
        ("12 customers graduated from exploration under smb · learning · production v1", "cfg_1", "new"),
        ("Quality proxy failed 9 times for “Usable HD minute”", "cfg_1", "new"),
    ]


def test_a_drift_of_an_active_config_is_a_card(live: AnySession) -> None:
    as_forecast(live)
    report(live, "hard_cap_blocked", 20)
    assert ("Hard cap blocked 5 × forecast under smb · learning · production v1", "cfg_1", "new") in cards(live)


def test_without_events_there_is_nothing_to_learn(live: AnySession) -> None:
    assert cards(live) == []


def test_a_card_keeps_its_id_while_its_count_grows_so_a_verdict_on_it_stays(live: AnySession) -> None:
    report(live, "exploration_graduated", 3)
    (before,) = evidence_cards(live, "ws_1", now=f.NOW + timedelta(days=2))
    report(live, "exploration_graduated", 12)
    (after,) = evidence_cards(live, "ws_1", now=f.NOW + timedelta(days=2))
    assert (before["card_id"], before["label"] == after["label"]) == (after["card_id"], False)
    judged = before | {"state": "dismissed"}
    assert with_evidence([judged], [after]) == [judged]
