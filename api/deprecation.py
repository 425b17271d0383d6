"""How an operation says in its own answers that it is to go (RFC 9745 and RFC 8594; docs/api.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from werkzeug.http import http_date

ANNOUNCED_FOR = timedelta(days=365)
"""How long at least lies between the announcement and the end."""


@dataclass(frozen=True)
class Deprecation:
    """Since when an operation should not be used, from when on it may be gone, and where it says what to do instead.

    Both moments are aware; ValueError when they are closer than `ANNOUNCED_FOR`.
    """

    since: datetime
    sunset: datetime
    instead: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < ANNOUNCED_FOR:
            raise ValueError(
                f"What goes is announced {ANNOUNCED_FOR.days} days before, not {self.sunset - self.since}."
            )

    def headers(self) -> Mapping[str, str]:
        """The headers of every answer of the operation."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": http_date(self.sunset),
            "Link": f'<{self.instead}>; rel="deprecation"',
        }
