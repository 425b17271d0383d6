"""`avs export billing-patch --format` and `avs export drift`: what a script or a nightly job would run."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.commands.export import export
from app.extensions import usage_events
from app.models.base import db
from app.services.configs.lookup import get_config
from seed.loader import load_seed
from simulation.canonical import canonical_text, parse_exact

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ACTIVE, CANDIDATE = "cfg_smb_learning_prod_v1", "cfg_smb_learning_prod_v2_candidate"


@pytest.fixture
def run(sqlite_app: Flask) -> Callable[..., str]:
    load_seed(db.session, usage_events().store, now=NOW, with_growth=False)

    def invoke(*arguments: str | Path, exit_code: int = 0, **options: Any) -> str:
        result = sqlite_app.test_cli_runner().invoke(export, list(map(str, arguments)), **options)
        assert result.exit_code == exit_code, result.output
        return result.output

    return invoke


@pytest.fixture
def exported(run: Callable[..., str], tmp_path: Path) -> Path:
    """The active config as Stripe has it, in a file."""
    file = tmp_path / "stripe.json"
    file.write_text(run("billing-patch", ACTIVE, "--format", "stripe"))
    return file


def test_without_a_format_it_is_the_canonical_patch(run: Callable[..., str]) -> None:
    patch = parse_exact(run("billing-patch", ACTIVE))
    assert list(patch) == ["billing_patch_id", "effective_at", "payload", "price_book_ref"]


def test_a_ledger_that_is_in_step_is_no_error(run: Callable[..., str], exported: Path) -> None:
    assert "stripe is in step with bp_" in run("drift", exported, "--ledger", "stripe", "--config", ACTIVE)


def test_the_only_active_production_config_is_the_default(run: Callable[..., str], exported: Path) -> None:
    found = parse_exact(run("drift", exported, "--ledger", "stripe", "--json"))
    assert (found["config_version_id"], found["differences"]) == (ACTIVE, [])


def test_two_active_production_configs_are_named_rather_than_guessed(run: Callable[..., str], exported: Path) -> None:
    sandbox = get_config(db.session, "cfg_smb_learning_sandbox_v1")
    sandbox.target_environment, sandbox.stage = "production", "scaling"
    db.session.commit()
    refusal = run("drift", exported, "--ledger", "stripe", exit_code=1)
    assert f"2 production configs are active: {ACTIVE}, cfg_smb_learning_sandbox_v1" in refusal


def test_drift_is_printed_line_by_line_with_exit_status_1(run: Callable[..., str], exported: Path) -> None:
    exported.write_text(exported.read_text().replace('"unit_amount_decimal":"60"', '"unit_amount_decimal":"61"'))
    printed = run("drift", exported, "--ledger", "stripe", exit_code=1)
    assert "changed prices avs/ws_1049/ai_video_smb/learning/production/meter_usable_hd_minute" in printed
    assert "unit_amount_decimal is 61, not 60" in printed


def test_an_export_may_come_through_a_pipe(run: Callable[..., str], exported: Path) -> None:
    printed = run("drift", "-", "--ledger", "stripe", "--config", CANDIDATE, exit_code=1, input=exported.read_text())
    assert "missing prices avs/ws_1049/ai_video_smb/learning/production/meter_usable_4k_minute" in printed


def test_an_extra_record_is_named_with_the_ledgers_id(run: Callable[..., str], exported: Path) -> None:
    rendering = parse_exact(exported.read_text())
    price = rendering["records"][-1]["body"]
    rendering["records"].append({"resource": "prices", "body": price | {"id": "price_twice"}})
    exported.write_text(canonical_text(rendering))
    assert "extra prices" in (printed := run("drift", exported, "--ledger", "stripe", exit_code=1))
    assert "(price_twice)" in printed


@pytest.mark.parametrize(
    ("content", "said"), [("{", "line 1, column 2"), ("[NaN]", "NaN"), ("[" * 100_000, "recursion")]
)
def test_a_file_that_is_no_json_is_explained(run: Callable[..., str], tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content)
    assert said in run("drift", file, "--ledger", "lago", "--config", ACTIVE, exit_code=1)
