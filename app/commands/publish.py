"""`avs publish`: write every active config, signed, to a folder or an object store; `--check` compares them."""

from typing import Any

import click

from app.commands.command import as_json, command, show
from app.errors import Invalid
from app.extensions import publisher, publisher_to
from app.models.base import db
from app.models.config_version import SUBJECT_FIELDS
from app.services.delivery.publish_check import Difference, differences
from app.services.delivery.publisher import Publisher
from app.services.delivery.publishing import PublishResult, Subject, demo_subjects


@command()
@click.option(
    "--to", "url", metavar="URL", help="Where to, if not AVS_PUBLISH_URL: file:///srv/avs, s3://bucket/avs, …"
)
@click.option("--check", is_flag=True, help="Change nothing; exit status 1 when anything differs.")
@as_json
def publish(url: str | None, check: bool, as_json: bool) -> None:
    """Publish every active config, or check what is published; exit status 1 when something is missing or differs.

    Configs of the demo are left out.
    """
    chosen = _chosen(url)
    of_demo = demo_subjects(db.session)
    if check:
        found = differences(db.session, chosen.store, chosen.keys.ring())
        document: Any = {"differences": [_difference(one) for one in found]}
        lines = [f"{one.where}: {one.detail}" for one in found] or ["Everything active is published as it is served."]
        failed = bool(found)
    else:
        done = chosen.everything()
        document = {"subjects": [_published(one) for one in done], "demo_subjects": list(map(_named, of_demo))}
        lines = list(map(_line, done)) or ["Nothing is active."]
        failed = any(one.detail for one in done)
    lines += [f"{', '.join(subject)}: of the demo, never published." for subject in of_demo]
    show(document, as_json, lines)
    if failed:
        raise SystemExit(1)


def keys_changed() -> None:
    """Publish the key set and every signature anew, when AVS_PUBLISH_URL is set."""
    found = publisher()
    if found is not None:
        found.keys_changed()


def _chosen(url: str | None) -> Publisher:
    found = publisher() if url is None else publisher_to(url)
    if found is None:
        raise Invalid("Nowhere to publish to: set AVS_PUBLISH_URL, or give --to URL.", code="publish_url_missing")
    return found


def _line(one: PublishResult) -> str:
    subject = ", ".join(one.subject)
    if one.detail or one.pointer is None:
        return f"{subject}: {one.outcome.replace('_', ' ')}: {one.detail}"
    return f"{subject}: {one.outcome}: {one.pointer.config_version_id}, sequence {one.pointer.sequence}"


def _named(subject: Subject) -> dict[str, str]:
    return dict(zip(SUBJECT_FIELDS, subject, strict=True))


def _published(one: PublishResult) -> dict[str, Any]:
    pointer = one.pointer
    return {
        "subject_resolution": _named(one.subject),
        "outcome": one.outcome.value,
        "config_version_id": pointer and pointer.config_version_id,
        "sequence": pointer and pointer.sequence,
        "digest": pointer and pointer.digest,
        "detail": one.detail or None,
    }


def _difference(one: Difference) -> dict[str, str]:
    return {"where": one.where, "code": one.code, "detail": one.detail}
