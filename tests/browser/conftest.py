"""A real browser on a real server: every test starts from its own copy of the seeded demo."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from tests.browser.running import FLAGS, Site, chromium_path, listening, seed_folder, served_settings
from tests.databases import DATABASE, SharedApp, emptied_by_copy

VIEWPORT: ViewportSize = {"width": 1440, "height": 900}
PATIENCE_MS = 30_000
"""For what a page comes to: it says nothing about how quick it is."""
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],  # what passed need not be described node by node: that takes as long as judging it
}


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with both demo workspaces, to be copied."""
    folder = tmp_path_factory.mktemp("seeded")
    seed_folder(folder)
    return folder


@pytest.fixture(scope="session")
def product(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedApp]:
    folder = tmp_path_factory.mktemp("served")
    shared = SharedApp(served_settings(folder), emptied_by_copy(seeded / DATABASE, folder / DATABASE), seeded)
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def listening_site(product: SharedApp) -> Iterator[Site]:
    with listening(product.app) as running:
        yield running


@pytest.fixture
def site(product: SharedApp, listening_site: Site, tmp_path: Path) -> Iterator[Site]:
    """The product on a copy of the seeded data: one server for all tests, none of which sees what another one did."""
    for _ in product.fresh(tmp_path / "data"):
        yield listening_site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = chromium_path()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens a page of its own operator; the test fails when a page asked another origin or its script failed."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(**options: Any) -> Page:
        context = chromium.new_context(**{"base_url": site.address, "viewport": VIEWPORT} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        watch(page, site.address, wrong)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page()


def watch(page: Page, address: str, wrong: list[str]) -> None:
    """Note what no page may do: ask another origin, or fail in its script."""
    page.on("request", lambda request: _own_origin(request.url, address, wrong))
    page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))


def _own_origin(url: str, address: str, wrong: list[str]) -> None:
    if not url.startswith((address, "data:", "blob:")):
        wrong.append(f"a request left the server: {url}")


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Holds a page to WCAG 2.2 AA with axe-core, in light and in dark.

    The window is as tall as the page meanwhile, so that no bar sticks in front of what is judged.
    """

    def check(page: Page) -> None:
        window = page.viewport_size or VIEWPORT
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": window["width"], "height": max(window["height"], height)})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = Axe().run(page, options=RULES)
            assert found.violations_count == 0, f"{page.url} in {scheme}: {found.generate_report()}"
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(window)

    return check
