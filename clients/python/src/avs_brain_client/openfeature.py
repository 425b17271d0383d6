"""An OpenFeature provider: units, pools and rails as flags. Needs the extra `avs-brain-client[openfeature]`.

The targeting key is the customer_id. Every flag can be asked for as several types:

| flag | boolean | string | number | object |
|---|---|---|---|---|
| `unit.<value_unit_id>` | may go on | action, or "none" | allowance left | the whole decision |
| `pool.<pool_id>` | has something left | "open" or "empty" | what is left | available, drawn, remaining |
| `rail.monthly_spend_cap_usd` | not exceeded | its action, or "none" | the cap in USD | cap, spend, action |
| `rail.usage_thresholds` | none reached | severest action, or "none" | highest percentage | percentages by unit |

`unit` flags decide about the context attribute `quantity` (1 when there is none). Numbers are for showing: an
OpenFeature float is not exact, the decisions behind it are.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import (
    FlagNotFoundError,
    InvalidContextError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from avs_brain_client.client import Client
from avs_brain_client.document import Document
from avs_brain_client.numbers import unscaled
from avs_brain_client.rules import SEVERITY
from avs_brain_client.statement import Statement

Object = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class Value(NamedTuple):
    """One flag as every type that it can be asked for; `number` None: it has none."""

    truth: bool
    text: str
    number: Decimal | None
    document: Mapping[str, FlagValueType]
    reason: Reason


class AvsProvider(AbstractProvider):
    """Answers from a client, in process. The client's life is yours: start it before, close it after."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def get_metadata(self) -> Metadata:
        return Metadata(name="avs-brain-client")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        found = self._value(flag_key, evaluation_context)
        return FlagResolutionDetails(value=found.truth, reason=found.reason)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        found = self._value(flag_key, evaluation_context)
        return FlagResolutionDetails(value=found.text, reason=found.reason)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Whole units: what is left of one that has begun does not count."""
        found = self._value(flag_key, evaluation_context)
        return FlagResolutionDetails(value=int(_number(flag_key, found)), reason=found.reason)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        found = self._value(flag_key, evaluation_context)
        return FlagResolutionDetails(value=float(_number(flag_key, found)), reason=found.reason)

    def resolve_object_details(
        self, flag_key: str, default_value: Object, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Object]:
        found = self._value(flag_key, evaluation_context)
        return FlagResolutionDetails(value=found.document, reason=found.reason)

    def _value(self, flag_key: str, context: EvaluationContext | None) -> Value:
        if context is None or not context.targeting_key:
            raise TargetingKeyMissingError("The targeting key is the customer_id: without it there is no decision.")
        kind, _, name = flag_key.partition(".")
        if kind == "unit":
            return self._unit(context.targeting_key, name, context)
        document = self._client.document
        if document is None:
            raise ProviderNotReadyError("There is no config yet.")
        if kind == "pool":
            return self._pool(document, context.targeting_key, name)
        if kind == "rail" and name in RAILS:
            return RAILS[name](document, self._client.usage(context.targeting_key), self._reason())
        rails = ", ".join(f"rail.{name}" for name in RAILS)
        raise FlagNotFoundError(f"{flag_key!r} is none of unit.<id>, pool.<id>, {rails}.")

    def _unit(self, customer_id: str, name: str, context: EvaluationContext) -> Value:
        quantity = context.attributes.get("quantity", 1)
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
        return Value(found.allow, found.action or "none", found.remaining, document, self._reason())

    def _pool(self, document: Document, customer_id: str, name: str) -> Value:
        uses = [use for unit in self._client.usage(customer_id).units.values() for use in unit.pools]
        use = next((use for use in uses if use.pool_id == name), None)
        if use is None:
            raise FlagNotFoundError(f"Config {document.config_version_id} has no pool {name!r}.")
        left = use.available - use.drawn
        numbers = {"available": use.available, "drawn": use.drawn, "remaining": left}
        texts: dict[str, FlagValueType] = {key: str(number) for key, number in numbers.items()}
        return Value(left > 0, "open" if left > 0 else "empty", left, texts, self._reason())

    def _reason(self) -> Reason:
        return Reason.TARGETING_MATCH if self._client.state == "fresh" else Reason.STALE


def _spend_cap(document: Document, statement: Statement, reason: Reason) -> Value:
    if document.rails.spend_cap is None:
        raise FlagNotFoundError(f"Config {document.config_version_id} has no spend cap.")
    cap, action = unscaled(document.rails.spend_cap), document.rails.at_cap_action or "none"
    exceeded = statement.spend_usd > cap
    told: dict[str, FlagValueType] = {"cap": str(cap), "spend": str(statement.spend_usd), "action": action}
    return Value(not exceeded, action if exceeded else "none", cap, told, reason)


def _thresholds(document: Document, statement: Statement, reason: Reason) -> Value:
    reached = {name: unit.reached for name, unit in statement.units.items() if unit.reached}
    highest = max((percent for percents in reached.values() for percent in percents), default=Decimal(0))
    actions = [item.action for item in document.rails.thresholds if item.percent <= highest and reached]
    told: dict[str, FlagValueType] = {
        name: [str(percent) for percent in percents] for name, percents in reached.items()
    }
    return Value(not reached, max(actions, key=lambda name: SEVERITY[name], default="none"), highest, told, reason)


RAILS = {"monthly_spend_cap_usd": _spend_cap, "usage_thresholds": _thresholds}


def _number(flag_key: str, found: Value) -> Decimal:
    if found.number is None:
        raise TypeMismatchError(f"{flag_key!r} has no number: no pool of the config names it.")
    return found.number
