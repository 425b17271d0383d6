"""Lists in messages read like sentences and stay short."""

import pytest

from rules.wording import listed, pick, record


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


def test_a_record_without_id_is_a_new_one() -> None:
    assert record("pool", "pool_core") == "Pool pool_core"
    assert record("value unit", None) == "The new value unit"
