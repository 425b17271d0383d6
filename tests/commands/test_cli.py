"""The command line says what it did, in words and in JSON, and fails with a sentence."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.cli import avs
from app.extensions import usage_events
from app.models.base import db
from app.models.config_version import Pool
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.usage.fields import Policy
from app.services.usage.formats import Rows
from seed.loader import load_seed
from simulation.canonical import parse_exact

NOW = datetime(2026, 2, 1, tzinfo=UTC)
CANDIDATE = "cfg_smb_learning_prod_v2_candidate"
SUBJECT = ("ws_1049", "ai_video_smb", "learning", "production")
DECIDED = ("--approver", "Theresa", "--role", "CEO", "--rationale", "Reach before margin.")


@pytest.fixture
def run(sqlite_app: Flask) -> Callable[..., str]:
    load_seed(db.session, usage_events().store, now=NOW, with_growth=False)

    def invoke(*arguments: str, exit_code: int = 0) -> str:
        result = sqlite_app.test_cli_runner().invoke(avs, list(arguments))
        assert result.exit_code == exit_code, result.output
        return result.output

    return invoke


def test_check_exits_with_1_while_a_gate_blocks(run: Callable[..., str]) -> None:
    assert "simulation_missing" in run("check", CANDIDATE, exit_code=1)


def test_check_prints_the_findings_as_json(run: Callable[..., str]) -> None:
    found = parse_exact(run("check", CANDIDATE, "--json", exit_code=1))
    assert found["pill"] == "amber"
    assert found["next_missing_item"]["code"] == "simulation_missing"


def test_the_loop_runs_from_simulation_to_the_served_config_and_its_billing_patch(run: Callable[..., str]) -> None:
    simulated = parse_exact(run("simulate", CANDIDATE, "--window", "mocked", "--json"))
    assert "is green" in run("check", CANDIDATE)
    assert "takes effect at" in run("approve", CANDIDATE, simulated["simulation_run_id"], *DECIDED)
    assert parse_exact(run("runtime", "show", *SUBJECT))["config_version_id"] == CANDIDATE
    patch = parse_exact(run("export", "billing-patch", CANDIDATE))
    assert {meter["event_type"] for meter in patch["payload"]["meters"]} == {"video_render_completed"}


def test_a_refused_approval_prints_every_finding(run: Callable[..., str]) -> None:
    first = parse_exact(run("simulate", CANDIDATE, "--window", "mocked", "--json"))
    run("simulate", CANDIDATE, "--window", "30")
    refusal = run("approve", CANDIDATE, first["simulation_run_id"], *DECIDED, exit_code=1)
    assert "simulation_not_latest" in refusal


def test_a_scheduled_decision_is_promoted_when_it_is_due(run: Callable[..., str]) -> None:
    simulated = parse_exact(run("simulate", CANDIDATE, "--window", "mocked", "--json"))
    run("approve", CANDIDATE, simulated["simulation_run_id"], *DECIDED, "--effective-at", "2199-01-01T00:00:00+0000")
    assert "Nothing is due" in run("activate-due")
    assert parse_exact(run("runtime", "show", *SUBJECT))["config_version_id"] == "cfg_smb_learning_prod_v1"


def test_a_scheduled_decision_is_moved_and_withdrawn(run: Callable[..., str]) -> None:
    simulated = parse_exact(run("simulate", CANDIDATE, "--window", "mocked", "--json"))
    run("approve", CANDIDATE, simulated["simulation_run_id"], *DECIDED, "--effective-at", "2199-01-01T00:00:00+0000")
    moved = run("reschedule", CANDIDATE, *DECIDED, "--effective-at", "2199-02-01T00:00:00+0000")
    assert "takes effect at 2199-02-01 00:00 UTC" in moved
    assert "is withdrawn and can be edited again" in run("withdraw", CANDIDATE, *DECIDED)
    assert "scheduled or held back" in run("withdraw", CANDIDATE, *DECIDED, exit_code=1)


def test_an_unknown_config_is_named(run: Callable[..., str]) -> None:
    assert "There is no config version 'cfg_nobody'" in run("check", "cfg_nobody", exit_code=1)


def test_a_subject_without_an_active_config_says_so(run: Callable[..., str]) -> None:
    assert "Nothing is active" in run("runtime", "show", "ws_1049", "elsewhere", "learning", "production", exit_code=1)


def test_a_file_with_a_missing_column_changes_nothing_and_names_it(run: Callable[..., str], tmp_path: Path) -> None:
    before = run("usage", "stats", "--json")
    file = tmp_path / "bad.csv"
    file.write_text("ts,event_id\n2026-01-01T00:00:00Z,e1\n")
    assert "event_type" in run("usage", "import", str(file), exit_code=1)
    assert run("usage", "stats", "--json") == before


def test_rejected_rows_are_reported_with_number_and_reason(run: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "mixed.csv"
    file.write_text(
        "event_id,ts,event_type,customer_id,segment,resolution\n"
        "n1,2026-01-06T00:00:00Z,draft_export_created,cust_2001,ai_video_smb,HD\n"
        "n2,yesterday,draft_export_created,cust_2001,ai_video_smb,HD\n"
    )
    report = parse_exact(run("usage", "import", str(file), "--json"))
    assert (report["rows_accepted"], report["rows_rejected"]) == (1, 1)
    assert "n2" in (tmp_path / "mixed.csv.rejects.csv").read_text()


def test_no_id_of_a_rejected_row_runs_in_the_spreadsheet_that_opens_the_report(
    run: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "odd.csv"
    rows = [f'"{key}",yesterday,draft_export_created,cust_2001,ai_video_smb' for key in ("=1+1", "@A1", "-7", "-x")]
    file.write_text("\n".join(["event_id,ts,event_type,customer_id,segment", *rows, ""]))
    run("usage", "import", str(file))
    lines = (tmp_path / "odd.csv.rejects.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines] == ["event_id", "'=1+1", "'@A1", "-7", "'-x"]


def test_a_known_format_is_recognised_said_and_told_what_it_lacks(run: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n")
    given = ("--workspace", "ws_1049", "--set", "segment=ai_video_smb", "--extend-catalog")
    assert "give it with --set customer_id=" in run("usage", "import", str(file), *given, exit_code=1)
    text = run("usage", "import", str(file), *given, "--set", "customer_id=trace")
    assert text.startswith("This looks like Azure LLM inference trace: read with the preset azure-llm-trace.\n")
    assert "accepted 1" in text
    assert "context_tokens 374" in run("usage", "stats", "--workspace", "ws_1049")
    mapping = ("--set", "event_type=llm_request", "--set", "customer_id=x", "--map", "ts=TIMESTAMP")
    mapped = run("usage", "import", str(file), *given, *mapping)
    assert "`--preset azure-llm-trace` would map all of it" in mapped


def test_the_known_formats_are_listed_with_what_they_lack(run: Callable[..., str]) -> None:
    assert "anthropic         Anthropic console usage; needs --set customer_id=…" in run("usage", "presets")
    assert {"litellm", "otlp"} <= {preset["name"] for preset in parse_exact(run("usage", "presets", "--json"))}


def test_what_a_file_leaves_unsaid_is_said_by_options(run: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "events.txt"
    file.write_bytes(
        "event_id;ts;event_type;customer_id;segment;resolution\n"
        "o1;03/04/2026 12:00;draft_export_created;Café;ai_video_smb;HD\n".encode("cp1252")
    )
    given = ("usage", "import", str(file), "--workspace", "ws_1049", "--encoding", "cp1252")
    assert "--day-first" in run(*given, exit_code=1)
    assert "'Mars/Base' is no time zone" in run(*given, "--day-first", "--timezone", "Mars/Base", exit_code=1)
    assert "accepted 1" in run(*given, "--day-first", "--timezone", "Europe/Berlin", "--format", "csv")
    (row,) = [row for row in parse_exact(run("usage", "stats", "--json")) if row["customer_id"] == "Café"]
    assert row["first_ts"] == "2026-04-03T10:00:00Z"
    assert "is no time such as" in run(*given, "--times-from", "soon", exit_code=2)


def test_columns_that_no_field_knows_can_be_ignored(run: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "wide.csv"
    file.write_text(
        "event_id,ts,event_type,customer_id,segment,resolution,note,shard\n"
        "w1,2026-01-06T00:00:00Z,draft_export_created,cust_2001,ai_video_smb,HD,hello,7\n"
    )
    assert parse_exact(run("usage", "import", str(file), "--json"))["rows_rejected"] == 1
    ignoring = run("usage", "import", str(file), "--ignore", "note", "--ignore", "shard", "--json")
    assert parse_exact(ignoring)["rows_accepted"] == 1


def test_an_ignored_column_that_the_file_lacks_is_named(run: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "narrow.csv"
    file.write_text("event_id,ts,event_type,customer_id,segment\n")
    assert "note" in run("usage", "import", str(file), "--ignore", "note", exit_code=1)


def test_several_workspaces_are_named_rather_than_guessed(run: Callable[..., str], tmp_path: Path) -> None:
    with write(db.session):
        db.session.add(Workspace(workspace_id="ws_2", workspace_name="Second", operator_role="founder", created_at=NOW))
    file = tmp_path / "events.csv"
    file.write_text(
        "event_id,ts,event_type,customer_id,segment,resolution\n"
        "n1,2026-01-06T00:00:00Z,draft_export_created,cust_2001,ai_video_smb,HD\n"
    )
    for command in (("import", str(file)), ("stats",)):
        refusal = run("usage", *command, exit_code=1)
        assert refusal == "Error: There are 2 workspaces: ws_1049, ws_2. Name one with --workspace.\n"
    imported = parse_exact(run("usage", "import", str(file), "--workspace", "ws_1049", "--json"))
    assert (imported["workspace_id"], imported["rows_accepted"]) == ("ws_1049", 1)
    assert run("usage", "stats", "--workspace", "ws_2") == "Workspace ws_2 has no usage events.\n"


def test_a_wrong_import_is_listed_and_undone_after_a_question(
    run: Callable[..., str], sqlite_app: Flask, tmp_path: Path
) -> None:
    before = run("usage", "stats", "--json")
    file = tmp_path / "wrong.csv"
    file.write_text(
        "event_id,ts,event_type,customer_id,segment,resolution\n"
        "n1,2026-01-06T00:00:00Z,draft_export_created,wrong,ai_video_smb,HD\n"
        ",2026-01-06T00:00:00Z,draft_export_created,wrong,ai_video_smb,HD\n"
    )
    said = run("usage", "import", str(file))
    assert "accepted 2, duplicates 0, conflicts 0, rejected 0" in said
    assert "1 row had no event_id: it is told apart" in said
    (listed,) = parse_exact(run("usage", "imports", "--json"))
    import_id = listed["usage_import_id"]
    assert f"take it out again with: avs usage undo {import_id}" in said
    assert (listed["source"], listed["state"], listed["rows_stored"]) == ("wrong.csv", "counted", 2)
    asked = sqlite_app.test_cli_runner().invoke(avs, ["usage", "undo", import_id], input="n\n")
    assert (asked.exit_code, "take out 2 events of workspace ws_1049?" in asked.output) == (1, True)
    assert run("usage", "stats", "--json") != before
    assert "Took out 2 events of workspace ws_1049" in run("usage", "undo", import_id, "--yes")
    assert run("usage", "stats", "--json") == before
    assert "0 of 2 rows  undone  wrong.csv" in run("usage", "imports")
    assert run("usage", "undo", import_id, "--yes") == "It was undone already.\n"
    assert "usage import 'imp_none'" in run("usage", "undo", "imp_none", "--yes", exit_code=1)


def test_events_are_withdrawn_by_their_ids(run: Callable[..., str], tmp_path: Path) -> None:
    before = run("usage", "stats", "--json")
    file = tmp_path / "more.csv"
    file.write_text(
        "event_id,ts,event_type,customer_id,segment,resolution\n"
        "n1,2026-01-06T00:00:00Z,draft_export_created,wrong,ai_video_smb,HD\n"
        "/eu␟7,2026-01-06T00:00:00Z,draft_export_created,wrong,ai_video_smb,HD\n"
    )
    run("usage", "import", str(file))
    assert run("usage", "withdraw", "n1", "n2", "--yes") == ("Took out 1 events.\n  no stored event has the id n2\n")
    gone = parse_exact(run("usage", "withdraw", "7", "--source", "/eu", "--yes", "--json"))
    assert gone == {"withdrawn": 1, "not_stored": []}
    assert run("usage", "stats", "--json") == before
    assert "events came with no import that is known" in run("usage", "imports")


def test_rows_of_the_future_are_refused_and_those_that_are_there_are_said(
    run: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "ahead.csv"
    file.write_text(
        "event_id,ts,event_type,customer_id,segment,resolution\n"
        "n1,2099-01-06T00:00:00Z,draft_export_created,cust_2001,ai_video_smb,HD\n"
    )
    assert "1 × ts: ts lies in the future" in run("usage", "import", str(file))
    assert "in the future" not in run("usage", "stats")
    catalog = {"draft_export_created": frozenset({"resolution"})}
    ahead = {"event_id": "n1", "ts": "2099-01-06T00:00:00Z", "event_type": "draft_export_created"}
    customer = {"customer_id": "cust_2001", "segment": "ai_video_smb"}
    usage_events().store.ingest(Rows.counted([ahead | customer]), Policy("ws_1049", catalog))
    assert "1 events lie in the future: no default window reaches them." in run("usage", "stats")


def test_before_the_first_workspace_there_is_none_to_take(sqlite_app: Flask) -> None:
    result = sqlite_app.test_cli_runner().invoke(avs, ["usage", "stats"])
    assert (result.exit_code, "There is no workspace yet" in result.output) == (1, True)


def test_a_mapping_without_an_equals_sign_is_explained(run: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("a\n")
    assert "field=value" in run("usage", "import", str(file), "--map", "ts", exit_code=2)


def found(client: FlaskClient, grid: str, search: str) -> int:
    answer = client.get(f"/admin/{grid}/export/csv/", query_string={"search": search})
    return answer.text.count("\n") - 1


def test_search_finds_again_what_a_restored_dump_lost(run: Callable[..., str], sqlite_app: Flask) -> None:
    """Restoring a dump gives rows new numbers, and the words stay with the old ones."""
    client = sqlite_app.test_client()
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE customers SET rowid = rowid + 1000"))
    assert found(client, "customers", "cust_2001") == 0
    assert "search indexes" in run("search", "rebuild")
    assert found(client, "customers", "cust_2001") == 1


def test_only_sqlite_has_search_indexes_to_rebuild(app: Flask) -> None:
    result = app.test_cli_runner().invoke(avs, ["search", "rebuild", "--json"])
    rebuilt = parse_exact(result.output)["rebuilt"]
    assert (rebuilt == 0) is (db.engine.dialect.name == "postgresql")


EUROPEAN = "event_id;ts;event_type;customer_id;segment;output_minutes\n" + (
    "eu_{};2026-01-05T00:00:00Z;video_render_completed;cust_2001;ai_video_smb;1.234,5\n"
)


def test_an_import_names_values_that_are_no_numbers_and_reads_them_once_the_sign_is_said(
    run: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "eu.csv"
    file.write_text(EUROPEAN.format("a"))
    (warning,) = parse_exact(run("usage", "import", str(file), "--json"))["warnings"]
    assert (warning["code"], warning["field"], warning["count"]) == ("decimal_comma", "output_minutes", 1)
    file.write_text(EUROPEAN.format("b"))
    assert "warning" not in run("usage", "import", str(file), "--decimal", ",")
    file.write_text(EUROPEAN.format("c"))
    said = run("usage", "import", str(file))
    assert "warning: video_render_completed: 1 event has a output_minutes that is no number, such as '1.234,5'" in said


def test_a_simulation_without_revenue_says_so_instead_of_a_margin(run: Callable[..., str]) -> None:
    with write(db.session):
        pools = db.session.scalars(sa.select(Pool).filter_by(config_version_id=CANDIDATE))
        for pool in pools:
            pool.included_quantity = Decimal(1_000)
    said = run("simulate", CANDIDATE, "--window", "mocked")
    assert "margin no revenue" in said
    assert "margin -" not in said.split("risk:")[0]
