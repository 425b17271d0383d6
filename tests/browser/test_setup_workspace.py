"""Flow 0A in a browser: which workspace, which role."""

from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_continue_stays_disabled_until_name_and_role_are_set(page: Page, accessible: Callable[[Page], None]) -> None:
    page.goto("/setup/workspace")
    button = page.get_by_role("button", name="Continue to data")
    expect(button).to_be_disabled()
    expect(page.locator("footer.next")).to_contain_text("Still needed: Workspace name, Your role")
    page.get_by_label("Workspace name").fill("Pioneer Studio")
    expect(button).to_be_disabled()
    accessible(page)
    for _ in ("once", "again"):
        page.get_by_role("link", name="Your role").click()
        expect(page.get_by_label("Founder")).to_be_focused()
    page.get_by_label("Founder").check()
    expect(button).to_be_enabled()
    accessible(page)
    button.click()
    page.wait_for_url("**/setup/data-mode*")
    expect(page.locator(".switcher summary")).to_contain_text("Pioneer Studio")
