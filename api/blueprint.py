"""How a route of `/api` is made: declared once, beside the function that answers it (spec 6).

A resource is one module with views and an explicit tuple of them; `api/register.py` lists the modules::

    @operation("GET", "/workspaces/<workspace_id>", tag=TAG, summary="Read a workspace",
               answers={200: schemas.Workspace}, conditional=True)
    def get_workspace(workspace_id):
        return tagged(document(get(db.session, Workspace, workspace_id, "workspace")))

    @operation("POST", "/workspaces", tag=TAG, summary="Create a workspace", body=schemas.WorkspaceBody(),
               answers={201: schemas.Workspace}, problems=(409,), idempotent=True)
    def create_workspace(body):
        def build(session):
            row = workspaces.create_workspace(session, body, **acting())
            return created("get_workspace", document(row), workspace_id=row.workspace_id)
        return once(build)

    @operation("GET", "/workspaces", tag=TAG, summary="List workspaces", query=WorkspaceQuery(),
               answers={200: page_of(schemas.Workspace)})
    def list_workspaces(query):
        return page(sa.select(Workspace), NEWEST, query, document)

    OPERATIONS = (list_workspaces, create_workspace, get_workspace)

The view receives the path's parts, `query` when a query schema is declared and `body` when a body schema is; all are
checked before it runs. It returns an `Answer` (`api/resource.py` makes them) and raises `app.errors`. The OpenAPI
document is made from the same declarations, so what is not declared is neither parsed nor published.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from marshmallow import Schema
from werkzeug.routing import BaseConverter

from api.deprecation import Deprecation
from api.parsing import load_body, load_query, read_json, require_type
from api.resource import Answer
from api.schemas.common import Document, Parsed
from app.errors import NotFound
from rules.ids import is_given_id, is_own_id

GIVEN_PARTS = frozenset({"customer_id", "event_type", "metric_id", "segment_id", "signal_id"})
"""The last parts of paths that are keys of catalogs: whatever a catalog holds can be read and deleted, `a/b` too."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method on one path, with everything that its documentation says.

    `answers` maps a status to its body's schema class or typed dictionary, or a JSON Schema, or None without a body.
    `problems` are the statuses of refusals beyond those that follow from the declaration (those that any request may
    meet, 404 with a path part, 409 of writes, 413/415/422 with a body, 412 when `conditional`). `conditional` reads
    answer If-None-Match with 304, `conditional` writes obey If-Match; `idempotent` POSTs obey Idempotency-Key.
    `raw_body` is for views that read `request` themselves: media type → JSON Schema. `media_type` is that of the
    answers with a body; `also_as` are media types that a 200 may have instead, each with its JSON Schema. `telling`:
    the schemas of refusals that say more than others, by status. `headers` and `answer_headers` are those that no other
    part of the declaration implies, by their names in `api/headers.py`. `deprecation` is there once the operation is to
    go.
    """

    method: str
    path: str
    view: Callable[..., Answer | Response]
    tag: str
    summary: str
    answers: Mapping[int, type | Document | None]
    query: Schema | None = None
    body: Schema | None = None
    raw_body: Mapping[str, Document | None] | None = None
    problems: tuple[int, ...] = ()
    telling: Mapping[int, type[Schema]] = field(default_factory=dict)
    conditional: bool = False
    idempotent: bool = False
    description: str = ""
    media_type: str = "application/json"
    also_as: Mapping[str, Document] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    answer_headers: tuple[str, ...] = ()
    deprecation: Deprecation | None = None

    @property
    def name(self) -> str:
        return self.view.__name__

    def __call__(self, **parts: str) -> Response:
        """Check the request, call the view, write its answer."""
        for name, identifier in parts.items():
            if not (is_given_id if name in GIVEN_PARTS else is_own_id)(identifier):
                raise NotFound(f"There is nothing called {identifier[:200]!r} here.", code="not_found")
        if self.raw_body is not None:
            require_type(request, self.raw_body)
        parsed: Parsed = dict(parts)
        query = load_query(self.query, request)
        if self.query is not None:
            parsed["query"] = query
        if self.body is not None:
            parsed["body"] = load_body(self.body, read_json(request))
        answer = self.view(**parsed)
        response = answer.response(request) if isinstance(answer, Answer) else answer
        if self.deprecation is not None:
            response.headers.update(self.deprecation.headers())
        return response


def operation(method: str, path: str, **declaration: Any) -> Callable[[Callable[..., Any]], Operation]:
    """Declare the decorated view; its name becomes the operationId and the endpoint."""

    def declare(view: Callable[..., Any]) -> Operation:
        text = " ".join((view.__doc__ or "").split())
        declared: dict[str, Any] = {"description": text} | declaration
        return Operation(method=method, path=path, view=view, **declared)

    return declare


def make_blueprint(operations: tuple[Operation, ...]) -> Blueprint:
    """A fresh `/api` blueprint with every operation on it; endpoints are `api.<view name>`."""
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    blueprint.record_once(_know_given_ids)
    for item in operations:
        blueprint.add_url_rule(_rule(item.path), item.name, item, methods=[item.method])
    return blueprint


class GivenIdConverter(BaseConverter):
    """The rest of a path as one id: servers hand `%2F` on as a slash, and an id may begin or end with one."""

    regex = ".+"
    part_isolating = False


def _know_given_ids(state: BlueprintSetupState) -> None:
    """Teach the app's routes the converter; two slashes in an id are two, so no path is mended by a redirect."""
    state.app.url_map.converters["given"] = GivenIdConverter
    state.app.url_map.merge_slashes = False


def _rule(path: str) -> str:
    """The path as Flask's rule."""
    for name in GIVEN_PARTS:
        path = path.replace(f"<{name}>", f"<given:{name}>")
    return path
