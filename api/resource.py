"""What views answer with and how they write: ETags, If-Match, Idempotency-Key, pages (spec 6 and 2).

Reads use `db.session`. Writes go through `writing()` (one transaction, committed when the block ends) or, for creating
POSTs, through `once(build)`, which adds Idempotency-Key to the same transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import Request, Response, request, url_for
from sqlalchemy.orm import class_mapper

from api.parsing import parse_json
from app.clock import now
from app.errors import AvsError, FieldError, Invalid, PreconditionFailed
from app.models.base import AnySession, Model, db
from app.models.product_event import IdempotencyKey
from app.models.transactions import lock_subject, write
from app.services.lookup import get
from simulation.canonical import Json, canonical_bytes, content_hash

Row = TypeVar("Row", bound=Model)

COMPUTED = frozenset({"completeness", "dataset_change", "referenced_in"})
"""Members of a document that follow from other records."""


@dataclass(frozen=True)
class Answer:
    """A status, the bytes of the body and its headers; `etag` without quotation marks."""

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None

    def response(self, incoming: Request) -> Response:
        """The HTTP response; a read whose ETag the client holds already is a 304 without a body."""
        response = Response(self.content, self.status, self.headers, content_type="application/json")
        if not self.content:
            response.headers.pop("Content-Type", None)
        if self.etag is not None:
            response.set_etag(self.etag)
            response.cache_control.no_cache = True
            if incoming.method in ("GET", "HEAD") and incoming.if_none_match.contains_weak(self.etag):
                response.status_code = 304
                response.set_data(b"")
        return response


def plain(document: Json, status: int = 200) -> Answer:
    """Canonical JSON without an ETag."""
    return Answer(canonical_bytes(document), status)


def tagged(document: Mapping[str, Json]) -> Answer:
    """A single record with its strong ETag."""
    return Answer(canonical_bytes(document), etag=etag_of(document))


def created(view_name: str, document: Mapping[str, Json], **parts: str) -> Answer:
    """201 with the Location that the named view answers at, and the record's ETag."""
    location = url_for(f"api.{view_name}", **dict[str, Any](parts))
    return Answer(canonical_bytes(document), 201, {"Location": location}, etag_of(document))


def deleted() -> Answer:
    return Answer(status=204)


def etag_of(document: Mapping[str, Json]) -> str:
    """The strong ETag: SHA-256 of the record's own fields, and of what was computed with them where anything was.

    A read compares all of it, so a 304 never hides new findings; If-Match compares the first part, so a finding that
    another record caused is no conflict.
    """
    computed = {name: value for name, value in document.items() if name in COMPUTED}
    return own_tag(document) + (f"-{content_hash(computed)}" if computed else "")


def own_tag(document: Mapping[str, Json]) -> str:
    """SHA-256 of the record's own fields in canonical JSON."""
    return content_hash({name: value for name, value in document.items() if name not in COMPUTED})


@contextmanager
def writing() -> Iterator[AnySession]:
    """One writing transaction; gives the session, commits at the end, leaves nothing behind on an error."""
    with write(db.session):
        yield db.session


def locked(session: AnySession, model: type[Row], identifier: str, kind: str) -> Row:
    """The row, kept from other writers until the transaction ends, or 404.

    On PostgreSQL a row lock makes the check of If-Match and the write that follows one step; on SQLite `writing`
    holds the only write lock already. The lock comes first, in a statement of its own: a statement that waits for a row
    goes on with the old rows of the tables that it joins. Rows that merely refer to this one do not wait. Configs have
    their own lock, `app.services.configs.lookup.locked`.
    """
    key = class_mapper(model).primary_key[0]
    session.execute(sa.select(key).where(key == identifier).with_for_update(key_share=True))
    row: Row = get(session, model, identifier, kind)
    return row


def require_match(document: Mapping[str, Json]) -> None:
    """Obey If-Match: 412 when the record is not as the client last read it. Call it inside `writing()`."""
    expected = request.if_match
    if "If-Match" not in request.headers or expected.star_tag:
        return
    if own_tag(document) not in {tag.partition("-")[0] for tag in expected.as_set() if tag}:
        raise PreconditionFailed(
            "Another operator changed this since you read it: read it again and repeat your change.",
            code="changed_by_another_operator",
        )


def once(build: Callable[[AnySession], Answer]) -> Answer:
    """Run `build(session)` in one writing transaction, at most once per Idempotency-Key of this operation.

    The same key with the same request gives the stored answer; with another request 422 `idempotency_key_reused`. The
    key is stored in the transaction of the write itself, so a crash leaves both or neither, and refusals store nothing.
    """
    key = idempotency_key()
    with writing() as session:
        if key is None:
            return build(session)
        lock_subject(session, ("idempotency", _operation(), key))
        stored = stored_answer(session, key)
        if stored is not None:
            return stored
        answer = build(session)
        session.add(_kept(key, answer))
        return answer


def idempotency_key() -> str | None:
    """The Idempotency-Key of the request, 1 to 200 printable ASCII characters, None when absent."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 200 and key.isascii() and key.isprintable()):
        error = FieldError("Idempotency-Key", "Must be 1 to 200 printable ASCII characters.")
        raise AvsError(f"Idempotency-Key: {error.detail}", code="bad_header", errors=[error])
    return key


def stored_answer(session: AnySession, key: str | None) -> Answer | None:
    """What was answered to this request under this key before; for views that work long before they write."""
    stored = session.get(IdempotencyKey, (_operation(), key)) if key else None
    if stored is None:
        return None
    if stored.request_hash != _request_hash():
        raise Invalid(
            "This Idempotency-Key was used for another request: use a new key for a new request.",
            code="idempotency_key_reused",
        )
    headers = dict(stored.headers)
    etag = headers.pop("ETag", None)
    return Answer(stored.body, stored.status_code, headers, etag)


def _kept(key: str, answer: Answer) -> IdempotencyKey:
    return IdempotencyKey(
        endpoint=_operation(),
        key=key,
        request_hash=_request_hash(),
        status_code=answer.status,
        headers=dict(answer.headers) | ({"ETag": answer.etag} if answer.etag else {}),
        body=answer.content,
        created_at=now(),
    )


def _operation() -> str:
    return str(request.endpoint)


def _request_hash() -> str:
    """Of the full path and the JSON value, so that another spelling of the same JSON is the same request."""
    body = request.get_data()
    return content_hash([request.full_path, parse_json(body) if body else None])
