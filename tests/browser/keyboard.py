"""An operator without a mouse: Tab, Space, Enter, arrows and typing, and a focus that can be seen at every step."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.rest import another_page, at_rest

MAX_TABS = 25
MAX_ARROWS = 30
SEEN_SECONDS = 30
FOCUSED = """() => {
  const control = document.activeElement, style = getComputedStyle(control), box = control.getBoundingClientRect();
  const labels = [...(control.labels ?? [])];
  const group = control.type === "radio" ? control.closest("fieldset")?.querySelector("legend")?.innerText ?? "" : "";
  const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    tag: control.tagName.toLowerCase(),
    type: control.type ?? "",
    name: control.getAttribute("aria-label") ?? [group, ...labels.map((label) => label.innerText)].join(" ").trim(),
    text: control.innerText ?? "",
    value: control.value ?? "",
    checked: control.checked ?? false,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    uncovered: seen !== null && (control.contains(seen) || labels.some((label) => label.contains(seen))),
    over: seen === null ? `the edge of the window, at ${Math.round(box.y)}` : seen.outerHTML.slice(0, 120),
  };
}"""


@dataclass
class Keyboard:
    """Drives a page by `page.keyboard` alone; fails when the focus cannot be seen or is too far away."""

    page: Page

    @property
    def focused(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(FOCUSED)
        return found

    def skip_to_content(self) -> None:
        """The first stop of every page leads past the menu; a form that was sent from the content comes back there."""
        at_rest(self.page)
        if self.page.url.endswith("#canvas"):
            expect(self.page.locator("#canvas")).to_be_focused()
            return
        self.page.keyboard.press("Tab")
        assert self.focused["text"] == "Skip to content", self.focused
        self._is_seen()
        self.page.keyboard.press("Enter")

    def to(self, name: str, tag: str = "", key: str = "Tab") -> None:
        """Tab (or Shift+Tab) until the control of this name has the focus, if it has not, and see that it has."""
        at_rest(self.page)
        passed = []
        for _ in range(MAX_TABS):
            if self._is_on(name, tag):
                self._is_seen()
                assert self._is_on(name, tag), f"the focus left {name!r} on {self.page.url}: {self.focused}"
                return
            passed.append(self.focused["name"] or self.focused["text"][:40] or self.focused["tag"])
            self.page.keyboard.press(key)
        raise AssertionError(f"{MAX_TABS} times {key} on {self.page.url} do not lead to {name!r}: {passed}")

    def _is_on(self, name: str, tag: str) -> bool:
        control = self.focused
        return bool((control["name"] or control["text"]).startswith(name) and control["tag"].startswith(tag))

    def type(self, name: str, text: str) -> None:
        """Put a text into a field in place of what is there."""
        self.to(name)
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.type(text)

    def pick(self, name: str, value: str) -> None:
        """Choose in a list by arrows."""
        self.to(name, "select")
        self.page.keyboard.press("Home")
        self._arrows(lambda found: found["value"] == value, f"{name}: {value}")

    def choose(self, name: str, value: str) -> None:
        """Choose one of a group of options by arrows; Tab has only one stop for all of them."""
        self.to(name, "input")
        self._arrows(lambda found: found["value"] == value and found["checked"], f"{name}: {value}")

    def tick(self, name: str, on: bool = True) -> None:
        self.to(name, "input")
        if self.focused["checked"] != on:
            self.page.keyboard.press("Space")
        assert self.focused["checked"] == on

    def press(self, name: str, tag: str = "button") -> None:
        """Enter on a button that changes this page, or leads over pages that go on by themselves."""
        self.to(name, tag)
        self.page.keyboard.press("Enter")

    def follow(self, name: str, tag: str = "button") -> None:
        """Enter on a button or a link, which leads to another page, and be there."""
        self.to(name, tag)
        self.send()

    def send(self) -> None:
        """Enter where the focus is, which sends a form or follows a link, and be on the next page."""
        with another_page(self.page):
            self.page.keyboard.press("Enter")

    def _arrows(self, arrived: Callable[[dict[str, Any]], bool], what: str) -> None:
        for _ in range(MAX_ARROWS):
            found = self.focused
            if arrived(found):
                self._is_seen()
                return
            unchosen = found["type"] == "radio" and not found["checked"]  # an arrow would pass the first option
            self.page.keyboard.press("Space" if unchosen else "ArrowDown")
        raise AssertionError(f"No arrow leads to {what} on {self.page.url}")

    def _is_seen(self) -> None:
        """Once the page has come to rest: answers that arrive meanwhile may move it for a moment."""
        ends = time.monotonic() + SEEN_SECONDS
        while not ((found := self.focused)["outlined"] and found["uncovered"]):
            name = f"{self.page.url}: {found['name'] or found['text']!r}"
            assert time.monotonic() < ends, f"{name} is outlined: {found['outlined']}; over it is {found['over']}"
            self.page.wait_for_timeout(50)
