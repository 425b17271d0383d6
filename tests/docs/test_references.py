"""What comments and documents cite exists: sections, flows, decisions, links and files."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

import pytest

from tests.docs.pages import (
    DECISIONS,
    ROOT,
    SPECIFICATION,
    anchors_of,
    citing_files,
    links_of,
    markdown_files,
    prose_of,
    section_of,
    text_of,
    tracked,
)

GAP = r"[\s#*]+"
"""Between the words of a citation, which a comment may break over two lines."""
NUMBERS = rf"(\d+(?:\.\d+)?(?:(?:,{GAP}|{GAP}and{GAP})\d+(?:\.\d+)?\b)*)"
SPEC = re.compile(rf"\b[Ss]pec(?:ification)?(?:'s)?{GAP}(?:sections?{GAP})?{NUMBERS}")
FLOW = re.compile(rf"\b[Ff]lows?{GAP}(\d[A-D]?(?:(?:,{GAP}|{GAP}and{GAP})\d[A-D]?\b)*)\b")
DECISION = re.compile(rf"\b(?:ADRs?|[Dd]ecisions?){GAP}(\d+(?:(?:,{GAP}|{GAP}and{GAP})\d+)*)\b(?![,.]?\d)")
RECORD = re.compile(r"\bdecisions/(\d{4}[\w-]*)")
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|js|css|html|svg))`")
NO_DOCUMENT = re.compile(r"build[ -]?pack|\bhouse(?:[:]|\.md|'s rule| rule| plan)", re.IGNORECASE)
SHORT_FOR = ("", "app/", "app/services/")
"""Where a path in a document may begin."""


def broken_sections(text: str) -> Iterator[str]:
    """Citations of sections that the specification does not have: `4.2, 2 and 3` are steps 2 and 3 of section 4.2."""
    for citation in SPEC.finditer(text):
        first, *others = re.findall(r"\d+(?:\.\d+)?", citation[1])
        known = anchors_of(text_of(SPECIFICATION))
        steps = steps_of(first) if "." in first and "," in citation[1] else None
        for number in (first, *others):
            may_be_step = number != first and "." not in number
            if number not in steps if steps is not None and may_be_step else f"spec-{number}" not in known:
                yield " ".join(citation[0].split())
                break


def steps_of(section: str) -> set[str]:
    """The numbers of a section's numbered list."""
    return set(re.findall(r"^(\d+)\. ", section_of(text_of(SPECIFICATION), f"{section} "), re.MULTILINE))


def broken_flows(text: str) -> Iterator[str]:
    known = anchors_of(text_of(SPECIFICATION))
    for citation in FLOW.finditer(text):
        if any(f"flow-{flow}" not in known for flow in re.findall(r"\d[A-D]?", citation[1])):
            yield citation[0]


def decision_files() -> dict[int, str]:
    """Number → file name without its ending."""
    names = [PurePosixPath(path).stem for path in tracked() if path.startswith(f"{DECISIONS}/0")]
    return {int(name[:4]): name for name in names}


def broken_decisions(text: str) -> Iterator[str]:
    for citation in DECISION.finditer(text):
        if any(int(number) not in decision_files() for number in re.findall(r"\d+", citation[1])):
            yield " ".join(citation[0].split())
    for name in RECORD.findall(text):
        if name not in (decision_files().get(int(name[:4])), name[:4]) or int(name[:4]) not in decision_files():
            yield f"decisions/{name}"


def broken_links(path: str, page: str) -> Iterator[str]:
    """Relative links to a file that is not there, or to an anchor that its page does not have."""
    for target in links_of(page):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = normpath(PurePosixPath(path).parent / file)
        known = file == "" or is_tracked(there)
        if not known or (anchor and anchor not in anchors_of(text_of(there) if file else page)):
            yield target


def is_tracked(path: str) -> bool:
    """Whether it is a tracked file, or a folder that holds one."""
    return path in tracked() or any(name.startswith(f"{path}/") for name in tracked())


def missing_files(page_path: str, page: str) -> Iterator[str]:
    """Paths in code spans that lead nowhere, written from the page's folder, the root or one of `SHORT_FOR`.

    A bare name says enough only beside the file; other pages may name one that was or will be.
    """
    folder = f"{PurePosixPath(page_path).parent}/"
    for path in PATH.findall(prose_of(page)):
        is_bare = "/" not in path
        if is_bare and not folder.startswith("app/"):
            continue
        if not any(is_tracked(prefix + path) for prefix in ((folder,) if is_bare else (folder, *SHORT_FOR))):
            yield path


def everything_broken(checked: list[str], broken: object) -> list[str]:
    assert callable(broken)
    return [f"{path}: {citation}" for path in checked for citation in broken(text_of(path))]


OTHERS = [path for path in citing_files() if path != "tests/docs/test_references.py"]
"""Every file that may cite something, without the examples below."""


def test_every_section_that_is_cited_is_in_the_specification() -> None:
    assert everything_broken(OTHERS, broken_sections) == []


def test_every_flow_that_is_cited_is_in_the_specification() -> None:
    assert everything_broken(OTHERS, broken_flows) == []


def test_every_decision_that_is_cited_is_recorded() -> None:
    assert everything_broken(OTHERS, broken_decisions) == []


@pytest.mark.parametrize("path", markdown_files())
def test_every_relative_link_leads_somewhere(path: str) -> None:
    assert list(broken_links(path, text_of(path))) == []


@pytest.mark.parametrize("path", [path for path in markdown_files() if not path.startswith("clients/")])
def test_every_file_that_a_document_names_is_there(path: str) -> None:
    assert list(missing_files(path, text_of(path))) == []


def test_no_text_cites_a_document_that_is_not_in_the_repository() -> None:
    assert everything_broken(OTHERS, NO_DOCUMENT.findall) == []


def test_there_are_citations_of_each_kind_to_hold() -> None:
    whole = "\n".join(map(text_of, OTHERS))
    assert len(SPEC.findall(whole)) > 200
    assert len(FLOW.findall(whole)) > 10
    assert len(DECISION.findall(whole)) + len(RECORD.findall(whole)) > 10


@pytest.mark.parametrize(
    "citation",
    ["spec 9", "(spec 4.4)", "spec 4.2, 8", "spec 4.2, 2 and 9", "spec 1 and 12", "spec\n    4.7", "Spec section 0"],
)
def test_a_section_that_is_not_there_is_noticed(citation: str) -> None:
    assert len(list(broken_sections(f'"""What it is ({citation})."""'))) == 1


@pytest.mark.parametrize(
    "citation", ["spec 4.2, 2 and 3", "spec 4.2 and 5", "spec 4.3", "spec 2, 3 and 6", "spec section 8"]
)
def test_a_section_that_is_there_is_found(citation: str) -> None:
    assert SPEC.search(citation)
    assert list(broken_sections(citation)) == []


@pytest.mark.parametrize("citation", ["flow 9A", "flows 6B and 6D", "flow 2C", "flow 8"])
def test_a_flow_that_is_not_there_is_noticed(citation: str) -> None:
    assert list(broken_flows(citation)) == [citation]


@pytest.mark.parametrize(
    "citation", ["decision 77", "ADR 0", "decisions 5 and 99", "decisions/0099", "decisions/0009-wrong-name"]
)
def test_a_decision_that_is_not_recorded_is_noticed(citation: str) -> None:
    assert list(broken_decisions(f"so it is ({citation})")) == [citation]


@pytest.mark.parametrize(
    "target",
    [
        "nowhere.md",
        "specification.md#spec-99",
        "#no-such-heading",
        "../CONTRIBUTING.md#twelve-vices",
        "decisions/0099-x.md",
    ],
)
def test_a_link_that_leads_nowhere_is_noticed(target: str) -> None:
    assert list(broken_links("docs/page.md", f"# A page\n\nSee [this]({target}).\n")) == [target]


def test_a_link_to_a_heading_of_its_own_page_is_found() -> None:
    page = (
        "# A page\n\n## What, then? `code`\n\n[here](#what-then-code), `[not](a-link.md)`\n\n```\n[nor](this.md)\n```\n"
    )
    assert list(broken_links("docs/page.md", page)) == []


def test_a_file_that_is_not_there_is_noticed() -> None:
    page = "Read `app/services/nothing.py`, then `configs/reading.py`, then `reading.py`."
    assert list(missing_files("app/services/configs/README.md", page)) == ["app/services/nothing.py"]
    assert list(missing_files("app/services/usage/README.md", page)) == ["app/services/nothing.py", "reading.py"]
    assert list(missing_files("docs/page.md", page)) == ["app/services/nothing.py"]


@pytest.mark.parametrize(
    "text", ["the build pack's shape", "(house: rules read a draft)", "see Build-Pack", "house.md"]
)
def test_a_document_outside_of_the_repository_is_noticed(text: str) -> None:
    assert NO_DOCUMENT.search(text)
    assert not NO_DOCUMENT.search("under the roof of the house")


def test_the_specification_is_where_the_citations_look() -> None:
    assert (ROOT / SPECIFICATION).is_file()
    assert {f"spec-{number}" for number in ("1", "2", "3", "4", "4.1", "4.2", "4.3", "5", "6", "7", "8")} <= anchors_of(
        text_of(SPECIFICATION)
    )
