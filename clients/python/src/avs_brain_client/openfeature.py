"""An OpenFeature provider: units, pools and rails as flags. Needs the extra `avs-brain-client[openfeature]`.

The targeting key is the customer_id. Every flag can be asked for as several types:

| flag | boolean | string | number | object |
|---|---|---|---|---|
| `unit.<value_unit_id>` | may go on | action, or "none" | allowance left | the whole decision |
| `pool.<pool_id>` | has something left | "open" or "empty" | what is left | available, drawn, remaining |
| `rail.monthly_spend_cap_usd` | not exceeded | its action, or "none" | the cap in USD | cap, spend, action |
| `rail.usage_thresholds` | none reached | severest action, or "none" | highest percentage | percentages by unit |

`unit` flags decide about the context attribute `quantity` (1 when there is none). Numbers are for showing: an
OpenFeature float is not exact, the decisions behind it are. The variant is what the string is; `flag_metadata` has
reason_code, threshold, remaining and config_version_id as texts, where there are any.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    ErrorCode,
    FlagNotFoundError,
    InvalidContextError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from avs_brain_client.client import Client
from avs_brain_client.config import FRESH, NEVER_LOADED, STALE
from avs_brain_client.document import Document
from avs_brain_client.numbers import unscaled
from avs_brain_client.rules import SEVERITY, SPEND_CAP, THRESHOLD
from avs_brain_client.statement import Statement
from avs_brain_client.watching import Standing

T = TypeVar("T")
Object = Sequence[FlagValueType] | Mapping[str, FlagValueType]
READY_SECONDS = 10.0
"""How long a provider waits for the first config before its defaults hold."""


class Value(NamedTuple):
    """One flag as every type that it can be asked for; `number` None: it has none."""

    truth: bool
    text: str
    number: Decimal | None
    document: Mapping[str, FlagValueType]
    metadata: Mapping[str, object]


class AvsProvider(AbstractProvider):
    """Answers from a client, in process. The SDK starts and closes the client with the provider.

    `initialize` waits `ready_seconds` for the first config; without one the provider is in error, and defaults hold,
    until it arrives. A config that grows stale makes it stale, one that expires puts it in error; it goes on answering
    as the config says for then.
    """

    def __init__(self, client: Client, *, ready_seconds: float = READY_SECONDS) -> None:
        super().__init__()
        self._client, self._ready_seconds = client, ready_seconds
        self._told: str | None = None
        self._unwatch: Callable[[], None] = lambda: None

    def get_metadata(self) -> Metadata:
        return Metadata(name="avs-brain-client")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        self._unwatch = self._client.watch(self._changed)
        self._client.start()
        loaded = self._client.wait_until_loaded(self._ready_seconds)
        self._told = FRESH if loaded else NEVER_LOADED
        if not loaded:
            raise ProviderNotReadyError(f"There is no config after {self._ready_seconds:g} seconds.")

    def shutdown(self) -> None:
        self._told = None
        self._unwatch()
        self._client.close()

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """`unit.<value_unit_id>` records the value (1 without one), once per attribute `event_id`; every other name is
        a usage event of that type, with the attributes for its dimensions.
        """
        customer_id, details = _customer(evaluation_context), tracking_event_details or TrackingEventDetails()
        kind, _, name = tracking_event_name.partition(".")
        if kind == "unit" and name:
            event_id = details.attributes.get("event_id")
            quantity = Decimal(1) if details.value is None else Decimal(repr(details.value))
            self._client.record(customer_id, name, quantity, event_id=None if event_id is None else str(event_id))
        else:
            event = {**details.attributes, "event_type": tracking_event_name, "customer_id": customer_id}
            self._client.record_event(event)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        found = self._value(flag_key, evaluation_context)
        return self._details(found.truth, found)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        found = self._value(flag_key, evaluation_context)
        return self._details(found.text, found)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Whole units: what is left of one that has begun does not count."""
        found = self._value(flag_key, evaluation_context)
        return self._details(int(_number(flag_key, found)), found)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        found = self._value(flag_key, evaluation_context)
        return self._details(float(_number(flag_key, found)), found)

    def resolve_object_details(
        self, flag_key: str, default_value: Object, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Object]:
        found = self._value(flag_key, evaluation_context)
        return self._details(found.document, found)

    def _details(self, value: T, found: Value) -> FlagResolutionDetails[T]:
        reason = Reason.TARGETING_MATCH if self._client.state == FRESH else Reason.STALE
        metadata = {name: str(told) for name, told in found.metadata.items() if told is not None}
        return FlagResolutionDetails(value=value, reason=reason, variant=found.text, flag_metadata=metadata)

    def _changed(self, before: Standing, now: Standing) -> None:
        """Called by the client's threads; that it is ready for the first time is told by the SDK itself."""
        if self._told is None:
            return
        if before.config_version_id is not None and now.config_version_id != before.config_version_id:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=self._flags()))
        if now.state == self._told:
            return
        self._told = now.state
        if now.state == FRESH:
            self.emit_provider_ready(ProviderEventDetails())
        elif now.state == STALE:
            self.emit_provider_stale(ProviderEventDetails(message="AVS Brain has not confirmed the config lately."))
        else:
            message = "The config is older than it may be: rails fail as it says."
            self.emit_provider_error(ProviderEventDetails(message=message, error_code=ErrorCode.GENERAL))

    def _flags(self) -> list[str]:
        """All that the config has, for any of them may be another now."""
        document = self._client.document
        if document is None:
            return []
        units = [f"unit.{unit.value_unit_id}" for unit in document.units]
        return [*units, *(f"pool.{pool.pool_id}" for pool in document.pools), *(f"rail.{name}" for name in RAILS)]

    def _value(self, flag_key: str, context: EvaluationContext | None) -> Value:
        customer_id = _customer(context)
        document = self._client.document
        if document is None:
            raise ProviderNotReadyError("There is no config yet.")
        kind, _, name = flag_key.partition(".")
        if kind == "unit" and any(unit.value_unit_id == name for unit in document.units):
            return self._unit(customer_id, name, context)
        if kind == "pool":
            return self._pool(document, customer_id, name)
        if kind == "rail" and name in RAILS:
            return RAILS[name](document, self._client.usage(customer_id))
        rails = ", ".join(f"rail.{name}" for name in RAILS)
        text = f"{flag_key!r} is none of unit.<id>, pool.<id>, {rails} of config {document.config_version_id}."
        raise FlagNotFoundError(text)

    def _unit(self, customer_id: str, name: str, context: EvaluationContext | None) -> Value:
        quantity = 1 if context is None else context.attributes.get("quantity", 1)
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 0:
            raise InvalidContextError(f"quantity is {quantity!r}: it must be a whole number that is not negative")
        found = self._client.check(customer_id, name, quantity)
        document: dict[str, FlagValueType] = {
            "allow": found.allow,
            "action": found.action or "none",
            "reason_code": found.reason_code,
            "pool_id": found.pool_id or "",
            "remaining": "" if found.remaining is None else str(found.remaining),
            "config_version_id": found.config_version_id or "",
        }
        metadata = {
            "reason_code": found.reason_code,
            "threshold": found.threshold,
            "remaining": found.remaining,
            "config_version_id": found.config_version_id,
        }
        return Value(found.allow, found.action or "none", found.remaining, document, metadata)

    def _pool(self, document: Document, customer_id: str, name: str) -> Value:
        uses = [use for unit in self._client.usage(customer_id).units.values() for use in unit.pools]
        use = next((use for use in uses if use.pool_id == name), None)
        if use is None:
            raise FlagNotFoundError(f"Config {document.config_version_id} has no pool {name!r}.")
        left = use.available - use.drawn
        numbers = {"available": use.available, "drawn": use.drawn, "remaining": left}
        texts: dict[str, FlagValueType] = {key: str(number) for key, number in numbers.items()}
        metadata = {"remaining": left, "config_version_id": document.config_version_id}
        return Value(left > 0, "open" if left > 0 else "empty", left, texts, metadata)


def _customer(context: EvaluationContext | None) -> str:
    if context is None or not context.targeting_key:
        raise TargetingKeyMissingError("The targeting key is the customer_id: without it there is no decision.")
    return context.targeting_key


def _spend_cap(document: Document, statement: Statement) -> Value:
    if document.rails.spend_cap is None:
        raise FlagNotFoundError(f"Config {document.config_version_id} has no spend cap.")
    cap, action = unscaled(document.rails.spend_cap), document.rails.at_cap_action or "none"
    exceeded = statement.spend_usd > cap
    told: dict[str, FlagValueType] = {"cap": str(cap), "spend": str(statement.spend_usd), "action": action}
    metadata = {"reason_code": SPEND_CAP if exceeded else None, "config_version_id": document.config_version_id}
    return Value(not exceeded, action if exceeded else "none", cap, told, metadata)


def _thresholds(document: Document, statement: Statement) -> Value:
    reached = {name: unit.reached for name, unit in statement.units.items() if unit.reached}
    highest = max((percent for percents in reached.values() for percent in percents), default=Decimal(0))
    actions = [item.action for item in document.rails.thresholds if item.percent <= highest and reached]
    told: dict[str, FlagValueType] = {
        name: [str(percent) for percent in percents] for name, percents in reached.items()
    }
    metadata = {
        "reason_code": THRESHOLD if reached else None,
        "threshold": highest if reached else None,
        "config_version_id": document.config_version_id,
    }
    return Value(not reached, max(actions, key=lambda name: SEVERITY[name], default="none"), highest, told, metadata)


RAILS = {"monthly_spend_cap_usd": _spend_cap, "usage_thresholds": _thresholds}


def _number(flag_key: str, found: Value) -> Decimal:
    if found.number is None:
        raise TypeMismatchError(f"{flag_key!r} has no number: no pool of the config names it.")
    return found.number
