"""Every decision record has its form, and the list of them is whole."""

import re
from datetime import date

import pytest

from tests.docs.pages import DECISIONS, rows_beneath, text_of, tracked

RECORDS = [path for path in tracked() if re.fullmatch(rf"{DECISIONS}/\d{{4}}-[a-z0-9-]+\.md", path)]
HEAD = re.compile(
    r"# (?P<number>\d+)\. (?P<title>[^\n]+)\n\n"
    r"- Status: (?P<status>[^\n]+)\n- Date: (?P<date>\d{4}-\d\d-\d\d)\n(?P<more>(?:- [^\n]+\n)*)"
)
STATUS = re.compile(r"(proposed|accepted|rejected)(; superseded by .+)?|superseded by .+")
SUPERSEDED_BY = re.compile(r"superseded by \[(\d+)\]")
SUPERSEDES = re.compile(r"^- Supersedes: .*\[(\d+)\]", re.MULTILINE)


def head_of(path: str) -> re.Match[str]:
    head = HEAD.match(text_of(path))
    assert head, f"{path} does not begin with its title, status and date"
    return head


def listed_record(number: int) -> list[str]:
    rows = rows_beneath(text_of(f"{DECISIONS}/README.md"), "| | decision | status |")
    return next(row for row in rows if row[0] == str(number))


@pytest.mark.parametrize("path", RECORDS)
def test_a_record_says_its_number_status_and_date(path: str) -> None:
    head = head_of(path)
    assert int(head["number"]) == int(path.removeprefix(f"{DECISIONS}/")[:4])
    assert STATUS.fullmatch(head["status"])
    assert date.fromisoformat(head["date"])


@pytest.mark.parametrize("path", RECORDS)
def test_the_list_has_every_record_with_its_title(path: str) -> None:
    head = head_of(path)
    _, link, status = listed_record(int(head["number"]))
    assert link == f"[{head['title']}]({path.removeprefix(f'{DECISIONS}/')})"
    assert status.split(";")[0] == head["status"].split(";")[0].split(" by ")[0]


def test_records_are_numbered_without_gaps() -> None:
    assert [int(head_of(path)["number"]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_what_supersedes_and_what_is_superseded_name_each_other() -> None:
    heads = {int(head_of(path)["number"]): head_of(path) for path in RECORDS}
    newer = {(int(n), number) for number, head in heads.items() for n in SUPERSEDED_BY.findall(head["status"])}
    older = {(number, int(n)) for number, head in heads.items() for n in SUPERSEDES.findall(head["more"])}
    assert newer == older
