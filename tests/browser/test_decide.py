"""Flows 5 and 6 in a browser: approve, schedule, be refused and lose nothing, roll back, compare and fork."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from app import clock, extensions
from app.actor import Actor
from app.models.base import db
from app.models.transactions import write
from app.services.authoring import config_parts
from app.services.authoring import fork as decision_fork
from app.services.authoring.inputs import PoolInput
from app.services.configs.lookup import get_config
from app.services.simulations import runs
from rules.enums import HistoricalWindow
from tests.browser.running import Site
from tests.factories import Who

OPERATOR = Actor("Mara", "product_growth")
ACTIVE = "cfg_growth_smb_learning_prod_v1"
WHY = "Studios asked for more, and the margin allows it."


def who() -> Who:
    return {"actor": OPERATOR, "now": clock.now()}


@pytest.fixture
def candidate(site: Site) -> str:
    """A draft that includes 45 minutes instead of 20, simulated and past every gate."""
    with site.app.app_context():
        with write(db.session):
            source = get_config(db.session, ACTIVE)
            target = decision_fork.Target(source.cycle_id, source.target_environment)
            config_id = decision_fork.fork(db.session, "dec_growth_smb_rollback", target, **who()).config_version_id
            quantity: PoolInput = {"included_quantity": Decimal(45)}
            config_parts.update_pool(db.session, config_id, "pool_core", quantity, **who())
        simulate(config_id)
        db.session.remove()
    return str(config_id)


def simulate(config_id: str) -> None:
    config = get_config(db.session, config_id)
    request = runs.Request(config_id, HistoricalWindow.MOCKED, config.segment)
    runs.simulate(db.session, extensions.usage_events(), request, **who())


def decide(page: Page, **more: str) -> None:
    page.get_by_label("Approver name").fill("Mara Lindqvist")
    page.get_by_label("Approver role").fill("Head of Growth")
    page.get_by_label("Rationale").fill(WHY)
    for label, text in more.items():
        page.get_by_label(label.replace("_", " ")).fill(text)


def test_an_approval_says_what_will_happen_and_then_it_has(
    page: Page, candidate: str, accessible: Callable[[Page], None]
) -> None:
    page.goto(f"/configs/{candidate}/approve")
    expect(page.get_by_text("Core pool: included 20 → 45 per customer and 30 days")).to_be_visible()
    expect(page.get_by_text("becomes active now; Launch plan, metered is archived.")).to_be_visible()
    accessible(page)
    decide(page)
    page.get_by_role("button", name="Approve version").click()
    expect(page.locator("h1")).to_contain_text("active")
    expect(page.get_by_text("Apps read it at")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="Open the decision").click()
    expect(page.locator("blockquote")).to_contain_text(WHY)
    accessible(page)
    page.goto(f"/configs/{ACTIVE}/approve")
    expect(page.locator("h1")).to_contain_text("archived")


def test_an_approval_for_later_says_so_while_typing_and_flips_then(page: Page, candidate: str) -> None:
    ahead = (clock.now() + timedelta(days=2)).strftime("%Y-%m-%d %H:%M")
    page.goto(f"/configs/{candidate}/approve")
    happens = page.locator(".happens")
    expect(happens.get_by_text("stays active until then")).to_be_hidden()
    page.get_by_label("At a later moment").check()
    expect(happens).to_contain_text("Effective at is empty.")
    page.get_by_label("Effective at").fill("tomorrow")
    expect(happens).to_contain_text("Effective at cannot be read.")
    page.get_by_label("Effective at").fill("2025-01-01 00:00")
    expect(happens).to_contain_text("This moment has passed.")
    decide(page, Effective_at=ahead)
    expect(happens).to_contain_text(f"If Effective at is in the future: {ahead} UTC")
    expect(happens.get_by_text("Launch plan, metered stays active until then")).to_be_visible()
    expect(happens.get_by_text("becomes active now")).to_be_hidden()
    page.get_by_role("button", name="Approve version").click()
    expect(page.locator("h1")).to_contain_text("scheduled")
    expect(page.locator("#flip")).to_contain_text(f"It becomes active at {ahead} UTC")


def test_a_refused_approval_keeps_the_rationale_and_goes_to_the_refusal(
    page: Page, site: Site, candidate: str, accessible: Callable[[Page], None]
) -> None:
    page.goto(f"/configs/{candidate}/approve")
    decide(page)
    with site.app.app_context(), write(db.session):
        config_parts.put_rails(db.session, candidate, {"monthly_spend_cap_usd": None}, **who())
    page.get_by_role("button", name="Approve version").click()
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#gates")).to_contain_text("has no monthly spend cap")
    expect(page.get_by_label("Rationale")).to_have_value(WHY)
    expect(page.get_by_role("button", name="Approve version")).to_be_disabled()
    accessible(page)
    page.get_by_role("link", name="Fix it").click()
    page.wait_for_url(f"**/configs/{candidate}/rails#monthly_spend_cap_usd")


def test_a_rollback_names_what_changes_and_brings_the_old_version_back(
    page: Page, accessible: Callable[[Page], None]
) -> None:
    page.goto("/configs/cfg_growth_smb_learning_prod_v2/approve#rollback")
    rollback = page.locator("#rollback")
    expect(rollback).to_contain_text("included 20 → 200 per customer and 30 days")
    accessible(page)
    decide(page)
    page.get_by_role("button", name="Roll back to version 2").click()
    expect(page.locator("#problems")).to_contain_text("Confirm what will change.")
    page.get_by_label("Studio pack, prepaid becomes active now; Launch plan, metered is archived.").check()
    page.get_by_role("button", name="Roll back to version 2").click()
    expect(page.locator("h1")).to_contain_text("active")
    page.goto("/decision-log?workspace_id=ws_2049")
    expect(page.locator(".timeline > li").first).to_contain_text("rollback by Mara Lindqvist")


def test_two_decisions_are_compared_and_the_winner_forked(page: Page, accessible: Callable[[Page], None]) -> None:
    page.goto("/decision-log?workspace_id=ws_2049")
    accessible(page)
    page.get_by_role("link", name="Compare Studio pack, prepaid").click()
    page.get_by_label("Right").select_option("dec_growth_smb_rollback")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#pools")).to_contain_text("hard stop")
    accessible(page)
    page.get_by_label("Right: Launch plan, metered").check()
    page.get_by_role("button", name="Fork the chosen one").click()
    page.wait_for_url("**/configs/cfg_*/pools")


def test_filters_come_and_go_as_chips(page: Page) -> None:
    page.goto("/decision-log?workspace_id=ws_2049")
    expect(page.locator(".timeline > li")).to_have_count(6)
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Status").select_option("archived")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".timeline > li")).to_have_count(3)
    page.get_by_role("link", name="Remove Status: archived").click()
    expect(page.locator(".timeline > li")).to_have_count(6)


def test_an_export_is_a_file_with_the_decision_in_it(page: Page) -> None:
    page.goto("/decision-log/dec_growth_smb_v2")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Markdown").click()
    assert waiting.value.suggested_filename == "dec_growth_smb_v2.md"
    assert "# Decision dec_growth_smb_v2" in waiting.value.path().read_text()
