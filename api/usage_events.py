"""/api/usage-events: historical usage for simulations, in batches (spec 6). Nothing here meters live traffic."""

from collections.abc import Sequence

from flask import request

from api.blueprint import operation
from api.pagination import decode_cursor, encode_cursor
from api.resource import Answer, plain
from api.schemas import usage as schemas
from api.schemas.common import Document, Parsed, page_of
from app.errors import Invalid
from app.extensions import usage_events, usage_policies
from app.identity import acting
from app.models.base import db
from app.models.usage import UsageImport
from app.services.usage import undoing
from app.services.usage.ingest import Body, ingest
from app.services.usage.store import Receipt
from app.services.usage.undoing import Incoming

TAG = "Usage events"
ORDER = (UsageImport.created_at, UsageImport.usage_import_id)


@operation(
    "POST",
    "/usage-events",
    tag=TAG,
    summary="Send usage events",
    query=schemas.UsageQuery(),
    raw_body=schemas.BODIES,
    answers={202: schemas.UsageReceipt},
    telling={422: schemas.UsageProblem},
)
def send_usage_events(query: Parsed) -> Answer:
    """JSON, NDJSON, CSV or CloudEvents 1.0, told by the content; packed with gzip or not. What fits is stored, what
    does not is reported; an event_id counts once. A body in which nothing is an event is refused with 422, whose
    problem has the same counts and rejects; what is an event and has a value that does not fit is in the receipt.

    Sending a batch again is harmless, so retry whenever the answer was lost. A CloudEvent is told by its source and id
    together. An event whose id is stored with other content is a conflict: it is reported and not stored, or takes the
    place of the stored one with `on_conflict=replace`.

    Look at `warnings`: values that are no number where one is expected are stored, and a sum adds 0 for them.
    """
    body = Body(request.get_data(), request.content_type or "", query.get("workspace_id"), query.get("preset"))
    replaces = query["on_conflict"] == schemas.REPLACE
    receipt = ingest(db.session, usage_events().store, usage_policies(), body, replaces=replaces, **acting())
    document = _receipt(receipt)
    if receipt.rejected and not receipt.taken and all(reject.is_no_event for reject in receipt.rejects):
        first = receipt.rejects[0]
        detail = f"No event was taken, {receipt.rejected:,} rejected. Row {first.row}: {first.reason}."
        raise Invalid(detail, code="usage_events_rejected", extra=document)
    return plain(document, 202)


def _receipt(receipt: Receipt) -> Document:
    return {
        "usage_import_id": receipt.usage_import_id,
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "conflicts": len(receipt.conflicts),
        "replaced": sum(receipt.replaced.values()),
        "rejected": receipt.rejected,
        "rejects": [reject.as_dict() for reject in receipt.rejects[: schemas.MAX_REJECTS]],
        "conflicting": [conflict.as_dict() for conflict in receipt.conflicts[: schemas.MAX_REJECTS]],
        "warnings": [warning.as_dict(receipt.usage_import_id) for warning in receipt.warnings],
        "left_out": dict(sorted(receipt.left_out.items())[: schemas.MAX_LEFT_OUT]),
    }


@operation(
    "POST",
    "/usage-events/withdraw",
    tag=TAG,
    summary="Withdraw usage events",
    body=schemas.WithdrawalBody(),
    answers={200: schemas.WithdrawalReceipt},
    problems=(404,),
)
def withdraw_usage_events(body: Parsed) -> Answer:
    """Take events out by their ids. They stop counting at once, and may be sent again. Harmless when repeated."""
    gone = undoing.withdraw(db.session, usage_events().store, body["workspace_id"], body["event_ids"], **acting())
    return plain({"withdrawn": len(gone.event_ids), "not_stored": list(gone.not_stored)})


@operation(
    "GET",
    "/usage-imports",
    tag=TAG,
    summary="List usage imports",
    query=schemas.UsageImportQuery(),
    answers={200: page_of(schemas.UsageImport)},
)
def list_usage_imports(query: Parsed) -> Answer:
    """The files and HTTP batches that brought usage events, newest first. A batch that stored nothing is not kept."""
    before = decode_cursor(query["cursor"], ORDER) if "cursor" in query else None
    place = None if before is None else (before[0], before[1])
    store, limit = usage_events().store, query["limit"]
    rows = undoing.incoming(db.session, store, query["workspace_id"], limit + 1, place)
    following = encode_cursor(rows[limit - 1].place) if len(rows) > limit else None
    return plain({"items": [_document(row) for row in rows[:limit]], "next_cursor": following})


@operation(
    "GET",
    "/usage-imports/<usage_import_id>",
    tag=TAG,
    summary="Read a usage import",
    answers={200: schemas.UsageImportParts},
)
def get_usage_import(usage_import_id: str) -> Answer:
    """One file or batch, with a part for each workspace that it brought events to."""
    return _parts(usage_import_id, undoing.incoming_of(db.session, usage_events().store, usage_import_id))


@operation(
    "POST",
    "/usage-imports/<usage_import_id>/undo",
    tag=TAG,
    summary="Undo a usage import",
    body=schemas.UndoBody(),
    answers={200: schemas.UsageImportParts},
)
def undo_usage_import(usage_import_id: str, body: Parsed) -> Answer:
    """Take out all that a file or batch stored and that still counts; its events may be sent again.

    Harmless when repeated. What came before events knew their import has the state `without_origin` and stays: withdraw
    its events by their ids.
    """
    rows = undoing.undo(db.session, usage_events().store, usage_import_id, **acting())
    return _parts(usage_import_id, rows)


def _parts(usage_import_id: str, rows: Sequence[Incoming]) -> Answer:
    return plain({"usage_import_id": usage_import_id, "parts": [_document(row) for row in rows]})


def _document(row: Incoming) -> Document:
    return schemas.UsageImport().document(row)


OPERATIONS = (
    send_usage_events,
    withdraw_usage_events,
    list_usage_imports,
    get_usage_import,
    undo_usage_import,
)
