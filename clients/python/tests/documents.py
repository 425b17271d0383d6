"""Configs for the tests, as AVS Brain delivers them."""

from collections.abc import Mapping
from typing import Any, TypedDict


class Subject(TypedDict):
    """Whose config it is, as `Client` takes it."""

    workspace_id: str
    segment: str
    stage: str
    target_environment: str


SUBJECT: Subject = {"workspace_id": "ws_1", "segment": "smb", "stage": "learning", "target_environment": "production"}
UNIT, EXPORT = "vu_minute", "vu_export"
NO_EXPLORATION = {"enabled": False, "qualifying_events": [], "expires_after_days": None, "graduation_signal": None}
NO_RAILS: dict[str, Any] = {
    "usage_thresholds": [],
    "monthly_spend_cap_usd": None,
    "at_cap_action": None,
    "margin_floor": None,
}
STAGE_THRESHOLDS = [
    {"percent": 70, "action": "warn"},
    {"percent": 90, "action": "throttle"},
    {"percent": 100, "action": "block"},
]


def unit(name: str = UNIT, price: Any = 1, **mapping: Any) -> dict[str, Any]:
    event_mapping = {
        "event_type": "render",
        "filters": {},
        "aggregation": {"type": "sum", "field": "minutes"},
        **mapping,
    }
    economics = {"avg_cost_per_unit_usd": 0, "target_price_per_unit_usd": price}
    return {"value_unit_id": name, "name": name, "event_mapping": event_mapping, "unit_economics": economics}


def pool(name: str = "pool_core", included: Any = 10, behavior: str = "allow_overage", **more: Any) -> dict[str, Any]:
    return {
        "pool_id": name,
        "label": name,
        "value_unit_id": UNIT,
        "included_quantity": included,
        "rollover": {"enabled": False},
        "overage_behavior": behavior,
        "is_exploration_pool": False,
        **more,
    }


def rails(**given: Any) -> dict[str, Any]:
    return {**NO_RAILS, **given}


def document(
    version: str = "cfg_1",
    *,
    units: list[Any] | None = None,
    pools: list[Any] | None = None,
    exploration: Mapping[str, Any] = NO_EXPLORATION,
    rails: Mapping[str, Any] = NO_RAILS,
    sequence: int = 1,
    **delivery: Any,
) -> dict[str, Any]:
    return {
        "avs_version": "v2.0",
        "config_version_id": version,
        "subject_resolution": SUBJECT,
        "value_units": units if units is not None else [unit()],
        "pools": pools if pools is not None else [pool()],
        "exploration": exploration,
        "rails": rails,
        "governance": {"delivery": {"max_staleness_seconds": 10**8, "sequence": sequence, "next": None, **delivery}},
    }
