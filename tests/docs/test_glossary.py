"""What the screens explain on the spot is what the glossary says, word for word."""

import re
from pathlib import Path

import pytest

from app.services.wording.glossary import TERM_OF, TERMS

GLOSSARY = (Path(__file__).resolve().parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^\*\*([^*]+)\*\*(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
ENTRIES = {entry[1]: " ".join(entry[2].split()) for entry in ENTRY.finditer(GLOSSARY)}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_means_what_the_glossary_says(term: str) -> None:
    said = TERMS[term].rstrip(".")
    assert re.sub(r"\s*\([^)]*\)", "", ENTRIES[term]).removeprefix(":").strip().startswith(said)


def test_every_control_that_explains_itself_has_a_term() -> None:
    assert set(TERM_OF.values()) <= set(TERMS)
