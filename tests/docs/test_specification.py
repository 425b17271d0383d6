"""The specification says what the code says: enums, rule codes, routes, outputs and events."""

import re
from enum import StrEnum

from admin_views.register import SCREENS
from api.register import OPERATIONS
from app.models.base import Model
from app.services.decisions.runtime_config import AVS_VERSION
from app.services.product_events import PRODUCT_EVENTS
from rules import delivery, enums
from rules.drift import VERDICTS
from rules.registry import CODES
from tests.docs.pages import SPECIFICATION, rows_beneath, section_of, text_of

PAGE = text_of(SPECIFICATION)
DOCUMENTED_ELSEWHERE = {"/setup/data-mode/uploads/{upload_id}"}
"""Screens that the specification names beside the screen that they belong to."""


UNLISTED_TABLES = {"IdempotencyKey", "Installation"}
"""Answers that are kept for repeated requests: no record of the domain."""
SHAPED = {
    "unit_economics": {
        "avg_cost_per_unit_usd",
        "target_price_per_unit_usd",
        "target_margin",
        "economics_confidence",
    },
    "rollover": {"rollover_enabled", "max_rollover_quantity", "rollover_expires_after_days"},
}
"""Embedded shape → the columns that it has in the database."""


def entity_fields(cell: str) -> set[str]:
    """The names in a cell such as `cycle_id?, documents[], status: written when …`."""
    names = re.findall(r"([a-z_]+)(?:\[[^\]]*\])?\??(?:,|:| \(|$)", cell.split(":")[0])
    return set().union(*(SHAPED.get(name, {name}) for name in names))


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def with_braces(route: str) -> str:
    """`/cycles/<cycle_id>` as documents write it."""
    return route.replace("<", "{").replace(">", "}")


def test_every_entity_and_catalog_has_the_fields_of_its_table() -> None:
    rows = rows_beneath(PAGE, "| entity | id prefix | fields |") + rows_beneath(PAGE, "| catalog | key | fields |")
    part_of_a_config = {"ExplorationRule", "RailRule"}
    written = {
        name: entity_fields(fields) | ({"config_version_id"} if name in part_of_a_config else set())
        for name, _, fields in rows
    }
    tables = {mapper.class_.__name__: set(mapper.columns.keys()) for mapper in Model.registry.mappers}
    assert written == {name: columns for name, columns in tables.items() if name not in UNLISTED_TABLES}


def test_every_closed_list_has_its_values_in_their_order() -> None:
    defined = {
        snake_case(name): [member.value for member in value]
        for name, value in vars(enums).items()
        if isinstance(value, type) and issubclass(value, StrEnum) and value is not StrEnum
    }
    written = {name: values.split(", ") for name, values in rows_beneath(PAGE, "| enum | values |")}
    assert written == defined


def test_every_rule_has_its_row_in_the_order_of_the_findings() -> None:
    assert tuple(code for code, _ in rows_beneath(section_of(PAGE, "3. "), "| code | fires when |")) == CODES


def test_every_operation_of_the_api_has_its_row() -> None:
    written = {
        (method, path)
        for row in rows_beneath(section_of(PAGE, "6. "), "| method and path | does |")
        for methods, path in re.findall(
            r"((?:GET|POST|PUT|PATCH|DELETE)(?:, (?:GET|POST|PUT|PATCH|DELETE))*) (/api/[^;, ]+)", row[0]
        )
        for method in methods.split(", ")
    }
    assert written == {(operation.method, f"/api{with_braces(operation.path)}") for operation in OPERATIONS}


def test_every_screen_has_its_row() -> None:
    section = section_of(PAGE, "7. ")
    written = {row[1] for row in rows_beneath(section, "| flow | route | the operator decides | essentials |")}
    routes = {with_braces(screen.route) for screen in SCREENS}
    assert written == routes - DOCUMENTED_ELSEWHERE
    assert all(route in section for route in DOCUMENTED_ELSEWHERE & routes)


def test_every_product_event_is_named_in_order() -> None:
    named = re.findall(r"[a-z]+(?:_[a-z]+)+", section_of(PAGE, "Product events"))
    assert tuple(named[: len(PRODUCT_EVENTS)]) == PRODUCT_EVENTS


def test_every_verdict_of_the_evidence_is_named() -> None:
    assert all(f"`{verdict}`" in section_of(PAGE, "Evidence") for verdict in VERDICTS)


def test_the_delivery_policy_has_its_usual_values() -> None:
    usual = {row[0].strip("`"): row[2] for row in rows_beneath(section_of(PAGE, "5. "), "| member | meaning | usual |")}
    assert usual["max_staleness_seconds"] == f"{delivery.USUAL['max_staleness_seconds']:,}"
    assert usual["fail.stale"] == delivery.USUAL["fail"]["stale"]
    assert {rail: usual[f"on_expired.{rail}"] for rail in delivery.RAILS} == dict(delivery.USUAL["on_expired"])


def test_the_document_of_the_apps_has_its_version() -> None:
    assert f'"avs_version": "{AVS_VERSION}"' in section_of(PAGE, "5. ")
