"""The layout of what is published: paths that nothing decodes twice, and pointers that are read with suspicion."""

from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.delivery.pointers import Pointer, pointer_of, segment
from tests import factories as f


def a_pointer(sequence: int, seconds: int = 0) -> tuple[Pointer, bytes]:
    document = f'{{"version":{sequence}.{seconds}}}'.encode()
    digest, moment = sha256(document).hexdigest(), f.NOW + timedelta(seconds=seconds)
    return Pointer(dict(f.SUBJECT), f"cfg_{sequence}", sequence, digest, "signature", moment), document


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ai_video-smb.v2", "ai_video-smb.v2"),
        ("a/b", "a!2Fb"),
        ("..", "!2E."),
        (".hidden", "!2Ehidden"),
        ("100% a!b", "100!25!20a!21b"),
        ("größe", "gr!C3!B6!C3!9Fe"),
        ("", "!!"),
    ],
)
def test_odd_names_are_one_plain_segment_each(text: str, written: str) -> None:
    assert segment(text) == written


@given(st.lists(st.text(max_size=300), unique=True, min_size=2, max_size=5))
def test_different_names_never_share_a_segment_nor_leave_the_folder(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    segments = [segment(text) for text in texts]
    assert len(set(segments)) == len(set(texts))
    for found in segments:
        assert found.isascii()
        assert 0 < len(found) <= 255 - len(".json")
        assert found[0] != "."
        assert not set(found) & set("/\\%?# ")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"sequence":1}', b"NaN"])
def test_what_is_no_pointer_is_read_as_none(content: bytes) -> None:
    assert pointer_of(content) is None


def test_a_pointer_of_a_later_version_with_more_fields_is_still_one() -> None:
    pointer, _ = a_pointer(3)
    assert pointer_of(pointer.content().replace(b"{", b'{"a_later_field":1,', 1)) == pointer
