"""For how long apps may go on with what they have: what an exchange of keys has to wait for."""

from datetime import timedelta

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.runtime_config import RuntimeConfig
from rules.delivery import USUAL
from simulation.canonical import JsonObject, parse_exact


def longest_staleness(session: AnySession) -> timedelta:
    """The longest `max_staleness_seconds` of the documents that are active or announced; a day where none is."""
    documents = session.scalars(sa.select(RuntimeConfig.document).where(RuntimeConfig.current))
    seconds = (_longest(parse_exact(content)) for content in documents)
    return timedelta(seconds=max(seconds, default=USUAL["max_staleness_seconds"]))


def _longest(document: JsonObject) -> int:
    delivery = document["governance"]["delivery"]
    own: int = delivery["max_staleness_seconds"]
    return max(own, _longest(delivery["next"]["document"])) if delivery["next"] else own
