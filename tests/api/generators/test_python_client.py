"""Whoever generates a Python client gets one that is strictly typed and goes from a draft to an enforced config."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import published
from tests.api.generators.running import (
    PYTHON,
    check_python,
    generate_python,
    run,
)
from tests.faults.running import Server

TAKEN_AS_TEXT = {"application/gzip", "application/x-ndjson", "text/csv", "text/tab-separated-values"}
"""Media types of usage events that the generator of Python clients has no words for; JSON is generated."""


@pytest.fixture(scope="module")
def python_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder with the package `avs_api`, and what its generator said."""
    folder = tmp_path_factory.mktemp("python_client")
    yield folder, generate_python(folder)
    shutil.rmtree(folder)


@pytest.mark.own_database
def test_a_python_client_goes_the_whole_way(python_client: tuple[Path, str], server: Server) -> None:
    folder, _ = python_client
    check_python(folder, "journey.py", "avs_api")
    said = run(folder, PYTHON, "journey.py", server.url)
    assert "accepted 1 event; of the decision 1" in said, said


def test_the_generator_leaves_nothing_out_but_usage_as_text(python_client: tuple[Path, str]) -> None:
    folder, said = python_client
    assert set(re.findall(r"WARNING parsing (.*) within", said)) == {"POST /api/usage-events"}
    assert set(re.findall(r"Unsupported content type (\S+)", said)) == TAKEN_AS_TEXT
    modules = {path.stem for path in folder.glob("avs_api/api/*/*.py")}
    operations = {item["operationId"] for methods in published()["paths"].values() for item in methods.values()}
    assert operations <= modules


TOLERANT = """
import json, sys
from avs_api.models import Problem, Workspace
workspace = Workspace.from_dict(json.loads(sys.argv[1]) | {"grown": {"since": "later"}})
assert workspace.workspace_id == "ws_1", workspace
problem = Problem.from_dict({"type": "t", "title": "T", "status": 409, "detail": "d", "code": "new", "more": [1]})
assert problem.code == "new", problem
"""


def test_a_generated_client_bears_an_answer_that_has_grown(python_client: tuple[Path, str]) -> None:
    folder, _ = python_client
    workspace = {
        "workspace_id": "ws_1",
        "workspace_name": "Lumina",
        "operator_role": "founder",
        "data_mode": "mocked",
        "created_at": "2026-01-01T00:00:00Z",
    }
    run(folder, PYTHON, "-c", TOLERANT, json.dumps(workspace))
