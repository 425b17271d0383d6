"""What the composition root hands to requests and commands besides the database."""

from flask import current_app

from app.services.usage.source import UsageEvents

KEY = "avs.events"


def usage_events() -> UsageEvents:
    """The usage events of the running application."""
    events: UsageEvents = current_app.extensions[KEY]
    return events
