"""Real input: the public Azure LLM inference traces of November 2023, imported as two customers."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app.services.usage.fields import Policy
from app.services.usage.importer import import_file
from app.services.usage.mapping import ColumnPlan
from app.services.usage.stats import usage_stats
from app.services.usage.store import EventStore

TRACES = Path(__file__).resolve().parents[4] / "shared" / "data" / "azure-llm-2023"
MAPPING = {"ts": "TIMESTAMP", "context_tokens": "ContextTokens", "generated_tokens": "GeneratedTokens"}
POLICY = Policy("ws_1", {"llm_request": frozenset({"context_tokens", "generated_tokens"})})
TOTALS = {"conv": (19_366, 22_361_870, 4_088_665), "code": (8_819, 18_059_974, 245_896)}


@pytest.mark.skipif(not TRACES.is_dir(), reason="the traces are not at hand")
def test_both_traces_are_metered_to_the_last_token_and_a_second_import_adds_nothing(store: EventStore) -> None:
    for again in (False, True):
        for customer, (requests, _, _) in TOTALS.items():
            constants = {"event_type": "llm_request", "customer_id": customer, "segment": "llm"}
            report = import_file(store, TRACES / f"{customer}.csv", POLICY, ColumnPlan(MAPPING, constants))
            assert (report.read, report.accepted, report.rejected) == (requests, 0 if again else requests, 0)
    assert {
        item.customer_id: (item.events, *item.sums.values())
        for item in usage_stats(store, "ws_1", datetime(2026, 1, 1, tzinfo=UTC))
    } == {
        customer: (requests, Decimal(context), Decimal(generated))
        for customer, (requests, context, generated) in TOTALS.items()
    }
