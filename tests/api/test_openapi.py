"""The published document is valid, complete and true, and its page needs no other server."""

import re

from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from simulation.canonical import JsonObject
from tests.api.conftest import Api, published, resolved
from tests.present import present

NOT_THE_API_ITSELF = {"/api/docs", "/api/docs/start.js", "/api/docs/assets/<name>"}


def routes(app: Flask) -> set[tuple[str, str]]:
    """(method, published path) of every route under /api."""
    return {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.rule not in NOT_THE_API_ITSELF
        for method in present(rule.methods) - {"HEAD", "OPTIONS"}
    }


def operations() -> dict[tuple[str, str], JsonObject]:
    paths = published()["paths"]
    return {(method, path): item for path, methods in paths.items() for method, item in methods.items()}


def test_the_document_is_valid_openapi(sqlite_api: Api) -> None:
    assert sqlite_api.get("/api/openapi.json").json == published()
    OpenAPIV31SpecValidator(published()).validate()


def test_every_route_is_documented_and_every_documented_route_exists(sqlite_app: Flask) -> None:
    assert routes(sqlite_app) == set(operations())


def test_every_operation_says_who_it_is() -> None:
    names = [item["operationId"] for item in operations().values()]
    assert len(set(names)) == len(names)
    assert all(item["summary"] and item["tags"] for item in operations().values())


def test_every_refusal_is_documented_as_a_problem() -> None:
    for item in operations().values():
        for status, response in item["responses"].items():
            if status >= "400":
                assert list(resolved(response)["content"]) == ["application/problem+json"]


def test_request_schemas_refuse_what_they_do_not_know() -> None:
    schemas = published()["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    bodies = {name for name in schemas if "Body" in name}
    assert bodies - closed == {"EnforcementEventBody"}  # which is one of six types of events:
    assert {each["$ref"].rpartition("/")[2] for each in schemas["EnforcementEventBody"]["oneOf"]} <= closed


def test_the_page_and_its_assets_come_from_this_server(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    page = client.get("/api/docs")
    assert page.mimetype == "text/html"
    assert "script-src" not in page.headers["Content-Security-Policy"]  # so default-src 'self' holds for scripts
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)  # and the way back to the product
    assert len(assets) == 5
    for asset in assets:
        with client.get(asset) as response:
            assert response.status_code == 200
    assert "://" not in page.text


def test_only_the_packages_own_files_are_served(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    for name in ("..%2f__init__.py", "nothing.js", "..", "%2e%2e%2f__init__.py"):
        assert client.get(f"/api/docs/assets/{name}").status_code == 404
