"""The built wheel in an empty environment: it serves, migrates and simulates there, and nothing of it collides."""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution, distributions
from pathlib import Path

import pytest

from admin_views.screens.chart_library import CHARTS
from tests.faults.lumina import simulate
from tests.faults.running import Server
from tests.test_architecture import PACKAGES, ROOT

LOCK = ROOT / "requirements.lock"
COPYLEFT = re.compile(r"\b(A?L?GPL|MPL|EPL|CDDL)\b", re.IGNORECASE)
UNREACHABLE = ("No matching distribution", "Could not fetch URL", "Failed to establish", "Max retries")
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
INSTALL_SECONDS = 600
PAGES = (
    "/",
    "/setup/workspace",
    "/api/docs",
    "/api/schemas/avs_config.json",
    "/admin/assets/avs.js",
    f"/admin/assets/{CHARTS}",
    "/admin/pools/",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's commands, in which nothing is but the wheel and its locked dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    settings = folder / "build.cfg"
    settings.write_text(f"[egg_info]\negg_base = {folder}\n[build]\nbuild_base = {folder / 'build'}\n")
    run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, DIST_EXTRA_CONFIG=str(settings))
    venv.create(folder / "environment", with_pip=True)
    commands = folder / "environment" / "bin"
    python = str(commands / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "--requirement", str(LOCK)])
    run([*pip, "--no-deps", "--no-index", *map(str, folder.glob("*.whl"))])
    return commands


def run(command: list[str], cwd: Path | None = None, **environment: str) -> None:
    """Run a command; what needs the package index is skipped where nobody reaches it, but not in CI."""
    known = os.environ | environment
    done = subprocess.run(command, cwd=cwd, env=known, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode and not os.environ.get("CI") and any(words in done.stderr for words in UNREACHABLE):
        pytest.skip("The package index cannot be reached, and the wheel needs its dependencies from there")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def dependencies(installed: Path) -> list[Distribution]:
    """What is installed beside the wheel."""
    (site,) = (installed.parent / "lib").glob("python*/site-packages")
    return [each for each in distributions(path=[str(site)]) if each.name not in ("avs-brain", "pip", "setuptools")]


@pytest.fixture
def server(installed: Path, tmp_path: Path) -> Iterator[Server]:
    """`avs serve` of the wheel, in an empty folder and with nothing of this checkout on its path."""
    away = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
    serving = Server(tmp_path / "data", tmp_path / "server.log", away, avs=str(installed / "avs"))
    yield serving
    serving.kill()


def test_it_migrates_seeds_serves_and_simulates(server: Server) -> None:
    server.start()
    simulated = simulate(server)
    assert simulated.status_code == 201, simulated.text
    assert simulated.json()["outputs"]["economics"]["candidate"]["revenue_usd"] == 7.8
    for path in PAGES:
        assert server.get(path).status_code == 200, path


def test_no_dependency_has_a_package_of_the_same_name(dependencies: list[Distribution]) -> None:
    names = {str(path).partition("/")[0] for each in dependencies for path in each.files or ()}
    assert names.isdisjoint({*PACKAGES, "migrations"})


def test_the_notice_names_every_part_under_a_copyleft_licence(dependencies: list[Distribution]) -> None:
    notice = (ROOT / "NOTICE").read_text()
    copyleft = {each.name for each in dependencies if COPYLEFT.search(licence_of(each))}
    assert {"orjson", "psycopg", "psycopg-binary"} == copyleft
    assert not [name for name in copyleft if name not in notice]


def licence_of(distribution: Distribution) -> str:
    """What the package says of its licence, in all the places where packages say it."""
    named = [*every(distribution, "License-Expression"), *(text[:80] for text in every(distribution, "License"))]
    return " ".join([*named, *(text for text in every(distribution, "Classifier") if text.startswith("License"))])


def every(distribution: Distribution, field: str) -> list[str]:
    return distribution.metadata.get_all(field) or []


def test_the_wheel_carries_its_licence_and_its_notice(installed: Path) -> None:
    (folder,) = (installed.parent / "lib").glob("python*/site-packages/avs_brain-*.dist-info")
    names = {Path(str(path)).name for path in PathDistribution(folder).files or ()}
    assert {"LICENSE", "NOTICE"} <= names
