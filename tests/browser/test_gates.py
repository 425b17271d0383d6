"""Every code of the two gates in a browser: it refuses, its link leads to the field, and once mended it is gone."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app.models.base import db
from app.services.configs.reading import read_config
from rules.finding import Finding
from rules.gate import evaluate
from rules.registry import APPROVE_GATE, PRODUCTION_GATE, SIMULATION_GATE
from tests.browser.conftest import PATIENCE_MS, VIEWPORT, watch
from tests.browser.gate_cases import CASES
from tests.browser.gates import Case, make
from tests.browser.rest import follow
from tests.browser.running import Site, served

WHERE = "[document.activeElement.id, document.activeElement.name ?? '']"


@pytest.fixture(scope="module")
def site(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One product for all cases: each has records of its own."""
    folder = tmp_path_factory.mktemp("gates") / "data"
    shutil.copytree(seeded, folder)
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    """One operator who meets every refusal."""
    wrong: list[str] = []
    context = chromium.new_context(base_url=site.address, viewport=VIEWPORT)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    watch(page, site.address, wrong)
    yield page
    context.close()
    assert not wrong


def test_every_code_of_the_gates_has_a_case() -> None:
    codes = {rule.code for rule in (*SIMULATION_GATE, *PRODUCTION_GATE, *APPROVE_GATE)}
    assert {case.code for case in CASES} == codes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_code_refuses_and_its_link_leads_to_the_field_that_mends_it(page: Page, site: Site, case: Case) -> None:
    with site.app.app_context():
        make(case)
    approve = f"/configs/{case.records.config}/approve"
    page.goto(approve)
    if case.meanwhile:
        message = _decide_too_late(page, site, case)
    else:
        message = _refused_for(site, case).message
        _is_held_back(page, "#gates", message)
    if _of_simulation(case):
        page.goto(f"/configs/{case.records.config}/simulate")
        _is_held_back(page, "#gate", message)
    _follow(page, message)
    assert _lands_on(page, case)
    assert case.focus in page.evaluate(WHERE)
    case.mend(page, case.records)
    page.goto(approve)
    expect(page.locator("#gates")).not_to_contain_text(message)
    assert case.code not in _codes(site, case)


def _decide_too_late(page: Page, site: Site, case: Case) -> str:
    """Decide on a page that something overtook; the refusal's text."""
    assert case.meanwhile is not None
    expect(page.locator("footer.next button.primary")).to_be_enabled()
    page.get_by_label("Approver name").fill("Theresa")
    page.get_by_label("Approver role").fill("CEO")
    page.get_by_label("Rationale").fill("It held in January.")
    with site.app.app_context():
        case.meanwhile(page, case.records)
        db.session.remove()
    page.locator("footer.next button.primary").click()
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#gates")).to_contain_text(case.says)
    return case.says


def _is_held_back(page: Page, place: str, message: str) -> None:
    expect(page.locator(place)).to_contain_text(message)
    expect(page.locator("footer.next button.primary")).to_be_disabled()


def _of_simulation(case: Case) -> bool:
    return case.code in {rule.code for rule in SIMULATION_GATE}


def _follow(page: Page, message: str) -> None:
    """Click the link of the finding that says this, wherever the page has it."""
    places = page.locator("#gates .first, #gates li, #gate li")
    follow(page, places.filter(has_text=message).get_by_role("link"))
    expect(page.locator("body :focus")).to_have_count(1)


def _lands_on(page: Page, case: Case) -> bool:
    return urlsplit(unquote(page.url)).path.endswith(case.lands)


def _refused_for(site: Site, case: Case) -> Finding:
    """What the rules say now, of the case's code."""
    return next(finding for finding in _findings(site, case) if finding.code == case.code)


def _codes(site: Site, case: Case) -> set[str]:
    return {finding.code for finding in _findings(site, case)}


def _findings(site: Site, case: Case) -> tuple[Finding, ...]:
    with site.app.app_context():
        found = evaluate(read_config(db.session, case.records.config).draft())
        db.session.remove()
        return found
