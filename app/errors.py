"""Refusals: each has a stable code, an HTTP status and a sentence that names the record and the fix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rules.finding import Finding
from simulation.canonical import JsonObject


@dataclass(frozen=True)
class FieldError:
    """A bad field: a JSON pointer into the request and what to change."""

    pointer: str
    detail: str
    code: str = "invalid"

    def as_dict(self) -> dict[str, str]:
        return {"pointer": self.pointer, "detail": self.detail, "code": self.code}


@dataclass
class AvsError(Exception):
    """Base of the refusals; raised by services and rendered as RFC 9457 problem details by the API."""

    detail: str
    code: str = "bad_request"
    errors: Sequence[FieldError] = ()
    findings: Sequence[Finding] = ()
    extra: JsonObject = field(default_factory=dict)

    status = 400
    title = "Bad request"

    def __str__(self) -> str:
        return self.detail


class NotFound(AvsError):
    status = 404
    title = "Not found"


class Invalid(AvsError):
    status = 422
    title = "Invalid input"


class Conflict(AvsError):
    status = 409
    title = "Conflict"


class PreconditionFailed(AvsError):
    status = 412
    title = "Changed by another operator"


class Unauthorized(AvsError):
    status = 401
    title = "Not signed in"


class BadSetting(AvsError):
    """The refusal to start with a setting that cannot be meant; the detail names it and what it may be."""

    status = 500
    title = "Bad setting"


def not_found(kind: str, identifier: str) -> NotFound:
    return NotFound(f"There is no {kind} {identifier!r}.", code="not_found")


def invalid(*errors: FieldError) -> Invalid:
    """The refusal of input, 422, that names every bad field at once."""
    return Invalid("; ".join(error.detail for error in errors), code="invalid_input", errors=errors)


def invalid_field(pointer: str, detail: str, code: str = "invalid") -> Invalid:
    return invalid(FieldError(pointer, detail, code))


def refused(what: str, findings: Iterable[Finding]) -> Conflict:
    """The refusal of a gate, 409: its sentence leads with the first finding, all of them are attached."""
    findings = tuple(findings)
    return Conflict(f"{what}: {findings[0].message}", code=findings[0].code, findings=findings)


def config_immutable(name: str, status: str) -> Conflict:
    """The refusal of an edit of the config of this name, 409, once it was decided on."""
    return Conflict(
        f"Config {name} is {status} and therefore immutable: fork it to change anything.",
        code="config_immutable",
    )
