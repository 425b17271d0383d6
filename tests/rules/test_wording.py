"""Lists in messages read like sentences and stay short."""

import pytest

from rules.wording import labelled, listed, pick, pick_value, record


@pytest.mark.parametrize(
    ("items", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), ([70, 90], "70 and 90")],
)
def test_lists_read_like_a_sentence(items: list[object], text: str) -> None:
    assert listed(items) == text


def test_a_long_list_says_how_many_more_there_are() -> None:
    assert listed(range(8), "or") == "0, 1, 2, 3, 4, 5, 6 or 7"
    assert listed(range(20), "or") == "0, 1, 2, 3, 4, 5, 6, 7 or 12 more"


def test_with_nothing_to_pick_the_message_says_what_to_do_first() -> None:
    assert pick(["a", "b"], "Add one.") == "Pick one of a or b."
    assert pick(["a"], "Add one.") == "Pick a."
    assert pick([], "Add one.") == "Add one."


def test_a_record_has_its_name_or_says_that_it_has_none() -> None:
    assert record("pool", "Core") == "Pool “Core”"
    assert record("value unit", None) == record("value unit", " ") == "A value unit without a name"


def test_values_of_a_closed_list_are_words() -> None:
    assert pick_value(["warn", "require_approval"]) == "Pick one of warn or require approval."


def test_a_term_that_the_catalog_does_not_have_stays_as_it_is() -> None:
    assert labelled(["csat", "own"], {"csat": "Customer satisfaction"}) == ["Customer satisfaction", "own"]
