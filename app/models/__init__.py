"""The tables, a module per aggregate; importing the package registers all of them."""

from app.models import (
    billing_patch,
    catalog,
    config_version,
    cycle,
    decision_record,
    enforcement,
    installation,
    product_event,
    runtime_config,
    simulation_run,
    usage,
    value_unit,
    workspace,
)

__all__ = [
    "billing_patch",
    "catalog",
    "config_version",
    "cycle",
    "decision_record",
    "enforcement",
    "installation",
    "product_event",
    "runtime_config",
    "simulation_run",
    "usage",
    "value_unit",
    "workspace",
]
