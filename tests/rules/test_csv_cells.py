"""Every CSV file is written in one way: nothing in it runs in a spreadsheet, and a number stays a number."""

import csv
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.csv_cells import FORMULA, Cell, csv_line, safe_text

ROOT = Path(__file__).parents[2]
WRITES_A_COPY_OF_A_FILE_THAT_CAME = "app/services/usage/heads.py"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@cmd", "\tx", "\rx", "\nx", "\uff1d1", "-1-2", "-", "=A()"])
def test_what_a_spreadsheet_would_run_stands_behind_an_apostrophe(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["-1", "-0.5", "-1.5e-7", "12", -3, Decimal("-0.000000000001"), "a=b", "2026-01-01"])
def test_a_number_stays_a_number_and_other_text_stays_as_it_is(cell: Cell) -> None:
    assert csv_line([cell]) == f"{cell}\r\n"


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(st.characters(codec="utf-8"))), min_size=1))
def test_no_cell_of_a_line_begins_like_a_formula(cells: list[Cell]) -> None:
    rows = list(csv.reader(StringIO(csv_line(cells), newline="")))
    for cell in rows[0] if rows else []:
        assert not cell.startswith(FORMULA) or Decimal(cell).is_finite()


def test_no_other_module_writes_csv() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for folder in ("app", "api", "admin_views", "rules", "simulation", "seed")
        for path in (ROOT / folder).rglob("*.py")
        if "csv.writer" in (text := path.read_text()) or "DictWriter" in text or "write_csv" in text
    }
    assert writers - {WRITES_A_COPY_OF_A_FILE_THAT_CAME} == {"rules/csv_cells.py"}
