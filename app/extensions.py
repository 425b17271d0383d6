"""What the composition root hands to requests and commands besides the database."""

from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from app.services.usage.source import UsageEvents
from app.services.usage_ingest import PolicyCache

KEY = "avs"


@dataclass(frozen=True)
class Extensions:
    """One per application."""

    usage_events: UsageEvents
    usage_policies: PolicyCache = field(default_factory=PolicyCache)


def _extensions() -> Extensions:
    return cast(Extensions, current_app.extensions[KEY])


def usage_events() -> UsageEvents:
    """The usage events of the running application."""
    return _extensions().usage_events


def usage_policies() -> PolicyCache:
    """Its memory of what the catalogs allow."""
    return _extensions().usage_policies
