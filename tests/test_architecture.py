"""The house itself: what is installed, and that a subject is one word in every layer and in its contract."""

import subprocess
import tomllib
from pathlib import Path

import pytest
from setuptools import Distribution

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "admin_views", "rules", "simulation", "api", "seed")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders(parent: str) -> set[str]:
    """Names of the packages right under a folder."""
    return {path.parent.name for path in (ROOT / parent).glob("*/__init__.py")}


def contract(name: str) -> dict[str, object]:
    """The import contract of this name."""
    [found] = [one for one in PYPROJECT["tool"]["importlinter"]["contracts"] if one["name"] == name]
    return dict(found)


def subjects() -> set[str]:
    """The folders of the services: one for each subject."""
    return folders("app/services")


def installed_files(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> set[str]:
    """Every file that a wheel of this project would carry, as paths from the root."""
    monkeypatch.chdir(ROOT)
    distribution = Distribution({"script_name": "setup.py"})
    distribution.parse_config_files()
    distribution.command_options["egg_info"] = {"egg_base": ("a checkout may be read-only", str(scratch))}
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    return {str(Path(path).relative_to(build.build_lib)) for path in build.get_outputs(include_bytecode=False)}


def test_an_installed_copy_has_every_file_of_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES, "migrations"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tracked = {path for path in listed.stdout.splitlines() if not path.endswith("README.md")}
    assert tracked
    assert installed_files(monkeypatch, tmp_path) == tracked


def test_every_package_is_held_by_the_import_contracts() -> None:
    assert set(PYPROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)


def test_every_subject_of_the_services_stands_on_a_floor_of_the_contract() -> None:
    floors = contract("Subjects of the services point down")
    layers = floors["layers"]
    assert floors["exhaustive"] is True
    assert isinstance(layers, list)
    named = {word.strip() for layer in layers for word in layer.split("|")}
    modules = {path.stem for path in (ROOT / "app/services").glob("*.py")} - {"__init__"}
    assert named == subjects() | modules


def test_screens_and_tests_are_named_after_subjects_of_the_services() -> None:
    assert folders("admin_views/screens") <= subjects()
    assert folders("tests/services") <= subjects()
    assert folders("tests/admin_views/screens") <= folders("admin_views/screens")


def test_every_subject_of_the_screens_leaves_the_others_alone() -> None:
    modules = contract("Screens of one subject leave the others alone")["modules"]
    assert isinstance(modules, list)
    assert {module.rpartition(".")[2] for module in modules} == folders("admin_views/screens")
