"""Flow 4 in a browser: from the question to the review, and pictures that draw, follow the scheme and can be taken."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from playwright.sync_api import Page, expect

from tests.browser.running import Site
from tests.present import present

CANDIDATE = "/configs/cfg_growth_smb_learning_prod_v3_candidate"
DEMO = "/configs/cfg_smb_learning_prod_v2_candidate"
DRAWN = ".drawing .main-svg"


def colour_of_the_candidate(page: Page) -> str:
    line = page.locator("#periods .js-line").nth(1)
    return str(line.evaluate("line => getComputedStyle(line).stroke"))


def test_a_simulation_leads_to_pictures_that_draw_under_the_strict_policy(
    page: Page, accessible: Callable[[Page], None]
) -> None:
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.goto(f"{CANDIDATE}/simulate")
    accessible(page)
    page.get_by_label("120 days, four periods").check()
    page.get_by_role("button", name="Simulate").click()
    page.wait_for_url("**/review?run=*")
    for name in ("periods", "pools", "bill-change", "limits"):
        expect(page.locator(f"#{name} {DRAWN}").first).to_be_visible()
    expect(page.locator("#periods figcaption")).to_contain_text("floor of 60 %")
    expect(page.locator("#periods .drawing")).to_contain_text("floor 60 %")
    assert complaints == []
    accessible(page)


def test_pictures_take_their_colours_from_the_scheme(page: Page) -> None:
    page.goto(f"{CANDIDATE}/review")
    expect(page.locator(f"#periods {DRAWN}").first).to_be_visible()
    light = colour_of_the_candidate(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("#periods .js-line").nth(1)).not_to_have_css("stroke", light)
    assert light == "rgb(52, 81, 199)"
    assert colour_of_the_candidate(page) == "rgb(147, 168, 255)"


def test_a_picture_is_taken_along_as_svg_with_its_sentence_and_its_table_as_csv(page: Page, tmp_path: Path) -> None:
    page.goto(f"{CANDIDATE}/review")
    with page.expect_download() as drawing:
        page.locator("#periods").get_by_role("button", name="as SVG").click()
    assert drawing.value.suggested_filename == "periods.svg"
    drawing.value.save_as(tmp_path / "periods.svg")
    text = "".join(ElementTree.parse(tmp_path / "periods.svg").getroot().itertext())
    assert "Margin is below the floor of 60 % in every period" in text
    with page.expect_download() as table:
        page.locator("#periods").get_by_role("link", name="as CSV").click()
    assert table.value.suggested_filename == "sim_growth_smb_v3.periods.csv"


def test_on_a_phone_the_panels_stand_beneath_each_other(new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{CANDIDATE}/review")
    drawing = page.locator("#periods .drawing")
    expect(drawing.locator(".main-svg").first).to_be_visible()
    assert present(drawing.bounding_box())["height"] > 600
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_without_scripts_the_tables_say_it_all(new_page: Callable[..., Page]) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{DEMO}/simulate")
    page.get_by_role("button", name="Simulate").click()
    page.wait_for_url("**/review?run=*")
    assert page.locator("#periods tbody tr").count() == 1
    assert "$6.00" in page.locator("#periods tbody").inner_text()
    expect(page.locator("[data-svg]").first).to_be_hidden()
    expect(page.locator(".drawing").first).to_be_hidden()


def test_the_progress_page_goes_on_when_the_run_is_done(
    page: Page, site: Site, accessible: Callable[[Page], None]
) -> None:
    from app import clock
    from app.actor import Actor
    from app.extensions import usage_events
    from app.models.base import db
    from app.models.transactions import write
    from app.services.simulations import jobs, runs
    from rules.enums import HistoricalWindow

    actor = Actor("Theresa")
    request = runs.Request("cfg_smb_learning_prod_v2_candidate", HistoricalWindow.MOCKED, "ai_video_smb")
    with site.app.app_context():
        with write(db.session):
            asked = runs.prepare(db.session, request)
            run_id = runs.begin(db.session, asked, actor=actor, now=clock.now()).simulation_run_id
        page.goto(f"{DEMO}/simulate?run={run_id}")
        expect(page.get_by_role("heading", name="The run is in progress")).to_be_visible()
        accessible(page)
        jobs._compute(db.engine, usage_events(), request, run_id, actor, clock.now)
    page.wait_for_url(f"**/review?run={run_id}")
    expect(page.locator("#pools figcaption")).to_be_visible()


def test_the_gate_is_mended_by_its_link(page: Page) -> None:
    page.goto(f"{CANDIDATE}/review")
    expect(page.get_by_role("button", name="Continue to approval")).to_be_disabled()
    page.locator("#why a").click()
    page.wait_for_url("**/value-units?unit=vu_growth_storyboard#quality_signal_source")
