"""Everything under `/api`, in the order in which the documentation shows it."""

from functools import cache

from flask import Flask

from api import (
    approve,
    billing,
    catalogs,
    config_parts,
    configs,
    cycle_draft_contexts,
    cycles,
    decisions,
    docs,
    enforcement_events,
    evidence,
    runtime,
    simulations,
    usage_events,
    value_unit_snapshots,
    value_units,
    workspaces,
)
from api.blueprint import Operation, make_blueprint
from api.schemas.common import Document
from api.spec import openapi

MODULES = (
    workspaces,
    cycle_draft_contexts,
    cycles,
    value_units,
    value_unit_snapshots,
    configs,
    config_parts,
    simulations,
    approve,
    decisions,
    evidence,
    runtime,
    enforcement_events,
    usage_events,
    billing,
    catalogs,
    docs,
)
OPERATIONS: tuple[Operation, ...] = tuple(operation for module in MODULES for operation in module.OPERATIONS)


def register(app: Flask) -> None:
    """Put the API and its documentation on the application."""
    blueprint = make_blueprint(OPERATIONS)
    docs.add_pages(blueprint)
    app.register_blueprint(blueprint)
    app.extensions[docs.EXTENSION] = document


@cache
def document() -> Document:
    """The OpenAPI document, made when somebody first asks."""
    return openapi(OPERATIONS)
