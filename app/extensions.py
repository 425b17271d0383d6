"""What the composition root hands to requests and commands besides the database."""

from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from app.services.signing import KeyStore
from app.services.usage.source import UsageEvents
from app.services.usage_ingest import PolicyCache

KEY = "avs"


@dataclass(frozen=True)
class Extensions:
    """One per application."""

    usage_events: UsageEvents
    signing_keys: KeyStore
    usage_policies: PolicyCache = field(default_factory=PolicyCache)


def _extensions() -> Extensions:
    return cast(Extensions, current_app.extensions[KEY])


def usage_events() -> UsageEvents:
    """The usage events of the running application."""
    return _extensions().usage_events


def usage_policies() -> PolicyCache:
    """Its memory of what the catalogs allow."""
    return _extensions().usage_policies


def signing_keys() -> KeyStore:
    """What its runtime configs are signed with."""
    return _extensions().signing_keys
