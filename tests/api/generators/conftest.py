"""What generated clients talk to."""

from collections.abc import Iterator

import pytest

from tests.api.demo import demo_app
from tests.faults.running import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`avs serve` on the demo."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "data").mkdir()
    with demo_app(folder / "data"):
        pass
    running = Server(folder / "data", folder / "server.log")
    running.start()
    yield running
    running.kill()
