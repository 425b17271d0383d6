"""`avs catalog`: a workspace's own words from a file, listed beside the shared ones; usage that brings new ones."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from app.cli import avs
from app.models.base import db
from app.models.transactions import write
from app.services.catalogs.kinds import EVENTS, KINDS, METRICS, SEGMENTS
from tests import factories as f

FILES = {
    "events": "event_type,description,dimensions\nchat_sent,A message,model;tokens\n",
    "metrics": "Metric ID,Label,Type\nnps,Promoters,north_star\n",
    "quality-signals": "signal_id;label;source\nthumbs;Thumbs;in_app\n",
    "segments": "segment_id,label\npro,Pro\n",
    "customers": f"customer_id,name,segment\nacme,Acme,{f.SEGMENT}\n",
}


@pytest.fixture
def workplace(sqlite_app: Flask) -> Flask:
    with write(db.session):
        f.catalogs(db.session)
        f.workspace(db.session)
        f.workspace(db.session, "ws_2")
    return sqlite_app


def run(app: Flask, *words: str, fails: bool = False) -> Result:
    result = app.test_cli_runner().invoke(avs, words)
    assert (result.exit_code != 0) is fails, result.output
    db.session.rollback()
    return result


def file_of(folder: Path, content: str, name: str = "words.csv") -> str:
    path = folder / name
    path.write_text(content)
    return str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_each_kind_becomes_own_entries_and_again_changes_nothing(
    workplace: Flask, tmp_path: Path, kind: str
) -> None:
    words = ("catalog", "import", file_of(tmp_path, FILES[kind]), "--kind", kind, "--workspace", "ws_1")
    assert f"accepted 1, rejected 0; {kind} added 1, changed 0" in run(workplace, *words).output
    assert f"{kind} added 0, changed 0" in run(workplace, *words).output
    own = json.loads(run(workplace, "catalog", "list", "--kind", kind, "--workspace", "ws_1", "--json").output)
    assert [entry["workspace_id"] for entry in own if entry["workspace_id"]] == ["ws_1"]
    theirs = json.loads(run(workplace, "catalog", "list", "--kind", kind, "--workspace", "ws_2", "--json").output)
    assert all(entry["workspace_id"] is None for entry in theirs)


def test_rows_that_do_not_fit_are_named(workplace: Flask, tmp_path: Path) -> None:
    path = file_of(tmp_path, "metric_id,type\nnps,north_star\nltv,wish\n")
    output = run(workplace, "catalog", "import", path, "--kind", "metrics", "--workspace", "ws_1").output
    assert "accepted 1, rejected 1" in output
    assert "row 2: type: type 'wish' is not one of: north_star, lens" in output
    assert f.entry(db.session, METRICS, "nps", "ws_1").label == "nps"


def test_a_file_of_which_nothing_fits_fails(workplace: Flask, tmp_path: Path) -> None:
    path = file_of(tmp_path, "metric_id,type\nltv,wish\n")
    run(workplace, "catalog", "import", path, "--kind", "metrics", "--workspace", "ws_1", fails=True)


def test_a_file_without_a_needed_column_says_which(workplace: Flask, tmp_path: Path) -> None:
    path = file_of(tmp_path, "label,colour\nPro,red\n")
    words = ("catalog", "import", path, "--kind", "segments", "--workspace", "ws_1")
    assert "has no column segment_id; it has: label, colour" in run(workplace, *words, fails=True).output


def test_the_list_says_what_is_own_and_what_is_shared(workplace: Flask, tmp_path: Path) -> None:
    path = file_of(tmp_path, FILES["events"])
    run(workplace, "catalog", "import", path, "--kind", "events", "--workspace", "ws_1")
    lines = run(workplace, "catalog", "list", "--kind", "events", "--workspace", "ws_1").output.splitlines()
    assert "chat_sent  own  A message  model, tokens" in lines
    assert any(line.startswith("draft_export_created  shared") for line in lines)


HEAD = "event_id,ts,event_type,customer_id,segment,"
ROW = "1,2026-01-05T00:00:00Z,chat,cu,"


def test_another_workspaces_other_event_type_may_call_its_column_so(workplace: Flask, tmp_path: Path) -> None:
    for workspace_id, column in (("ws_1", "Model_x"), ("ws_2", "model_x")):
        path = file_of(tmp_path, f"{HEAD}{column}\n{ROW}smb,gpt\n", f"{workspace_id}.csv")
        output = run(workplace, "usage", "import", path, "--workspace", workspace_id, "--extend-catalog").output
        assert "accepted 1" in output
    assert f.entry(db.session, EVENTS, "chat", "ws_1").dimensions == ["Model_x"]
    assert f.entry(db.session, EVENTS, "chat", "ws_2").dimensions == ["model_x"]
    assert f.entry(db.session, EVENTS, "chat") is None


def test_a_misspelt_segment_in_a_file_is_refused_and_added_when_asked(workplace: Flask, tmp_path: Path) -> None:
    path = file_of(tmp_path, f"{HEAD}resolution\n{ROW.replace('chat', 'draft_export_created')}smbb,HD\n")
    refused = run(workplace, "usage", "import", path, "--workspace", "ws_1").output
    assert "accepted 0" in refused
    assert "segment: segment 'smbb' is not in the catalog: correct it, or add it to the segments" in refused
    assert "accepted 1" in run(workplace, "usage", "import", path, "--workspace", "ws_1", "--extend-catalog").output
    assert f.entry(db.session, SEGMENTS, "smbb", "ws_1") is not None
    assert f.entry(db.session, SEGMENTS, "smbb") is None
