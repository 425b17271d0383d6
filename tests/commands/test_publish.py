"""`avs publish` and `avs publish --check`: what an operator or a nightly job would run, and what they would read."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.cli import avs
from app.extensions import usage_events
from app.models.base import db
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.delivery.object_store import PublishStore
from app.services.delivery.pointers import CURRENT, KEYS, Pointer, document_path, pointer_of, pointer_path
from seed.loader import load_seed
from simulation.canonical import parse_exact
from tests.present import present

NOW = datetime(2026, 2, 1, tzinfo=UTC)
SUBJECT = {
    "workspace_id": "ws_1049",
    "segment": "ai_video_smb",
    "stage": "learning",
    "target_environment": "production",
}
POINTER = pointer_path(SUBJECT)
NAMED = "ws_1049, ai_video_smb, learning, production"


@pytest.fixture
def place(tmp_path: Path) -> PublishStore:
    return PublishStore((tmp_path / "out").as_uri())


@pytest.fixture
def run(publish: Callable[..., str]) -> Callable[..., str]:
    """`avs publish` where the workspace is an operator's own, with the configs of the demo."""
    with write(db.session):
        db.session.execute(sa.update(Workspace).values(is_demo=False))
    return publish


@pytest.fixture
def publish(sqlite_app: Flask, tmp_path: Path) -> Callable[..., str]:
    """`avs publish` on the demo."""
    load_seed(db.session, usage_events().store, now=NOW, with_growth=False)

    def invoke(*arguments: str, exit_code: int = 0, to: str | None = None) -> str:
        where = ["--to", (tmp_path / "out").as_uri() if to is None else to] if to != "" else []
        result = sqlite_app.test_cli_runner().invoke(avs, ["publish", *where, *arguments])
        assert result.exit_code == exit_code, result.output
        return result.output

    return invoke


def test_everything_active_is_published_and_said_per_subject(run: Callable[..., str], place: PublishStore) -> None:
    assert f"{NAMED}: published: cfg_smb_learning_prod_v1, sequence 1" in run()
    assert f"{NAMED}: unchanged: cfg_smb_learning_prod_v1, sequence 1" in run()
    assert present(pointer_of(place.read(POINTER))).config_version_id == "cfg_smb_learning_prod_v1"


def test_the_demo_is_named_and_never_published(publish: Callable[..., str], place: PublishStore) -> None:
    assert f"{NAMED}: of the demo, never published." in publish()
    assert place.paths(CURRENT) == []
    assert SUBJECT in parse_exact(publish("--json"))["demo_subjects"]


def test_a_demo_that_was_published_once_is_to_be_deleted(run: Callable[..., str], place: PublishStore) -> None:
    run()
    with write(db.session):
        db.session.execute(sa.update(Workspace).values(is_demo=True))
    assert f"{POINTER} is of the demo, which is not published: delete it." in run("--check", exit_code=1)


def test_a_script_reads_it_as_json(run: Callable[..., str], place: PublishStore) -> None:
    (one,) = [one for one in parse_exact(run("--json"))["subjects"] if one["subject_resolution"] == SUBJECT]
    assert one == {
        "subject_resolution": SUBJECT,
        "outcome": "published",
        "config_version_id": "cfg_smb_learning_prod_v1",
        "sequence": 1,
        "digest": present(pointer_of(place.read(POINTER))).digest,
        "detail": None,
    }


def test_nothing_differs_after_publishing(run: Callable[..., str]) -> None:
    run()
    assert run("--check") == "Everything active is published as it is served.\n"
    assert parse_exact(run("--check", "--json")) == {"differences": []}


def test_an_empty_place_differs_in_everything_and_the_check_writes_nothing(
    run: Callable[..., str], place: PublishStore
) -> None:
    printed = run("--check", exit_code=1)
    assert f"{NAMED}: {POINTER} is missing: run `avs publish`." in printed
    assert "keys.json: it is not the key set that is in force: run `avs publish`." in printed
    assert place.paths("") == []


def another(pointer: Pointer, **changes: Any) -> bytes:
    fields = {name: getattr(pointer, name) for name in pointer.__slots__}
    return type(pointer)(**fields | changes).content()


BROKEN: dict[str, Callable[[PublishStore, Pointer], None]] = {
    "pointer_unreadable": lambda place, pointer: place.write(POINTER, b"{", forever=False),
    "not_active": lambda place, pointer: place.write(
        POINTER, another(pointer, sequence=0, digest="0" * 64), forever=False
    ),
    "newer_published": lambda place, pointer: place.write(POINTER, another(pointer, sequence=9), forever=False),
    "pointer_differs": lambda place, pointer: place.write(POINTER, another(pointer, signature="a..b"), forever=False),
    "document_altered": lambda place, pointer: place.write(document_path(pointer.digest), b"{}", forever=False),
    "keys_differ": lambda place, pointer: place.write(KEYS, b"{}", forever=False),
    "nothing_active": lambda place, pointer: place.write(
        f"{CURRENT}/ws_9/smb/learning/production.json",
        another(pointer, subject_resolution=SUBJECT | {"workspace_id": "ws_9"}),
        forever=False,
    ),
}
STAYS = ("newer_published", "nothing_active")
"""What publishing alone does not mend: somebody has to look."""


@pytest.mark.parametrize("code", BROKEN)
def test_each_difference_is_named_and_mended_by_its_fix(
    run: Callable[..., str], place: PublishStore, code: str
) -> None:
    run()
    BROKEN[code](place, present(pointer_of(place.read(POINTER))))
    found = parse_exact(run("--check", "--json", exit_code=1))["differences"]
    assert code in [one["code"] for one in found]
    assert all("run `avs publish`" in one["detail"] or "delete" in one["detail"] for one in found)
    run(exit_code=int(code == "newer_published"))
    run("--check", exit_code=int(code in STAYS))


def test_a_missing_document_is_named(run: Callable[..., str], place: PublishStore, tmp_path: Path) -> None:
    run()
    digest = present(pointer_of(place.read(POINTER))).digest
    (tmp_path / "out" / document_path(digest)).unlink()
    assert f"{NAMED}: {document_path(digest)} is missing" in run("--check", exit_code=1)


def test_a_place_of_another_subject_is_named_by_that_subject(run: Callable[..., str], place: PublishStore) -> None:
    run()
    BROKEN["nothing_active"](place, present(pointer_of(place.read(POINTER))))
    (line,) = run("--check", exit_code=1).splitlines()
    assert "ws_9" in line
    assert "nothing is active for it" in line


def test_without_a_place_it_says_how_to_give_one(run: Callable[..., str]) -> None:
    assert "set AVS_PUBLISH_URL, or give --to URL" in run(to="", exit_code=1)


def test_a_store_whose_package_is_missing_names_it(run: Callable[..., str]) -> None:
    assert "pip install s3fs" in run(to="s3://bucket/avs", exit_code=1)
    assert "give file://" in run(to="gopher://x", exit_code=1)


def test_a_store_that_is_down_is_one_sentence(run: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    assert "keys.json was not" in run(to=str(tmp_path / "in the way"), exit_code=1)
