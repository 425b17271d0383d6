"""Whoever generates TypeScript types gets a client that compiles strictly and goes the whole way with the demo."""

from pathlib import Path

import pytest

from tests.api.generators.running import compile_typescript, generate_typescript, run
from tests.faults.running import Server


@pytest.mark.own_database
def test_a_typescript_client_goes_the_whole_way(tmp_path: Path, server: Server) -> None:
    generate_typescript(tmp_path)
    compile_typescript(tmp_path)
    said = run(tmp_path, "node", "out/journey.js", server.url)
    assert "accepted 1 event; of the decision 1" in said, said
