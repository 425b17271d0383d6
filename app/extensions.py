"""What the composition root hands to requests and commands besides the database."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from flask import current_app

from app import clock
from app.models.base import db
from app.outages import Outages
from app.readiness import Readiness
from app.services.decisions import runtime_config
from app.services.delivery.signing import KeyStore
from app.services.uploads.store import Uploads
from app.services.usage.ingest import PolicyCache
from app.services.usage.store import UsageEvents
from app.services.viewing import Viewing

if TYPE_CHECKING:
    from app.services.delivery.publisher import Publisher

KEY = "avs"


@dataclass(frozen=True)
class Extensions:
    """One per application."""

    usage_events: UsageEvents
    signing_keys: KeyStore
    viewing: Viewing
    publisher: "Publisher | None" = None
    usage_policies: PolicyCache = field(default_factory=PolicyCache)
    readiness: Readiness = field(default_factory=lambda: Readiness({}))
    outages: Outages = field(default_factory=lambda: Outages(lambda _store: True))


def _extensions() -> Extensions:
    return cast(Extensions, current_app.extensions[KEY])


def usage_events() -> UsageEvents:
    """The usage events of the running application."""
    return _extensions().usage_events


def usage_policies() -> PolicyCache:
    """Its memory of what the catalogs allow."""
    return _extensions().usage_policies


def readiness() -> Readiness:
    """Whether each thing that it needs is there."""
    return _extensions().readiness


def outages() -> Outages:
    """What it tells the log of stores in trouble."""
    return _extensions().outages


def viewing() -> Viewing:
    """What its operators viewed."""
    return _extensions().viewing


def start_viewing() -> None:
    """In a serving process: write in the background what operators viewed."""
    viewing().start()


def signing_keys() -> KeyStore:
    """What its runtime configs are signed with."""
    return _extensions().signing_keys


def publisher() -> "Publisher | None":
    """What publishes its runtime configs; None without AVS_PUBLISH_URL."""
    return _extensions().publisher


def publisher_to(url: str) -> "Publisher":
    """One that publishes the same to another place."""
    return publishing_to(url, signing_keys(), db.engine, current_app.config["DATA_DIR"])


def publishing_to(url: str, keys: KeyStore, engine: sa.Engine, data_dir: Path) -> "Publisher":
    """A publisher of what is active in a database, signed with these keys, to the folder or bucket at `url`."""
    from app.services.delivery.object_store import PublishStore  # late: fsspec is for those who publish
    from app.services.delivery.publisher import Publisher

    return Publisher(PublishStore(url), keys, engine, data_dir, clock.now)


def publish_committed(session: Any) -> None:
    """After every commit: what has become active in it is published, whichever door it came through."""
    subjects, found = runtime_config.take_new_documents(session), publisher()
    if subjects and found is not None:
        found.soon(subjects)


def start_publishing() -> None:
    """In a serving process: publish in the background, and mend what a crash or an outage left undone."""
    found = publisher()
    if found is not None:
        found.start()


def computing() -> Path:
    """The folder where the simulations under way have their locks."""
    folder: Path = current_app.config["DATA_DIR"] / "computing"
    return folder


def uploads() -> Uploads:
    """The files that operators uploaded and have not imported yet."""
    return Uploads(current_app.config["DATA_DIR"] / "uploads")
