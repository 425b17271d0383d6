"""/api/runtime/config: the active avs_config of a subject, the bytes that were built at activation (spec 5 and 6)."""

from api.blueprint import operation
from api.resource import Answer, writing
from api.schemas.runtime import AVS_CONFIG, SubjectQuery
from app.clock import now
from app.errors import NotFound
from app.models.base import db
from app.services import activation, runtime

TAG = "Runtime"


@operation(
    "GET",
    "/runtime/config",
    tag=TAG,
    summary="The active config of a subject",
    query=SubjectQuery(),
    answers={200: AVS_CONFIG},
    problems=(404,),
    conditional=True,
)
def get_runtime_config(query: dict[str, str]) -> Answer:
    """For the customer app to cache and enforce without calling again; the ETag is the digest of the bytes.

    A config whose effective_at has come is promoted first. Cached copies must be revalidated, which costs a 304.
    """
    found = runtime.read(db.session, query, now=now())
    if found.something_due and activation.something_is_due(db.session, now=now(), subject=query):
        with writing() as session:
            activation.activate_due(session, now=now(), subject=query)
        found = runtime.read(db.session, query, now=now())
    if found.document is None:
        raise NotFound(
            f"Nothing is active for {', '.join(query.values())}: approve a config for it first.",
            code="no_active_config",
        )
    return Answer(found.document, etag=found.digest)


OPERATIONS = (get_runtime_config,)
