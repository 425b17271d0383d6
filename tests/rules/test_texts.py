"""A text that people read shows what it says: nothing in it hides, breaks a line or turns the direction of reading."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.texts import problem_of, unfit_character

UNFIT = ("\x00", "\x07", "\x1b", "\x7f", "\x85", "\u061c", "\u200e", "\u2028", "\u202e", "\u2066", "\u2069", "\ud800")


@pytest.mark.parametrize(
    "text", ["Café Zoë", "日本語", "نص عربي", "می\u200cخواهم", "👩\u200d💻", "50 % – “ok”", "a\u0301"]
)
def test_names_of_every_script_are_taken(text: str) -> None:
    assert problem_of(text) is None


@pytest.mark.parametrize("character", UNFIT)
def test_a_name_with_a_control_or_direction_character_is_refused_by_its_name(character: str) -> None:
    problem = problem_of(f"Ann{character}Lee")
    assert problem is not None
    assert f"holds U+{ord(character):04X}" in problem


@pytest.mark.parametrize("text", ["", " ", "\u00a0", "\u200b", "\u2060\u200d", "\u3164", "\u2800", "\ufe0f"])
def test_a_name_that_nobody_can_see_is_blank(text: str) -> None:
    assert "blank" in (problem_of(text) or "")
    assert problem_of(text, may_be_blank=True) is None


def test_a_long_text_has_lines_and_tabs_and_a_name_has_not() -> None:
    assert problem_of("one\n\ttwo\r\n", lines=True) is None
    assert "U+000A" in (problem_of("one\ntwo") or "")
    assert "U+202E" in (problem_of("one\n\u202etwo", lines=True) or "")


@given(st.characters())
def test_no_control_character_and_no_separator_of_lines_is_fit(character: str) -> None:
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in (
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    ):
        assert unfit_character(character) is not None
