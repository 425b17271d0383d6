"""The values of the settings, and names that are none (docs/configuration.md)."""

import difflib
from collections.abc import Iterator

from app.checks.surroundings import Remark, Surroundings
from app.config import MIN_SECRET_LENGTH, SETTINGS, VIEWS_KEPT, days
from app.errors import BadSetting
from app.hosts import trusted_hosts
from app.limits import limits


def settings_can_be_meant(here: Surroundings) -> Iterator[Remark]:
    """Each value is one that its setting can have; an unknown `AVS_…` is named with the setting nearest to it."""
    yield from _token(here)
    yield from _secret(here)
    yield from _hosts(here)
    yield from _numbers(here)
    yield from _database(here)
    yield from map(_unknown, sorted(name for name in here.environ if name.startswith("AVS_") and name not in SETTINGS))


def _token(here: Surroundings) -> Iterator[Remark]:
    token = here.environ.get("AVS_API_TOKEN", "")
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        yield Remark("AVS_API_TOKEN has blanks or other characters that no header can carry: give printable ASCII.")


def _secret(here: Surroundings) -> Iterator[Remark]:
    secret = here.environ.get("AVS_SECRET_KEY", "")
    if secret and len(secret.strip()) < MIN_SECRET_LENGTH:
        yield Remark(f"AVS_SECRET_KEY can be guessed: give {MIN_SECRET_LENGTH} random characters or more, or unset it.")


def _hosts(here: Surroundings) -> Iterator[Remark]:
    try:
        trusted_hosts(here.environ)
    except BadSetting as error:
        yield Remark(error.detail)


def _numbers(here: Surroundings) -> Iterator[Remark]:
    try:
        limits(here.environ)
        days(here.environ, "AVS_KEEP_VIEWS_DAYS", VIEWS_KEPT)
    except BadSetting as error:
        yield Remark(error.detail)


def _database(here: Surroundings) -> Iterator[Remark]:
    scheme, separator, rest = here.database_url.partition("://")
    if not separator or scheme.partition("+")[0] not in ("sqlite", "postgresql"):
        yield Remark(
            "DATABASE_URL is no database that AVS Brain can use: give postgresql://… or sqlite:////a/whole/path."
        )
    elif scheme.startswith("sqlite") and rest.strip("/") in ("", ":memory:"):
        yield Remark("DATABASE_URL names no file, so that nothing would be kept: give sqlite:////a/whole/path.")


def _unknown(name: str) -> Remark:
    nearest = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.7)
    meant = f"is {nearest[0]} meant?" if nearest else "docs/configuration.md has them all."
    return Remark(f"{name} is no setting of AVS Brain and is not read: {meant}", stops=False)
