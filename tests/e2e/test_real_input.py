"""The main job on real input: an hour of LLM requests of two services, priced per token (Splitwise, ISCA 2024)."""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from app.cli import avs
from app.models.base import db
from app.models.catalog import MetricCatalog, QualitySignalCatalog
from app.models.transactions import write
from simulation.canonical import Json, JsonObject, parse_exact
from tests.e2e.http import Person

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "azure-llm-2023"
DIGESTS = {
    "conv": "2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8",
    "code": "54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6",
}
TOKENS = {"conv": (19_366, 22_361_870, 4_088_665), "code": (8_819, 18_059_974, 245_896)}
PRICES = {"context_tokens": Decimal("0.0000025"), "generated_tokens": Decimal("0.00001")}
COSTS = {"context_tokens": Decimal("0.00000015"), "generated_tokens": Decimal("0.000000600001")}

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the real data is not beside the project")


def run(app: Flask, *arguments: str) -> Json:
    result = app.test_cli_runner().invoke(avs, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    answer: Json = parse_exact(result.stdout)
    return answer


@pytest.fixture
def person(app: Flask) -> Person:
    with write(db.session):
        db.session.add(MetricCatalog(metric_id="gross_margin", label="Gross margin", type="north_star"))
        db.session.add(QualitySignalCatalog(signal_id="csat", label="CSAT", source="in_app"))
    person = Person(app.test_client())
    person.post(
        "/api/workspaces", {"workspace_id": "ws_llm", "workspace_name": "Inference", "operator_role": "engineer"}
    )
    return person


@pytest.fixture
def imported(app: Flask, person: Person, tmp_path: Path) -> Callable[[str], JsonObject]:
    def read(name: str) -> JsonObject:
        assert hashlib.sha256((DATA / f"{name}.csv").read_bytes()).hexdigest() == DIGESTS[name]
        columns = ("ts=TIMESTAMP", "context_tokens=ContextTokens", "generated_tokens=GeneratedTokens")
        constants = ("event_type=llm_request", f"customer_id={name}", "segment=inference")
        options = [item for column in columns for item in ("--map", column)]
        options += [item for constant in constants for item in ("--set", constant)]
        options += ["--workspace", "ws_llm", "--extend-catalog", "--rejects", str(tmp_path / "rejects.csv")]
        report: JsonObject = run(app, "usage", "import", str(DATA / f"{name}.csv"), *options)
        return report

    return read


def author(person: Person) -> str:
    cycle = person.post(
        "/api/cycles",
        {
            "workspace_id": "ws_llm",
            "cycle_name": "Per token",
            "cycle_type": "production",
            "period_length_days": 90,
            "goal_type": "revenue",
            "primary_metrics": ["gross_margin"],
            "segments": ["inference"],
        },
    )["cycle_id"]
    for name, price in PRICES.items():
        person.post(
            "/api/value-units",
            {
                "value_unit_id": f"vu_{name}",
                "cycle_id": cycle,
                "name": name,
                "unit_type": "usage",
                "event_mapping": {
                    "event_type": "llm_request",
                    "filters": {},
                    "aggregation": {"type": "sum", "field": name},
                },
                "outcome_statement": "A token that somebody asked for",
                "metrics_intent": [{"metric_id": "gross_margin", "expected_impact": "positive"}],
                "quality_signal_source": ["csat"],
                "unit_economics": {
                    "avg_cost_per_unit_usd": COSTS[name],
                    "target_price_per_unit_usd": price,
                    "target_margin": Decimal("0.94"),
                    "economics_confidence": "high",
                },
            },
        )
    person.post("/api/value-unit-snapshots", {"cycle_id": cycle})
    config = person.post(
        "/api/configs",
        {
            "workspace_id": "ws_llm",
            "cycle_id": cycle,
            "segment": "inference",
            "stage": "scaling",
            "target_environment": "production",
            "price_book_ref": "per_token",
        },
    )["config_version_id"]
    for name in PRICES:
        person.post(
            f"/api/configs/{config}/pools",
            {
                "pool_id": name,
                "label": name,
                "value_unit_id": f"vu_{name}",
                "included_quantity": 0,
                "overage_behavior": "allow_overage",
            },
        )
    person.patch(
        f"/api/configs/{config}/rails",
        {"monthly_spend_cap_usd": 1000, "at_cap_action": "require_approval", "margin_floor": Decimal("0.5")},
    )
    return str(config)


def test_both_files_are_metered_to_the_last_token(app: Flask, imported: Callable[[str], JsonObject]) -> None:
    for name, (requests, _, _) in TOKENS.items():
        assert imported(name)["rows_accepted"] == requests
    counted = {row["customer_id"]: row for row in run(app, "usage", "stats", "--workspace", "ws_llm")}
    for name, (requests, context, generated) in TOKENS.items():
        assert counted[name]["events"] == requests
        assert counted[name]["sums"] == {"context_tokens": context, "generated_tokens": generated}


def test_importing_a_file_again_counts_nothing_twice(imported: Callable[[str], JsonObject]) -> None:
    imported("code")
    again = imported("code")
    assert (again["rows_accepted"], again["rows_duplicate"]) == (0, 8_819)


def test_tokens_priced_at_fractions_of_a_millionth_reach_an_active_config_exactly(
    app: Flask, person: Person, imported: Callable[[str], JsonObject]
) -> None:
    imported("conv")
    imported("code")
    config = author(person)
    simulated = run(app, "simulate", config, "--window", "30")
    totals = dict(zip(PRICES, (sum(row[i] for row in TOKENS.values()) for i in (1, 2)), strict=True))
    economics = simulated["outputs"]["economics"]["candidate"]
    exact_cost = sum((totals[name] * COSTS[name] for name in totals), Decimal(0))
    assert economics["revenue_usd"] == sum(totals[name] * PRICES[name] for name in totals) == Decimal("144.40022")
    assert economics["cost_usd"] == exact_cost.quantize(Decimal("0.000001"))

    options = ["--approver", "Theresa", "--role", "CEO", "--rationale", "Measured on real traffic."]
    run(app, "approve", config, simulated["simulation_run_id"], *options)
    served = person.get(
        "/api/runtime/config?workspace_id=ws_llm&segment=inference&stage=scaling&target_environment=production"
    )
    prices = {unit["name"]: unit["unit_economics"]["target_price_per_unit_usd"] for unit in served["value_units"]}
    assert prices == PRICES
    patch = parse_exact(app.test_cli_runner().invoke(avs, ["export", "billing-patch", config]).stdout)
    lines = patch["payload"]["rate_card_updates"][0]["lines"]
    assert {line["price_per_unit_usd"] for line in lines} == set(PRICES.values())
