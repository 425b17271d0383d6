"""Usage that unpacks to far more than was sent is refused before it fills anything."""

import gzip
from pathlib import Path

import pytest

from app.services.usage.content import Content
from app.services.usage.fields import UnreadableInput
from app.services.usage.formats import parse_body
from app.sizes import MAX_UNPACKED_RATIO, MIB

HEADER = b"event_id,event_type,ts,customer_id\n"


def packed(folder: Path, text: bytes) -> Content:
    path = folder / "usage.csv.gz"
    path.write_bytes(gzip.compress(text))
    return Content(path, "csv", is_packed=True)


def test_a_file_that_unpacks_to_hundreds_of_times_its_size_is_refused_with_the_way_on(tmp_path: Path) -> None:
    bomb = packed(tmp_path, HEADER + b"e,render,2026-01-01T00:00:00Z,c\n" * 4_000_000)
    assert bomb.path.stat().st_size * MAX_UNPACKED_RATIO < 110 * MIB
    with bomb.open() as file, pytest.raises(UnreadableInput, match="unpacks to more than 200 times its size: send it"):
        file.read()


def test_a_small_file_may_repeat_itself_as_often_as_it_likes(tmp_path: Path) -> None:
    text = HEADER + b"e,render,2026-01-01T00:00:00Z,c\n" * 1_000_000
    with packed(tmp_path, text).open() as file:
        assert file.read() == text


def test_a_body_that_unpacks_to_more_than_64_mib_is_refused() -> None:
    with pytest.raises(UnreadableInput, match="holds more than 67,108,864 bytes unpacked: send it in parts"):
        parse_body(gzip.compress(bytes(65 * MIB)), "application/x-ndjson")
