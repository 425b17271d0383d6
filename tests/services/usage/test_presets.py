"""Known formats: a small file of each is recognised, and its events are counted to the last token."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app.errors import Invalid
from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.importer import ImportReport, import_file
from app.services.usage.imports import plan_of
from app.services.usage.mapping import ColumnPlan
from app.services.usage.names import is_legal
from app.services.usage.presets import NONE, PRESETS, named, recognised
from app.services.usage.stats import usage_stats
from app.services.usage.store import EventStore
from app.services.usage.written_times import TimeReading

SAMPLES = Path(__file__).parent / "samples"
POLICY = Policy("ws_1", {}, segments={}, extend_catalog=True)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
ACME = {"customer_id": "acme"}
LITELLM = {
    "acme": (2, {"input_tokens": "1020", "output_tokens": "214", "total_tokens": "1234", "cached_tokens": "32"}),
    "beta": (1, {"input_tokens": "800", "output_tokens": "100", "total_tokens": "900", "cached_tokens": "16"}),
}
LANGFUSE = {
    "acme": (2, {"input_tokens": "172", "output_tokens": "400", "cached_tokens": "35634", "total_tokens": "36206"})
}
SPANS = {"acme": (2, {"input_tokens": "2400", "output_tokens": "600"})}
METER_EVENTS = {"cus_123": (2, {"value": "700"})}
CLOUD_EVENTS = {"acme": (2, {"tokens": "246912"})}
Sums = dict[str, tuple[int, dict[str, str]]]


def take(store: EventStore, sample: str, preset: str | None = None, **constants: str) -> ImportReport:
    plan, _ = plan_of(SAMPLES / sample, ColumnPlan(constants={"segment": "all", **constants}), preset)
    return import_file(store, SAMPLES / sample, POLICY, plan)


@pytest.mark.parametrize(
    ("sample", "preset", "event_type", "given", "first", "expected"),
    [
        ("litellm_spend_logs.json", "litellm", "llm_request", {}, "2026-01-02T10:15:23.123", LITELLM),
        ("litellm_spend_logs.jsonl", "litellm", "llm_request", {}, "2026-01-02T10:15:23.123", LITELLM),
        ("litellm_spend_logs_pg.csv", "litellm", "llm_request", {}, "2026-01-02T10:15:23.123", LITELLM),
        (
            "openai_completions_usage.csv", "openai", "llm_usage", {}, "2026-01-01",
            {"user-1": (2, {"input_tokens": "13066", "output_tokens": "3092", "cached_tokens": "1280",
                            "requests": "28"})},
        ),
        (
            "openai_usage_api.json", "openai", "llm_usage", ACME, "2026-01-01",
            {"acme": (1, {"input_tokens": "1000", "output_tokens": "500", "cached_tokens": "800", "requests": "5"})},
        ),
        (
            "anthropic_console_usage.csv", "anthropic", "llm_usage", ACME, "2026-01-05",
            {"acme": (2, {"input_tokens": "47981", "output_tokens": "17132", "cached_tokens": "500",
                          "cache_write_5m_tokens": "15969"})},
        ),
        (
            "openrouter_activity.csv", "openrouter", "llm_request", {}, "2026-01-05T03:46:57.713",
            {
                "acme": (1, {"input_tokens": "10389", "output_tokens": "137", "cached_tokens": "512",
                             "cost_usd": "0.0123"}),
                "beta": (1, {"input_tokens": "20", "output_tokens": "14", "cached_tokens": "0"}),
            },
        ),
        (
            "deepseek_amount.csv", "deepseek", "llm_usage", {}, "2026-01-05T08:00:00", {"u1": (2, {"amount": "150"})},
        ),
        ("langfuse_observations.jsonl", "langfuse", "llm_request", {}, "2026-01-05T13:46:19.960", LANGFUSE),
        ("langfuse_observations.csv", "langfuse", "llm_request", {}, "2026-01-05T13:46:19.960", LANGFUSE),
        (
            "focus_1_0.csv", "focus", "cloud_charge", {}, "2026-01-05",
            {"sub-1": (2, {"billed_cost": "1.2", "effective_cost": "1.2", "quantity": "500000"})},
        ),
        (
            "azure_cost_details.csv", "azure-cost", "cloud_charge", ACME, "2026-01-05",
            {"acme": (1, {"billed_cost": "3.0864175", "quantity": "1234.567"})},
        ),
        (
            "azure_llm_trace.csv", "azure-llm-trace", "llm_request", ACME, "2023-11-16T18:15:46.680590",
            {"acme": (3, {"context_tokens": "1649", "generated_tokens": "208"})},
        ),
        (
            "burstgpt.csv", "burstgpt", "llm_request", {"ts": "2026-01-05T00:00:00Z", **ACME}, "2026-01-05",
            {"acme": (3, {"input_tokens": "1976", "output_tokens": "524", "total_tokens": "2500"})},
        ),
        (
            "lago_events.jsonl", "lago", "storage", {}, "2026-01-05T08:00:00.123",
            {"sub_acme": (2, {"gb": "20.2", "precise_total_amount_cents": "25"})},
        ),
        ("lago_events.csv", "lago", "storage", {}, "2026-01-05T08:00:00.123", {"sub_acme": (1, {"gb": "10.1"})}),
        ("otlp_file_exporter.jsonl", "otlp", "llm_request", {}, "2026-01-05T08:00:01", SPANS),
        ("otlp_traces.json", "otlp", "llm_request", {}, "2026-01-05T08:00:01", SPANS),
        (
            "bedrock_invocation.jsonl", "bedrock", "llm_request", ACME, "2026-01-05T10:00:00",
            {"acme": (1, {"input_tokens": "120", "output_tokens": "340"})},
        ),
        (
            "claude_code_session.jsonl", "claude-code", "llm_request", ACME, "2026-01-05T12:00:00",
            {"acme": (1, {"input_tokens": "10", "output_tokens": "100", "cached_tokens": "50"})},
        ),
        ("stripe_meter_events.json", "stripe", "ai_search_api", {}, "2026-01-05T08:00:00", METER_EVENTS),
        ("stripe_meter_events.jsonl", "stripe", "ai_search_api", {}, "2026-01-05T08:00:00", METER_EVENTS),
        ("cloudevents.jsonl", "cloudevents", "prompt", {}, "2026-01-05T13:37:00", CLOUD_EVENTS),
        ("openmeter_cloudevents_batch.json", "cloudevents", "prompt", {}, "2026-01-05T13:37:00", CLOUD_EVENTS),
    ],
)  # fmt: skip
def test_a_file_of_each_format_is_recognised_and_counted_exactly(
    store: EventStore, sample: str, preset: str, event_type: str, given: dict[str, str], first: str, expected: Sums
) -> None:
    _, known_format = plan_of(SAMPLES / sample, ColumnPlan())
    assert known_format is not None
    assert known_format.name == preset
    report = take(store, sample, **given)
    assert (report.rejected, report.accepted) == (0, sum(events for events, _ in expected.values()))
    rows = {row.customer_id: row for row in usage_stats(store, "ws_1", NOW)}
    assert {row.event_type for row in rows.values()} == {event_type}
    assert min(row.first_ts for row in rows.values()) == datetime.fromisoformat(first).replace(tzinfo=UTC)
    for customer_id, (events, sums) in expected.items():
        assert rows[customer_id].events == events
        totals = {name: rows[customer_id].sums.get(name) for name in sums}
        assert totals == {name: Decimal(total) for name, total in sums.items()}
    assert take(store, sample, **given).accepted == 0


def test_the_seconds_of_a_trace_count_from_the_moment_that_is_given(store: EventStore) -> None:
    own = ColumnPlan(constants={"segment": "all", **ACME}, times=TimeReading(origin=datetime(2026, 1, 5)))  # noqa: DTZ001
    plan, _ = plan_of(SAMPLES / "burstgpt.csv", own)
    assert import_file(store, SAMPLES / "burstgpt.csv", POLICY, plan).accepted == 3
    (row,) = usage_stats(store, "ws_1", NOW)
    assert row.last_ts == datetime(2026, 1, 5, 0, 1, 58, tzinfo=UTC)


def test_what_a_format_lacks_has_to_be_given(store: EventStore) -> None:
    for sample in ("anthropic_console_usage.csv", "bedrock_invocation.jsonl"):
        with pytest.raises(UnreadableInput, match="has no column 'customer_id': give it with --set customer_id="):
            take(store, sample)


def test_keys_and_prompts_stay_out_and_are_said(store: EventStore) -> None:
    report = take(store, "litellm_spend_logs.jsonl")
    assert {"api_key", "request_tags", "user"} <= set(report.left_out)
    assert report.left_out["api_key"] == 3
    assert not {"api_key", "user"} & store.snapshot("ws_1").dimensions


def test_a_mapping_of_ones_own_turns_recognition_off_unless_the_preset_is_named(store: EventStore) -> None:
    sample = SAMPLES / "openrouter_activity.csv"
    own = ColumnPlan({"customer_id": "app_name"}, {"segment": "all"})
    plan, known_format = plan_of(sample, own)
    assert (plan, known_format and known_format.name) == (own, "openrouter")
    plan, _ = plan_of(sample, own, "openrouter")
    assert import_file(store, sample, POLICY, plan).accepted == 2
    assert {row.customer_id for row in usage_stats(store, "ws_1", NOW)} == {"My App", "My App, EU"}
    assert plan_of(sample, ColumnPlan(), NONE) == (ColumnPlan(), None)


def test_a_preset_has_a_name_and_legal_fields() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    for preset in PRESETS:
        assert all(is_legal(name) for name in preset.mapping)
        assert {*preset.mapping, *preset.constants, *preset.lacks} >= {"ts", "event_type", "customer_id"}
        assert recognised([*preset.keys]) is preset
    with pytest.raises(UnreadableInput, match="'excel' is no preset: name one of litellm, openai"):
        named("excel")
    with pytest.raises(Invalid, match="'excel' is no preset"):
        plan_of(SAMPLES / "focus_1_0.csv", ColumnPlan(), "excel")


def test_a_file_with_our_own_names_is_of_no_other_format() -> None:
    assert recognised(["ts", "event_type", "customer_id", *PRESETS[0].keys]) is None
