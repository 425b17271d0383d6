"""What failures are told as, whichever door tells them, and which door an address belongs to (spec 6)."""

from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from app.errors import AvsError, Conflict
from app.unavailable import refusal_of_failure

API = "/api"
TOLD = (HTTPException, Exception)
"""The kinds of exceptions that may be told as refusals; what is none is told as InternalServerError, 500."""
SERIALISATION_FAILURES = frozenset({"40001", "40P01"})


def is_api(path: str) -> bool:
    """Whether the address belongs to the API, where refusals are problem documents; elsewhere they are pages."""
    return path == API or path.startswith(f"{API}/")


def refusal_of(error: Exception) -> AvsError | HTTPException:
    """The refusal that an exception is told as; raises the exception again where it is a fault of the product."""
    if isinstance(error, (AvsError, HTTPException)):
        return error
    if isinstance(error, IntegrityError) or _is_serialisation_failure(error):
        return Conflict("Another request wrote the same record first: read and try again.", "concurrent_write")
    if (refusal := refusal_of_failure(error)) is not None:
        return refusal
    raise error


def _is_serialisation_failure(error: Exception) -> bool:
    """Whether PostgreSQL ended one of two transactions that wait for each other."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in SERIALISATION_FAILURES
