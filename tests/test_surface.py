"""The whole HTTP surface: what the specification promises is there, all of it is guarded, and no form can write."""

import re

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app.identity import OPEN_ENDPOINTS
from tests.present import present

READ = {"GET"}
CRUD_ALL, CRUD_ONE = {"GET", "POST"}, {"GET", "PATCH", "DELETE"}
PART = {"GET", "PUT", "PATCH"}
PROMISED = {
    "/api/openapi.json": READ,
    "/api/docs": READ,
    "/api/runtime/config": READ,
    "/api/runtime/stream": READ,
    "/api/runtime/keys": READ,
    "/api/schemas/avs_config.json": READ,
    "/api/enforcement-events": {"GET", "POST"},
    "/api/usage-events": {"POST"},
    "/api/usage-events/withdraw": {"POST"},
    "/api/usage-imports": READ,
    "/api/usage-imports/{}": READ,
    "/api/usage-imports/{}/undo": {"POST"},
    "/api/workspaces": CRUD_ALL,
    "/api/workspaces/{}": CRUD_ONE,
    "/api/cycles": CRUD_ALL,
    "/api/cycles/{}": CRUD_ONE,
    "/api/cycle-draft-contexts": CRUD_ALL,
    "/api/cycle-draft-contexts/{}": CRUD_ONE,
    "/api/cycle-draft-contexts/{}/take-out": {"POST"},
    "/api/value-units": CRUD_ALL,
    "/api/value-units/{}": CRUD_ONE,
    "/api/value-unit-snapshots": {"GET", "POST"},
    "/api/value-unit-snapshots/{}": READ,
    "/api/configs": CRUD_ALL,
    "/api/configs/{}": CRUD_ONE,
    "/api/configs/{}/pools": CRUD_ALL,
    "/api/configs/{}/pools/{}": CRUD_ONE,
    "/api/configs/{}/price-plan": PART | {"DELETE"},
    "/api/configs/{}/exploration": PART,
    "/api/configs/{}/rails": PART,
    "/api/configs/{}/rollback": {"POST"},
    "/api/configs/{}/reschedule": {"POST"},
    "/api/configs/{}/withdraw": {"POST"},
    "/api/catalogs/events": CRUD_ALL,
    "/api/catalogs/metrics": CRUD_ALL,
    "/api/catalogs/quality-signals": CRUD_ALL,
    "/api/catalogs/segments": CRUD_ALL,
    "/api/catalogs/customers": CRUD_ALL,
    "/api/catalogs/events/{}": {"GET", "DELETE"},
    "/api/catalogs/metrics/{}": {"GET", "DELETE"},
    "/api/catalogs/quality-signals/{}": {"GET", "DELETE"},
    "/api/catalogs/segments/{}": {"GET", "DELETE"},
    "/api/catalogs/customers/{}": {"GET", "DELETE"},
    "/api/simulations": {"GET", "POST"},
    "/api/simulations/{}": READ,
    "/api/approve": {"POST"},
    "/api/decision-records": READ,
    "/api/decision-records/{}": READ,
    "/api/decision-records/compare": READ,
    "/api/decision-records/{}/evidence": READ,
    "/api/decision-records/{}/evidence/events": READ,
    "/api/decision-records/{}/fork": {"POST"},
    "/api/export/billing-patch": {"POST"},
    "/api/billing-patch/{}": READ,
    "/api/billing-patch/{}/drift": {"POST"},
}
ALSO_THERE = {"/api/collection.json", "/api/problems/{}", "/api/docs/start.js", "/api/docs/assets/{}"}
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")


def methods_by_path(app: Flask) -> dict[str, set[str]]:
    """Path with its parts as `{}` → the methods that some route under /api has for it."""
    found: dict[str, set[str]] = {}
    for rule in api_rules(app):
        path = re.sub(r"<[^>]+>", "{}", rule.rule)
        found.setdefault(path, set()).update(present(rule.methods) - {"HEAD", "OPTIONS"})
    return found


def api_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]


def address(rule: Rule) -> str:
    return re.sub(r"<[^>]+>", "x", rule.rule)


def test_the_api_has_the_routes_that_are_promised_and_no_others(sqlite_app: Flask) -> None:
    found = methods_by_path(sqlite_app)
    assert {path: methods for path, methods in found.items() if path not in ALSO_THERE} == PROMISED


def test_every_route_wants_the_token_where_one_is_set(sqlite_app: Flask) -> None:
    sqlite_app.config["API_TOKEN"] = "s3cret"
    client = sqlite_app.test_client()
    for rule in sqlite_app.url_map.iter_rules():
        if rule.endpoint in OPEN_ENDPOINTS:
            continue
        for method in present(rule.methods):
            assert client.open(address(rule), method=method).status_code == 401, f"{method} {rule.rule} is open"


@pytest.mark.parametrize("content_type", FORM_TYPES)
def test_no_form_of_another_site_can_write_through_the_api(sqlite_app: Flask, content_type: str) -> None:
    client = sqlite_app.test_client()
    for rule in api_rules(sqlite_app):
        for method in present(rule.methods) & {"POST", "PUT", "PATCH"}:
            response = client.open(address(rule), method=method, data=b"a=b", content_type=content_type)
            assert response.status_code == 415, f"{method} {rule.rule} reads {content_type}"
