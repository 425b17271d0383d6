"""A place to publish to: objects are replaced whole, and what cannot be opened or written says so."""

import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import Invalid
from app.services.delivery.object_store import PublishStore, StoreDown
from app.services.delivery.pointers import KEYS
from tests.present import present


def test_a_file_is_replaced_whole_and_anybody_may_read_it(tmp_path: Path) -> None:
    place = PublishStore(tmp_path.as_uri())
    ended = threading.Event()
    sizes: set[tuple[int, int]] = set()
    place.write("a/b.json", b"0" * 50_000, forever=False)

    def read_on() -> None:
        while not ended.is_set():
            content = present(place.read("a/b.json"))
            sizes.add((len(content), len(set(content))))

    reader = threading.Thread(target=read_on)
    reader.start()
    for number in range(100):
        place.write("a/b.json", str(number % 10).encode() * 50_000, forever=False)
    ended.set()
    reader.join()
    assert sizes == {(50_000, 1)}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]
    assert stat.S_IMODE((tmp_path / "a/b.json").stat().st_mode) & 0o444 == 0o444


def test_every_version_of_a_file_has_a_second_of_its_own(tmp_path: Path) -> None:
    """nginx makes its ETag of the second and the length: two pointers of one second would be the same to a CDN."""
    place, seconds = PublishStore(str(tmp_path)), []
    for number in range(5):
        place.write("p.json", str(number).encode(), forever=False)
        seconds.append(int((tmp_path / "p.json").stat().st_mtime))
    assert len(set(seconds)) == 5


def test_what_a_killed_process_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    place = PublishStore(str(tmp_path))
    (tmp_path / f".p.json.{os.getpid()}.{threading.get_native_id()}").write_bytes(b"half")
    place.write("p.json", b"whole", forever=False)
    assert place.read("p.json") == b"whole"
    assert place.paths("") == ["p.json"]


def test_threads_of_one_process_write_one_object_at_the_same_time(tmp_path: Path) -> None:
    place, contents = PublishStore(str(tmp_path)), [str(number).encode() for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda content: place.write("p.json", content, forever=False), contents))
    assert place.read("p.json") in contents
    assert place.paths("") == ["p.json"]


@pytest.mark.parametrize(("url_", "said"), [("s3://bucket/avs", "pip install s3fs"), ("nope://x", "give file://")])
def test_a_store_that_cannot_be_opened_here_says_what_to_do(url_: str, said: str) -> None:
    place = PublishStore(url_)
    asks: tuple[Callable[[], object], ...] = (
        place.require,
        lambda: place.read(KEYS),
        lambda: place.write(KEYS, b"", forever=False),
    )
    for ask in asks:
        with pytest.raises(Invalid, match=said):
            ask()


def test_a_folder_that_cannot_be_written_is_a_store_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    place = PublishStore(str(tmp_path / "file"))
    with pytest.raises(StoreDown, match=r"keys\.json"):
        place.write(KEYS, b"{}", forever=False)
