"""Refusals: each has a stable code, an HTTP status and a sentence that names the record and the fix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rules.finding import Finding
from simulation.canonical import Json, JsonObject

PROBLEM_TYPE = "application/problem+json"
PROBLEMS_PATH = "/api/problems/"


@dataclass(frozen=True)
class FieldError:
    """A bad field: a JSON pointer into the request and what to change."""

    pointer: str
    detail: str
    code: str = "invalid"

    def as_dict(self) -> dict[str, str]:
        return {"pointer": self.pointer, "detail": self.detail, "code": self.code}


def problem_of(status: int, title: str, detail: str, code: str) -> dict[str, Json]:
    """The members that the problem details of every refusal have."""
    return {"type": PROBLEMS_PATH + code, "title": title, "status": status, "detail": detail, "code": code}


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

    def as_problem(self) -> JsonObject:
        """Its problem details (RFC 9457): those of every refusal, and `errors` and `findings` where there are any."""
        lists: dict[str, list[Json]] = {
            "errors": [error.as_dict() for error in self.errors],
            "findings": [finding.as_dict() for finding in self.findings],
        }
        filled = {name: items for name, items in lists.items() if items}
        return self.extra | problem_of(self.status, self.title, self.detail, self.code) | filled


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


@dataclass
class Unavailable(AvsError):
    """The refusal of what needs a store that is in trouble; `app.unavailable` makes it. `store` names it in a word."""

    store: str = ""
    retry_after_seconds: int = 5

    status = 503
    title = "Not available now"


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
