"""The Navigator beside a config: what is missing, what to ask, what was read and what to do next (spec 3)."""

from datetime import timedelta

from app.models.base import AnySession
from app.models.cycle import CycleDraftContext
from app.models.transactions import write
from app.services.guidance.navigator import navigate
from tests import factories as f
from tests.present import present


def test_the_navigator_of_a_complete_config_asks_nothing(log: AnySession) -> None:
    panel = navigate(log, "cfg_1").as_dict()
    assert panel["open_questions"] == []
    assert panel["completeness"]["pill"] == "green"


def test_the_navigator_asks_at_most_five_questions_and_names_what_is_missing_next(empty: AnySession) -> None:
    with write(empty):
        f.config(empty, "cfg_bare", rails={"usage_thresholds": []}, price_book_ref=None, exploration={"enabled": False})
    panel = navigate(empty, "cfg_bare")
    assert len(panel.open_questions) == 5
    assert present(panel.completeness["next_missing_item"])["code"] == "rails_monthly_spend_cap_missing"


def test_the_navigator_shows_the_cards_of_the_cycles_documents_newest_first(log: AnySession) -> None:
    with write(log):
        for number in (1, 2):
            log.add(
                CycleDraftContext(
                    cycle_draft_context_id=f"ctx_{number}",
                    workspace_id="ws_1",
                    cycle_id="cycle_1",
                    extracted_cards=[{"title": f"Card {number}"}],
                    created_at=f.NOW + timedelta(seconds=number),
                )
            )
    panel = navigate(log, "cfg_1")
    assert [card["title"] for card in panel.extracted_cards] == ["Card 2", "Card 1"]


def test_the_navigator_recommends_what_the_run_suggests(empty: AnySession) -> None:
    risk = {"code": "margin_floor_violated", "detail": "Period 2 …", "period_index": 1}
    with write(empty):
        f.run(empty, f.config(empty), outputs=f.outputs(risks=[risk]))
    (action,) = navigate(empty, "cfg_1").recommended_actions
    assert action.text == "raise the price or include less: the margin is below its floor in period 2"
