"""Presets: known formats of usage, how each is recognised and which of its fields become which of ours (spec 6).

A preset is data. The dimensions have the same names in all of them where they mean the same: `model`, `input_tokens`,
`output_tokens`, `cached_tokens`, `cost_usd`. `llm_request` is one call of a model, `llm_usage` a sum of calls over a
time, `cloud_charge` a line of a bill. Fields that are not named stay out: keys, prompts and answers among them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.services.usage.fields import UnreadableInput
from app.services.usage.mapping import ColumnPlan, Where
from app.services.usage.written_times import TimeReading

NONE = "none"
"""The name by which nothing is recognised."""
_REQUEST, _USAGE, _CHARGE = {"event_type": "llm_request"}, {"event_type": "llm_usage"}, {"event_type": "cloud_charge"}


@dataclass(frozen=True)
class Preset:
    """One known format. `keys`: columns or paths that all of its files have.

    `mapping`: field → path, or several paths of which the first that the file has counts. What neither it nor
    `constants` gives has to be set by whoever imports. The others are as in `ColumnPlan`.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    mapping: Mapping[str, str | tuple[str, ...]]
    constants: Mapping[str, str] = field(default_factory=dict)
    spread: tuple[str, ...] = ()
    where: Where | None = None
    identity: tuple[str, ...] = ()
    day_first: bool | None = None

    def fits(self, columns: Collection[str]) -> bool:
        """Whether a file with these columns or paths is of the format."""
        return all(key in columns or any(column.startswith(f"{key}.") for column in columns) for key in self.keys)

    def plan(self, columns: Collection[str]) -> ColumnPlan:
        """The plan for a file with these columns or paths."""
        mapping = {
            target: places if isinstance(places, str) else next((at for at in places if at in columns), places[0])
            for target, places in self.mapping.items()
        }
        return ColumnPlan(
            mapping=mapping,
            constants=self.constants,
            times=TimeReading(day_first=self.day_first),
            keeps_rest=False,
            spread=self.spread,
            where=self.where,
            identity=self.identity,
            preset=self.name,
        )

    @property
    def lacks(self) -> tuple[str, ...]:
        """The required fields that the format does not have."""
        return tuple(
            name for name in ("ts", "event_type", "customer_id") if name not in {**self.mapping, **self.constants}
        )


PRESETS: tuple[Preset, ...] = (
    Preset(
        "litellm",
        "LiteLLM spend logs",
        ("request_id", "call_type", "spend", "startTime", "end_user"),
        {
            "event_id": "request_id", "ts": "startTime", "customer_id": "end_user", "call_type": "call_type",
            "model": "model", "provider": "custom_llm_provider", "team_id": "team_id", "status": "status",
            "cache_hit": "cache_hit", "input_tokens": "prompt_tokens", "output_tokens": "completion_tokens",
            "total_tokens": "total_tokens", "cost_usd": "spend",
            "cached_tokens": "metadata.usage_object.prompt_tokens_details.cached_tokens",
        },
        _REQUEST,
    ),
    Preset(
        "openai",
        "OpenAI usage",
        ("start_time", "end_time", "input_tokens", "output_tokens", "num_model_requests", "project_id"),
        {
            "ts": "start_time", "customer_id": "user_id", "model": "model", "project_id": "project_id",
            "batch": "batch", "service_tier": "service_tier", "requests": "num_model_requests",
            "input_tokens": "input_tokens", "output_tokens": "output_tokens", "cached_tokens": "input_cached_tokens",
            "audio_input_tokens": "input_audio_tokens", "audio_output_tokens": "output_audio_tokens",
        },
        _USAGE,
        where=Where("num_model_requests"),
    ),
    Preset(
        "anthropic",
        "Anthropic console usage",
        ("usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens"),
        {
            "ts": "usage_date_utc", "model": "model_version", "console_workspace": "workspace",
            "usage_type": "usage_type", "context_window": "context_window", "speed": "speed",
            "inference_geo": "inference_geo", "input_tokens": "usage_input_tokens_no_cache",
            "cache_write_5m_tokens": "usage_input_tokens_cache_write_5m",
            "cache_write_1h_tokens": "usage_input_tokens_cache_write_1h",
            "cached_tokens": "usage_input_tokens_cache_read", "output_tokens": "usage_output_tokens",
            "web_searches": "web_search_count",
        },
        _USAGE,
    ),
    Preset(
        "openrouter",
        "OpenRouter activity",
        ("generation_id", "created_at", "cost_total", "tokens_prompt", "tokens_completion", "model_permaslug"),
        {
            "event_id": "generation_id", "ts": "created_at", "customer_id": "user", "model": "model_permaslug",
            "provider": "provider_name", "variant": "variant", "app": "app_name", "cancelled": "cancelled",
            "input_tokens": "tokens_prompt", "output_tokens": "tokens_completion",
            "reasoning_tokens": "tokens_reasoning", "cached_tokens": "tokens_cached", "cost_usd": "cost_total",
        },
        _REQUEST,
    ),
    Preset(
        "deepseek",
        "DeepSeek usage amounts",
        ("user_id", "start_time_iso", "model", "type", "price", "amount"),
        {
            "ts": "start_time_iso", "customer_id": "user_id", "model": "model", "token_type": "type",
            "price": "price", "amount": "amount",
        },
        _USAGE,
    ),
    Preset(
        "langfuse",
        "Langfuse observations",
        ("trace_id", "start_time", "provided_model_name", "usage_details"),
        {
            "event_id": "id", "ts": "start_time", "customer_id": "user_id", "model": "provided_model_name",
            "name": "name", "environment": "environment", "session_id": "session_id",
            "input_tokens": "usage_details.input", "output_tokens": "usage_details.output",
            "cached_tokens": "usage_details.input_cached_tokens", "total_tokens": "usage_details.total",
            "cost_usd": "total_cost", "latency": "latency",
        },
        _REQUEST,
        where=Where("type", ("GENERATION", "EMBEDDING")),
    ),
    Preset(
        "focus",
        "FOCUS 1.0 cost and usage",
        ("BilledCost", "ChargePeriodStart", "ChargeCategory", "ConsumedQuantity", "ServiceName", "SubAccountId"),
        {
            "ts": "ChargePeriodStart", "customer_id": "SubAccountId", "provider": "ProviderName",
            "service": "ServiceName", "sku": "SkuId", "charge_category": "ChargeCategory", "region": "RegionId",
            "resource_id": "ResourceId", "quantity": "ConsumedQuantity", "unit": "ConsumedUnit",
            "billed_cost": "BilledCost", "effective_cost": "EffectiveCost", "list_cost": "ListCost",
            "currency": "BillingCurrency",
        },
        _CHARGE,
    ),
    Preset(
        "azure-cost",
        "Azure cost details",
        ("Date", "MeterCategory", "MeterName", "UnitOfMeasure", "Quantity", "CostInBillingCurrency"),
        {
            "ts": "Date", "service": "MeterCategory", "meter_subcategory": "MeterSubCategory", "meter": "MeterName",
            "resource_group": "ResourceGroup", "region": "ResourceLocation", "resource_id": "ResourceId",
            "quantity": "Quantity", "unit": "UnitOfMeasure", "billed_cost": "CostInBillingCurrency",
            "currency": ("BillingCurrencyCode", "BillingCurrency"),
        },
        _CHARGE,
        day_first=False,
    ),
    Preset(
        "azure-llm-trace",
        "Azure LLM inference trace",
        ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
        {"ts": "TIMESTAMP", "context_tokens": "ContextTokens", "generated_tokens": "GeneratedTokens"},
        _REQUEST,
    ),
    Preset(
        "burstgpt",
        "BurstGPT trace",
        ("Timestamp", "Model", "Request tokens", "Response tokens", "Log Type"),
        {
            "ts": "Timestamp", "model": "Model", "input_tokens": "Request tokens", "output_tokens": "Response tokens",
            "total_tokens": "Total tokens", "log_type": "Log Type",
        },
        _REQUEST,
    ),
    Preset(
        "stripe",
        "Stripe meter events",
        ("timestamp", "event_name", "payload"),
        {
            "event_id": "identifier", "ts": "timestamp", "event_type": "event_name",
            "customer_id": "payload.stripe_customer_id",
        },
        spread=("payload",),
    ),
    Preset(
        "lago",
        "Lago events",
        ("transaction_id", "code", "timestamp", "properties"),
        {
            "event_id": "transaction_id", "ts": "timestamp", "event_type": "code",
            "customer_id": ("external_customer_id", "external_subscription_id"),
            "precise_total_amount_cents": "precise_total_amount_cents",
        },
        spread=("properties",),
    ),
    Preset(
        "otlp",
        "OpenTelemetry spans of gen_ai",
        ("traceId", "spanId", "startTimeUnixNano", "attributes"),
        {
            "ts": "startTimeUnixNano", "span": "name", "service": "resource.attributes.service.name",
            "customer_id": ("attributes.user.id", "attributes.enduser.id", "attributes.customer.id"),
            "operation": "attributes.gen_ai.operation.name",
            "provider": ("attributes.gen_ai.provider.name", "attributes.gen_ai.system"),
            "model": ("attributes.gen_ai.request.model", "attributes.gen_ai.response.model"),
            "input_tokens": ("attributes.gen_ai.usage.input_tokens", "attributes.gen_ai.usage.prompt_tokens"),
            "output_tokens": ("attributes.gen_ai.usage.output_tokens", "attributes.gen_ai.usage.completion_tokens"),
            "cached_tokens": "attributes.gen_ai.usage.cache_read.input_tokens",
        },
        _REQUEST,
        where=Where("attributes.gen_ai.operation.name"),
        identity=("traceId", "spanId"),
    ),
    Preset(
        "bedrock",
        "Amazon Bedrock invocation logs",
        ("requestId", "timestamp", "operation", "modelId", "input.inputTokenCount"),
        {
            "event_id": "requestId", "ts": "timestamp", "model": "modelId", "operation": "operation",
            "region": "region", "input_tokens": "input.inputTokenCount", "output_tokens": "output.outputTokenCount",
            "cached_tokens": "input.cacheReadInputTokenCount",
        },
        _REQUEST,
    ),
    Preset(
        "claude-code",
        "Claude Code sessions",
        ("type", "timestamp", "sessionId", "message.usage.input_tokens", "message.usage.output_tokens"),
        {
            "event_id": "message.id", "ts": "timestamp", "model": "message.model", "session_id": "sessionId",
            "input_tokens": "message.usage.input_tokens", "output_tokens": "message.usage.output_tokens",
            "cached_tokens": "message.usage.cache_read_input_tokens",
            "cache_write_tokens": "message.usage.cache_creation_input_tokens",
        },
        _REQUEST,
        where=Where("message.usage.output_tokens"),
    ),
    Preset(
        "cloudevents",
        "CloudEvents 1.0, as OpenMeter takes them",
        ("specversion", "id", "type", "source"),
        {"event_id": "id", "ts": "time", "event_type": "type", "customer_id": "subject"},
        spread=("data",),
    ),
)  # fmt: skip
"""Every known format; the first that fits a file is recognised."""


def named(name: str) -> Preset:
    """The preset of a name. Raises UnreadableInput, naming them all, when there is none."""
    for preset in PRESETS:
        if preset.name == name:
            return preset
    raise UnreadableInput(f"{name!r} is no preset: name one of {', '.join(preset.name for preset in PRESETS)}")


def recognised(columns: Sequence[str]) -> Preset | None:
    """The format of a file with these columns or paths; None for one with our own names, or of no known format."""
    if {"ts", "event_type"} <= set(columns):
        return None
    return next((preset for preset in PRESETS if preset.fits(columns)), None)


def merged(preset: Preset, columns: Sequence[str], own: ColumnPlan) -> ColumnPlan:
    """The preset's plan for a file, where `own` says nothing else."""
    plan = preset.plan(columns)
    decided = {*own.mapping, *own.constants}
    used = {*own.mapping.values(), *own.ignore}
    mapping = {target: path for target, path in plan.mapping.items() if target not in decided and path not in used}
    constants = {name: value for name, value in plan.constants.items() if name not in own.mapping}
    times = own.times if own.times.day_first is not None else replace(own.times, day_first=plan.times.day_first)
    return replace(
        plan,
        mapping=mapping | dict(own.mapping),
        constants=constants | dict(own.constants),
        ignore=own.ignore,
        decimal=own.decimal,
        times=times,
        file_format=own.file_format,
        encoding=own.encoding,
    )


def within(preset: Preset, own: ColumnPlan) -> ColumnPlan:
    """A plan whose mapping is decided, for rows of the known format: which of them are events, and what is spread."""
    spread, where, identity = preset.spread, preset.where, preset.identity
    return replace(own, keeps_rest=False, spread=spread, where=where, identity=identity, preset=preset.name)
