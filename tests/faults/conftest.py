"""A server on the seeded demo that a test may break; it is gone afterwards, whatever became of it."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.running import seed_folder
from tests.faults.running import Server


@pytest.fixture(scope="session", autouse=True)
def _servers_can_be_interrupted() -> None:
    """What a shell starts in the background ignores SIGINT, and hands that on to the servers that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with both demo workspaces, to be copied."""
    folder = tmp_path_factory.mktemp("seeded")
    seed_folder(folder)
    return folder


@pytest.fixture
def server(seeded: Path, tmp_path: Path) -> Iterator[Server]:
    """`avs serve` on a copy of the seeded demo, not yet started."""
    data_dir = tmp_path / "data"
    shutil.copytree(seeded, data_dir)
    breakable = Server(data_dir, tmp_path / "server.log")
    yield breakable
    breakable.kill()
