"""A key that stands twice in an object is told whatever surrounds it, by the strict reader and by the count alike."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulation.canonical import Json, parse_exact
from simulation.repeated_keys import (
    RepeatedKey,
    may_repeat_keys,
    parse_marked,
    parse_strict,
    repeated,
)

KEYS = st.text(st.sampled_from('ab":\\é {},[]'), max_size=4)
LEAVES = st.one_of(st.integers(0, 9), st.booleans(), st.none(), st.text(st.sampled_from('x":, \\{'), max_size=5))
BLANKS = st.sampled_from(["", " ", "\n", "\t "])


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> str:
    """The text of an object whose keys are drawn freely, with blanks anywhere."""
    members = []
    for key in draw(st.lists(KEYS, max_size=4)):
        name = json.dumps(key, ensure_ascii=draw(st.booleans()))
        members.append(f"{draw(BLANKS)}{name}{draw(BLANKS)}:{draw(BLANKS)}{draw(texts(depth - 1))}")
    return "{" + ",".join(members) + draw(BLANKS) + "}"


def texts(depth: int) -> st.SearchStrategy[str]:
    leaf = LEAVES.map(json.dumps)
    if depth < 0:
        return leaf
    arrays = st.lists(st.deferred(lambda: texts(depth - 1)), max_size=3).map(lambda items: f"[{', '.join(items)}]")
    return st.one_of(leaf, objects(depth), arrays)


def has_repeated(text: str) -> bool:
    """Whether an object of the text has a key twice, by a plain reading of pairs."""
    repeats: list[bool] = []

    def note(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        repeats.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=note)
    return any(repeats)


@given(st.lists(objects(), min_size=1, max_size=3))
@example(['{"a:b":1,"x":2,"x":3}'])
@example(['{"\\u0061":1,"a":2}'])
@example(['{"a" :1,"a":2}'])
def test_the_count_never_overlooks_a_key_that_stands_twice(lines: list[str]) -> None:
    read: Sequence[Json] = [parse_exact(line) for line in lines]
    if any(map(has_repeated, lines)):
        assert may_repeat_keys("\n".join(lines).encode(), read)
        assert may_repeat_keys(f"[{','.join(lines)}]".encode(), read)


@given(objects())
def test_the_strict_reader_refuses_exactly_these(text: str) -> None:
    if has_repeated(text):
        with pytest.raises(RepeatedKey):
            parse_strict(text)
        assert list(repeated(parse_marked(text)))
    else:
        assert parse_strict(text) == parse_exact(text)
        assert not list(repeated(parse_marked(text)))


def test_what_events_usually_look_like_is_not_read_twice() -> None:
    event = {"ts": "2026-01-01T00:00:00Z", "source": "https://a.b/c", "note": 'he said "x"', "data": {"tags": ["a"]}}
    assert not may_repeat_keys(json.dumps([event, event]).encode(), [event, event])


def test_the_place_of_each_is_named() -> None:
    text = '{"a": [{"b": 1, "b": 2}], "c/d": 1, "c/d": 2}'
    assert sorted(repeated(parse_marked(text))) == [("/a/0/b", "b"), ("/c~1d", "c/d")]
