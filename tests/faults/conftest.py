"""Servers that a test may break; each is gone afterwards, whatever became of it."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.running import seed_folder
from tests.faults.publishing import publish_to
from tests.faults.running import Server, breakable


@pytest.fixture(scope="session", autouse=True)
def _servers_can_be_interrupted() -> None:
    """What a shell starts in the background ignores SIGINT, and hands that on to the servers that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with both demo workspaces, to be data_dir."""
    folder = tmp_path_factory.mktemp("seeded")
    seed_folder(folder)
    return folder


@pytest.fixture(scope="session")
def installed(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of an installation that has been started once, to be data_dir."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(seeded, folder / "data")
    server = Server(folder / "data", folder / "server.log")
    server.start()
    server.stop()
    return folder / "data"


@pytest.fixture
def data_dir(installed: Path, tmp_path: Path) -> Path:
    """A copy of the installation, to be broken."""
    shutil.copytree(installed, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def server(seeded: Path, tmp_path: Path) -> Iterator[Server]:
    """`avs serve` on a copy of the seeded demo, not yet started; its smaller workspace is published beside it."""
    shutil.copytree(seeded, tmp_path / "data")
    with breakable(Server(tmp_path / "data", tmp_path / "server.log")) as server:
        publish_to(server, tmp_path / "published")
        yield server
