"""What the OpenAPI document says about the whole API: its contract, its servers and its subjects (spec 6)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from apispec import APISpec

from api.schemas.common import Document

TITLE = "AVS Brain"
DESCRIPTION = """\
The control plane for the economics of AI products: author a config, simulate it, approve it, and serve it to the \
customer app.

* **Requests are strict, answers may grow.** An unknown field of a request is an error that names it. An answer of the \
same version may gain fields, headers and problem codes at any time: clients ignore what they do not know. The closed \
lists (components with `enum`) do not grow within a version.
* **Versions.** `AVS-API-Version` is in every answer; a request may name the version that it was written for.
* **Numbers** are exact decimals written as JSON numbers; a client that reads them as doubles keeps 15 digits.
* **Times** \
are RFC 3339 in UTC.
* **Refusals** are RFC 9457 problem details; `code` is stable, and `type` leads to what it means.
* **Retries.** Reads can be repeated. A POST that creates takes an `Idempotency-Key`; events carry ids and count once. \
Answers of 503 say in `Retry-After` when to come again.
* **Request ids.** `X-Request-Id` is in every answer and in the server's log; one that is sent is taken over.
"""
SERVERS: Sequence[Document] = (
    {"url": "/", "description": "The server that this document came from."},
    {
        "url": "http://{host}:{port}",
        "description": "A server that you run yourself.",
        "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "5000"}},
    },
)
TAGS: Mapping[str, str] = MappingProxyType(
    {
        "Workspaces": "Whose decisions these are: one product, one team.",
        "Cycle draft contexts": "The documents and questions that a cycle is drafted from.",
        "Cycles": "What outcome, measured how, over which period.",
        "Value units": "What counts as value, what it costs and what it sells for.",
        "Value unit snapshots": "Value units frozen for good: what decided configs count.",
        "Configs": "Config versions while they are drafts, and what still holds each back.",
        "Config parts": "Pools, price plan, exploration and rails of a draft.",
        "Simulations": "What a candidate would have done to real usage.",
        "Decisions": "Approvals, the log of decisions, and what became of each.",
        "Runtime": "What customer apps enforce: the active config of a subject, signed.",
        "Enforcement events": "What the rails did in customer apps, reported back as evidence.",
        "Usage events": "The usage that simulations replay, and the imports that brought it.",
        "Billing": "What a billing system must know about a config, in its own words.",
        "Catalogs": "The vocabulary of events, metrics, signals, segments and customers.",
        "Documentation": "This document, and what each problem code means.",
    }
)
"""Tag → what its operations are about, in the order in which the documentation shows them."""


def describe_security(spec: APISpec) -> None:
    """How a client says who it is: with a token where the server sets one."""
    spec.components.security_scheme(
        "token", {"type": "http", "scheme": "bearer", "description": "AVS_API_TOKEN, where the server sets one."}
    )
    spec.components.security_scheme(
        "password", {"type": "http", "scheme": "basic", "description": "The same token as the password."}
    )
    spec.options["security"] = [{}, {"token": []}, {"password": []}]
