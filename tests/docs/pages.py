"""The repository's tracked files as text, and what a Markdown page offers to link to."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CITING = (".py", ".html", ".js", ".css", ".md", ".toml")
SPECIFICATION = "docs/specification.md"
DECISIONS = "docs/decisions"

_FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")


@cache
def tracked() -> tuple[str, ...]:
    """Every file that git tracks or would track, by its path from the root."""
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return tuple(sorted({name for name in names.split("\0") if name and (ROOT / name).is_file()}))


@cache
def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def citing_files() -> list[str]:
    """The files whose comments and sentences may cite a document."""
    return [path for path in tracked() if path.endswith(CITING)]


def markdown_files() -> list[str]:
    return [path for path in tracked() if path.endswith(".md")]


def prose_of(page: str) -> str:
    """A Markdown text without its fenced blocks."""
    return _FENCE.sub("", page)


def links_of(page: str) -> list[str]:
    """The targets of a page's links and pictures; code is no link."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", prose_of(page)))


@cache
def anchors_of(page: str) -> frozenset[str]:
    """What a link into the page may name: each heading in GitHub's spelling, and anchors given by hand."""
    return frozenset((*_slugs(prose_of(page)), *_ANCHOR.findall(page)))


def _slugs(prose: str) -> Iterator[str]:
    before: Counter[str] = Counter()
    for heading in _HEADING.findall(prose):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"<[^>]*>", "", heading))
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        yield slug if not before[slug] else f"{slug}-{before[slug]}"
        before[slug] += 1


def section_of(page: str, title: str) -> str:
    """The text beneath the heading that begins with the title, up to the next one of its level or above."""
    found = re.search(rf"^(#+) +{re.escape(title)}", page, re.MULTILINE)
    assert found, f"no heading begins with {title!r}"
    rest = page[found.end() :]
    following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def rows_beneath(page: str, header: str) -> list[list[str]]:
    """The cells of every table with this header line, in the page's order."""
    rows: list[list[str]] = []
    for block in re.findall(rf"^{re.escape(header)}\n\|[-| :]+\n((?:\|.*\n?)*)", page, re.MULTILINE):
        rows += [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in block.splitlines()]
    assert rows, f"no table has the header {header!r}"
    return rows
