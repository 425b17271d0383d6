"""Flow 0B in a browser: a file with bad rows, from the choice over its preview to what was read and rejected."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.running import Site

USAGE = """Timestamp,Event Name,Account,Plan,Output Minutes,resolution
2026-01-02T09:15:00Z,video_render_completed,acct_1,starter,6,HD
yesterday,video_render_completed,acct_1,starter,1,HD
2026-01-03T09:15:00Z,storyboard_created,acct_2,pro,,
2026-01-04T09:15:00Z,video_render_completed,,starter,2,HD
"""


@pytest.fixture
def usage_file(tmp_path: Path) -> Path:
    path = tmp_path / "our usage.csv"
    path.write_text(USAGE)
    return path


def start(page: Page) -> None:
    """A new workspace, before the choice of its data."""
    page.goto("/setup/workspace")
    page.get_by_label("Workspace name").fill("Pioneer Studio")
    page.get_by_label("Founder").check()
    page.get_by_role("button", name="Continue to data").click()
    page.wait_for_url("**/setup/data-mode")


def preview(page: Page, file: Path) -> None:
    page.get_by_label("CSV upload").check()
    page.get_by_label("File of usage events").set_input_files(file)
    page.get_by_role("button", name="Preview usage events").click()
    page.wait_for_url("**/setup/data-mode/uploads/**")


def test_a_file_with_bad_rows_is_read_as_far_as_it_fits(
    page: Page, usage_file: Path, accessible: Callable[[Page], None]
) -> None:
    start(page)
    expect(page.get_by_label("File of usage events")).to_be_hidden()
    accessible(page)
    preview(page, usage_file)
    accessible(page)
    expect(page.get_by_label("Timestamp")).to_have_value("ts")
    expect(page.locator("#fit")).to_contain_text("2 would be read and 2 rejected")

    page.get_by_label("Account").select_option("leave out")
    expect(page.locator("footer.next")).to_contain_text("Say which column is Customer")
    expect(page.get_by_role("button", name="Import usage events")).to_be_disabled()
    accessible(page)
    page.get_by_label("Account").select_option("Customer")
    expect(page.locator("#fit")).to_contain_text("2 would be read and 2 rejected")

    page.get_by_role("button", name="Import usage events").click()
    expect(page.locator(".numbers")).to_contain_text("Accepted")
    expect(page.get_by_role("region", name="Rejected rows")).to_contain_text("ts is not an RFC 3339 time")
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all as CSV").click()
    assert download.value.path().read_text().splitlines()[1].startswith("2,,ts,")

    page.goto("/usage")
    expect(page.get_by_role("region", name="Imports")).to_contain_text("our usage.csv")
    accessible(page)


def test_a_wrong_import_is_taken_out_again_after_a_question(
    page: Page, usage_file: Path, accessible: Callable[[Page], None]
) -> None:
    start(page)
    preview(page, usage_file)
    page.get_by_role("button", name="Import usage events").click()
    expect(page.locator(".numbers")).to_contain_text("Accepted")
    page.goto("/usage")
    page.get_by_role("link", name="Undo… our usage.csv").click()
    expect(page.get_by_role("region", name="Take out our usage.csv")).to_contain_text("2 events of workspace")
    accessible(page)
    page.get_by_role("link", name="Keep it").click()
    page.wait_for_url("**/usage")
    page.get_by_role("link", name="Undo… our usage.csv").click()
    page.get_by_role("button", name="Undo this import").click()
    page.wait_for_url("**/usage")
    expect(page.get_by_role("region", name="Imports")).to_contain_text("undone")
    expect(page.get_by_text("our usage.csv was undone: 2 events no longer count.")).to_be_visible()
    expect(page.get_by_text("No usage events yet.")).to_be_visible()
    accessible(page)


def test_a_file_beyond_the_limit_is_said_to_be_so_before_it_is_sent(page: Page, usage_file: Path) -> None:
    start(page)
    page.get_by_label("CSV upload").check()
    page.locator("form.upload[action$=usage]").evaluate("form => { form.dataset.mostBytes = 100; }")
    page.get_by_label("File of usage events").set_input_files(usage_file)
    page.get_by_role("button", name="Preview usage events").click()
    expect(page.locator("#usage-error")).to_contain_text("This file is larger than")
    expect(page.get_by_label("File of usage events")).to_be_focused()
    assert page.url.endswith("/setup/data-mode")


def test_what_the_server_refuses_is_said_at_the_field(
    page: Page, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    start(page)
    page.get_by_label("CSV upload").check()
    book = tmp_path / "book.xlsx"
    book.write_bytes(b"PK\x03\x04 and so on")
    page.get_by_label("File of usage events").set_input_files(book)
    page.get_by_role("button", name="Preview usage events").click()
    expect(page.locator("#usage-error")).to_contain_text("book.xlsx is a spreadsheet or a zip archive")
    accessible(page)


def test_without_scripts_the_same_file_is_imported(new_page: Callable[..., Page], usage_file: Path) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/setup/workspace")
    page.get_by_label("Workspace name").fill("Pioneer Studio")
    page.get_by_label("Founder").check()
    page.get_by_role("button", name="Continue to data").click()
    preview(page, usage_file)
    page.get_by_label("resolution").select_option("leave out")
    page.get_by_role("button", name="Check again").click()
    expect(page.locator("#fit")).to_contain_text("2 would be read and 2 rejected")
    page.get_by_role("button", name="Import usage events").click()
    until = time.monotonic() + 60
    while (again := page.get_by_role("link", name="Look again")).count() and time.monotonic() < until:
        again.click()
    expect(page.locator(".numbers")).to_contain_text("Accepted")


def test_a_long_import_shows_how_far_it_has_come(
    page: Page, site: Site, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    line = '{"ts":"2026-02-01T10:00:00Z","event_type":"video_render_completed","customer_id":"c","segment":"pro"}\n'
    file = tmp_path / "many.jsonl"
    file.write_text(line * 200_000)
    start(page)
    preview(page, file)
    page.get_by_role("button", name="Import usage events").click()
    expect(page.locator("[data-progress]")).to_contain_text("of about 200,000 rows checked")
    accessible(page)
    expect(page.locator(".numbers")).to_contain_text("200,000", timeout=120_000)


@pytest.mark.parametrize("address", ["/", "/cycles", "/configs", "/usage", "/setup/data-mode", "/setup/workspace"])
def test_the_screens_of_the_rail_are_accessible(page: Page, accessible: Callable[[Page], None], address: str) -> None:
    page.goto("/")
    if address == "/":
        accessible(page)
    page.goto("/?workspace=ws_2049")
    page.goto(address)
    accessible(page)


def test_home_opens_the_demo_and_leads_to_what_is_missing(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Explore the Lumina demo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Lumina Demo Workspace")
    expect(page.get_by_role("region", name="Active now")).to_contain_text("cfg_smb_learning_prod_v1")
    expect(page.get_by_role("region", name="In work")).to_contain_text("cfg_smb_learning_prod_v2_candidate")
