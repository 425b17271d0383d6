"""Limits of what an address may carry (`simulation.edges`), for every door of the server."""

from flask import Flask, request

from app.errors import AvsError
from simulation.edges import MAX_PARAMETERS, MAX_QUERY_CHARACTERS


class AddressTooLong(AvsError):
    status = 414
    title = "Address too long"


def require_short_addresses(app: Flask) -> None:
    """Refuse a query string beyond the limits before anything reads it."""
    app.before_request(_check)


def _check() -> None:
    query = request.query_string
    if len(query) > MAX_QUERY_CHARACTERS:
        raise AddressTooLong(
            f"The address has more than {MAX_QUERY_CHARACTERS:,} characters after its question mark: ask for less.",
            code="address_too_long",
        )
    if query.count(b"&") >= MAX_PARAMETERS:
        raise AddressTooLong(
            f"The address has more than {MAX_PARAMETERS} parameters: ask for less.", code="address_too_long"
        )
