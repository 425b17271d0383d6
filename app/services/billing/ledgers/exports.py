"""Read the records of a ledger's export by kind: lists as its API answers them, or a rendering of ours."""

from collections.abc import Iterator, Mapping

from app.errors import FieldError, Invalid, invalid, invalid_field
from app.services.billing.ledgers.reading import Fields, member
from app.services.billing.ledgers.rendering import Ledger
from simulation.canonical import Json

LIST_MEMBERS = ("data", "items")


def records_of(ledger: Ledger, export: Json) -> dict[str, list[Fields]]:
    """The exported records by resource, in the order listed.

    The export is an object with a member per resource that the ledger lists: the API's answer, a list of its pages, or
    the records themselves. A rendering for the same ledger is read as what it would create. Raises Invalid (422) for
    anything else and for a list that has further pages, because what is on them would look missing.
    """
    if not isinstance(export, Mapping):
        raise Invalid(_expected(ledger), code="invalid_input", errors=[FieldError("", "Must be a JSON object.")])
    if export.get("ledger") == ledger.name and isinstance(export.get("records"), list):
        return _of_rendering(ledger, export["records"])
    if absent := [name for name in ledger.listed if name not in export]:
        raise invalid(
            *(FieldError(f"/{name}", f"There is no {name!r}. {_expected(ledger)}", "required") for name in absent)
        )
    of_plans = [name for name in ledger.listed_with_plans if name in export]
    return {name: list(_listed(name, export[name])) for name in (*ledger.listed, *of_plans)}


def _expected(ledger: Ledger) -> str:
    members = ", ".join(ledger.listed)
    plans = f" With a price plan also {', '.join(ledger.listed_with_plans)}." if ledger.listed_with_plans else ""
    return f"An export of {ledger.title} is a JSON object with {members}: each the list that the API answers.{plans}"


def _of_rendering(ledger: Ledger, records: list[Json]) -> dict[str, list[Fields]]:
    bodies = [(member(record, "resource"), member(record, "body")) for record in records]
    return {
        name: [body for resource, body in bodies if resource == name and isinstance(body, Mapping)]
        for name in (*ledger.listed, *ledger.listed_with_plans)
    }


def _listed(name: str, value: Json) -> Iterator[Fields]:
    """The records of all pages; Invalid (422) when the last page says that another follows."""
    pages = value if isinstance(value, list) and any(_is_page(name, item) for item in value) else [value]
    count, last = 0, None
    for page in pages:
        for record in _records(name, page):
            if not isinstance(record, Mapping):
                raise invalid_field(f"/{name}", f"{name} holds something that is no record: {str(record)[:40]!r}.")
            count += 1
            yield record
        last = page
    if _has_further_page(last, count):
        raise invalid_field(f"/{name}", f"The list of {name} has further pages: export all of them.")


def _is_page(name: str, value: Json) -> bool:
    return isinstance(value, Mapping) and any(isinstance(value.get(key), list) for key in (*LIST_MEMBERS, name))


def _records(name: str, page: Json) -> list[Json]:
    if isinstance(page, list):
        return page
    for key in (*LIST_MEMBERS, name):
        if isinstance(listed := member(page, key), list):
            return listed
    raise invalid_field(f"/{name}", f"{name} is no list and no answer with one.")


def _has_further_page(page: Json, count: int) -> bool:
    """Whether the last page says that another follows, in any of the ledgers' ways; `count` records came so far."""
    total = member(page, "totalCount")
    return bool(
        member(page, "has_more")
        or member(page, "next_page")
        or member(page, "pagination_metadata", "has_more")
        or member(page, "meta", "next_page")
        or (isinstance(total, int) and total > count)
    )
