"""The explicit mapping from editable grids to the authoring services that the API calls too.

A service takes `(session, *key, data, actor=, now=)` to update, `(session, *key, actor=, now=)` to delete and
`(session, data, actor=, now=)` to create; it raises `app.errors` and never commits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.services.authoring import config_parts, contexts, cycles, value_units, workspaces
from app.services.authoring import configs as config_drafts
from app.services.configs.editing import editable

Service = Callable[..., Any]


@dataclass(frozen=True)
class EditableGrid:
    """What a form offers and which service each of its buttons calls; a missing service means no button.

    `fixed` fields are asked for at creation and then never again; `config_key` names the column that holds the config
    whose immutability decides whether the row may still change.
    """

    fixed: tuple[str, ...]
    fields: tuple[str, ...]
    update: Service
    create: Service | None = None
    delete: Service | None = None
    config_key: str | None = None

    def require_editable(self, session: Any, row: Any) -> None:
        """Raise the 409 `config_immutable` when the row belongs to a decided config."""
        if self.config_key is not None:
            editable(session, getattr(row, self.config_key))


def _add_pool(session: Any, data: dict[str, Any], **who: Any) -> Any:
    fields: Any = dict(data)
    return config_parts.add_pool(session, fields.pop("config_version_id"), fields, **who)


WORKSPACE = EditableGrid(
    fixed=("workspace_id",),
    fields=("workspace_name", "operator_role", "data_mode"),
    create=workspaces.create_workspace,
    update=workspaces.update_workspace,
    delete=workspaces.delete_workspace,
)
CYCLE = EditableGrid(
    fixed=("cycle_id", "workspace_id"),
    fields=(
        "cycle_name",
        "cycle_type",
        "period_length_days",
        "start_date",
        "end_date",
        "status",
        "goal_type",
        "primary_metrics",
        "segments",
        "narrative",
    ),
    create=cycles.create_cycle,
    update=cycles.update_cycle,
    delete=cycles.delete_cycle,
)
CONTEXT = EditableGrid(
    fixed=("cycle_draft_context_id", "workspace_id"),
    fields=("cycle_id", "skipped", "pasted_text", "documents", "extracted_cards", "open_questions"),
    create=contexts.create_context,
    update=contexts.update_context,
    delete=contexts.delete_context,
)
VALUE_UNIT = EditableGrid(
    fixed=("value_unit_id", "cycle_id"),
    fields=(
        "name",
        "unit_type",
        "event_mapping",
        "outcome_statement",
        "metrics_intent",
        "quality_signal_source",
        "quality_note",
        "avg_cost_per_unit_usd",
        "target_price_per_unit_usd",
        "target_margin",
        "economics_confidence",
    ),
    create=value_units.create_value_unit,
    update=value_units.update_value_unit,
    delete=value_units.delete_value_unit,
)
CONFIG = EditableGrid(
    fixed=("config_version_id", "workspace_id", "cycle_id", "segment", "stage", "target_environment"),
    fields=("value_unit_snapshot_version", "baseline_config_version_id", "price_book_ref", "metric_lenses"),
    create=config_drafts.create_config,
    update=config_drafts.update_config,
    delete=config_drafts.delete_config,
    config_key="config_version_id",
)
POOL = EditableGrid(
    fixed=("config_version_id", "pool_id"),
    fields=(
        "label",
        "value_unit_id",
        "included_quantity",
        "overage_behavior",
        "rollover_enabled",
        "max_rollover_quantity",
        "rollover_expires_after_days",
        "is_exploration_pool",
        "position",
    ),
    create=_add_pool,
    update=config_parts.update_pool,
    delete=config_parts.delete_pool,
    config_key="config_version_id",
)
EXPLORATION = EditableGrid(
    fixed=(),
    fields=("enabled", "exploration_pool_id", "qualifying_events", "expires_after_days", "graduation_signal"),
    update=config_parts.put_exploration,
    config_key="config_version_id",
)
RAILS = EditableGrid(
    fixed=(),
    fields=("usage_thresholds", "monthly_spend_cap_usd", "at_cap_action", "margin_floor", "absolute_usage_caps"),
    update=config_parts.put_rails,
    config_key="config_version_id",
)
