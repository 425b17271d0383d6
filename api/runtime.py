"""/api/runtime: the active avs_config of a subject, signed, and the keys that verify it (spec 5 and 6).

The delivery plane answers these from memory and holds listeners open; this is the same service without it: `wait`
answers at once, and a stream ends after one event, which makes its readers come back.
"""

from flask import Response, request

from api.blueprint import operation
from api.resource import Answer, plain
from api.schemas.runtime import CONFIG_EVENTS, ConfigQuery, SubjectQuery
from api.shapes.delivered import AvsConfig, SigningKeySet
from app.clock import now
from app.errors import NotFound
from app.extensions import signing_keys
from app.models.base import db
from app.services.delivery.current import RETRY, Current, current, stream_event

TAG = "Runtime"


@operation(
    "GET",
    "/runtime/config",
    tag=TAG,
    summary="The active config of a subject",
    query=ConfigQuery(),
    answers={200: AvsConfig},
    problems=(404,),
    conditional=True,
    answer_headers=("AvsSignature", "AvsConfigVersionId"),
)
def get_runtime_config(query: dict[str, str]) -> Answer:
    """For the customer app to cache and enforce without calling again; the ETag is the digest of the bytes.

    A config whose effective_at has come is promoted first. Cached copies must be revalidated, which costs a 304; with
    `wait` and If-None-Match the 304 comes after so many seconds, or the next config as soon as it is active. The
    header AVS-Signature is a detached JWS (EdDSA) over the body.
    """
    delivered = _current(query)
    headers = {"AVS-Signature": delivered.signature, "AVS-Config-Version-Id": delivered.config_version_id}
    return Answer(delivered.document, etag=delivered.digest, headers=headers)


@operation(
    "GET",
    "/runtime/stream",
    tag=TAG,
    summary="The active config of a subject, and each one that follows",
    query=SubjectQuery(),
    answers={200: CONFIG_EVENTS},
    problems=(404,),
    media_type="text/event-stream",
    headers=("LastEventId",),
)
def stream_runtime_config(query: dict[str, str]) -> Response:
    """Server-sent events `config`: the id is the digest, the data `{etag, signature, document_b64}`.

    With Last-Event-ID the first event is the next config. Comments keep the line open.
    """
    delivered = _current(query)
    known = request.headers.get("Last-Event-ID") == delivered.digest
    return Response(RETRY if known else RETRY + stream_event(delivered), mimetype="text/event-stream")


@operation(
    "GET",
    "/runtime/keys",
    tag=TAG,
    summary="The public keys that signatures verify with",
    answers={200: SigningKeySet},
)
def list_signing_keys() -> Answer:
    """A JSON Web Key Set (RFC 7517). While keys rotate, the old ones stay in it."""
    return plain(signing_keys().ring().jwks())


def _current(query: dict[str, str]) -> Current:
    delivered, _ = current(db.session, query, signing_keys().ring(), now=now())
    if delivered is None:
        subject = ", ".join(value for name, value in query.items() if name != "wait")
        raise NotFound(f"Nothing is active for {subject}: approve a config for it first.", code="no_active_config")
    return delivered


OPERATIONS = (get_runtime_config, stream_runtime_config, list_signing_keys)
