"""The editable grids: which fields each form offers, and which authoring service, shared with the API, saves them.

A service takes `(session, *key, data, actor=, now=)` to update, `(session, *key, actor=, now=)` to delete and
`(session, data, actor=, now=)` to create; it raises `app.errors` and never commits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.actor import Actor
from app.models.base import AnySession, Model
from app.models.config_version import Pool
from app.services.authoring import config_parts, contexts, cycles, value_units, workspaces
from app.services.authoring.configs import create_config, delete_config, update_config
from app.services.configs.editing import editable
from simulation.canonical import Json, JsonObject


@dataclass(frozen=True)
class EditableGrid:
    """The fields of a grid's forms and the service that each of its buttons calls; without a service no button.

    `fixed` fields are in the form for a new row alone; `config_key` names the column with the id of the config whose
    status decides whether the row may still change.
    """

    fixed: tuple[str, ...]
    fields: tuple[str, ...]
    update: Callable[..., object]
    create: Callable[..., Model] | None = None
    delete: Callable[..., None] | None = None
    config_key: str | None = None

    def require_editable(self, session: AnySession, row: Model) -> None:
        """Raise the 409 `config_immutable` when the row belongs to a decided config."""
        if self.config_key is not None:
            editable(session, getattr(row, self.config_key))


def _add_pool(session: AnySession, data: JsonObject, *, actor: Actor, now: datetime) -> Pool:
    """Add a pool to the config that the form names, which the service takes as an argument of its own."""
    fields: Json = dict(data)
    return config_parts.add_pool(session, fields.pop("config_version_id"), fields, actor=actor, now=now)


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
    fields=(
        "config_name",
        "value_unit_snapshot_version",
        "baseline_config_version_id",
        "price_book_ref",
        "metric_lenses",
    ),
    create=create_config,
    update=update_config,
    delete=delete_config,
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
