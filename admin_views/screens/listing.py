"""The filters, words, sort and page of the list screens, as their addresses carry them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import request

from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.services.guidance.lists import Listing, Page


def requested_listing(filters: Iterable[str], sort: str) -> Listing:
    """The list that the request's address describes: its filters, words, sort and page."""
    values = {name: request.args[name] for name in filters if request.args.get(name)}
    page = request.args.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
    return Listing(values, request.args.get("q", "")[:200].strip(), request.args.get("sort") or sort, number)


@dataclass(frozen=True)
class Links:
    """Addresses of a list with one part of its own address changed. `default` is the sort that addresses leave out."""

    route: str
    listing: Listing
    default: str

    def sorted_by(self, name: str) -> str:
        """The address sorted by this column; by its opposite direction when it is sorted by the column already."""
        return self._address(sort=f"-{name}" if self.listing.sort == name else name)

    def direction(self, name: str) -> str | None:
        """The column's aria-sort, None when the list is not sorted by it."""
        return {name: "ascending", f"-{name}": "descending"}.get(self.listing.sort)

    def without(self, name: str) -> str:
        """The address without one filter, or without the words (`q`)."""
        kept = {key: value for key, value in self.listing.filters.items() if key != name}
        return self._address(filters=kept, words="" if name == "q" else None)

    def page(self, number: int) -> str:
        """The address of another page."""
        return self._address(page=number)

    def _address(
        self,
        *,
        sort: str | None = None,
        filters: Mapping[str, str] | None = None,
        words: str | None = None,
        page: int = 1,
    ) -> str:
        query = dict(self.listing.filters if filters is None else filters)
        query["q"] = self.listing.words if words is None else words
        query["sort"] = sort or self.listing.sort
        query = {key: value for key, value in query.items() if value and (key, value) != ("sort", self.default)}
        if page > 1:
            query["page"] = str(page)
        return f"{self.route}?{urlencode(query)}" if query else self.route


def extent(page: Page[ConfigVersion] | Page[Cycle], rows: int) -> str:
    """The range of the rows on a page among all: `26–50 of 1,234`."""
    first = (page.number - 1) * rows + 1
    return f"{first:,}–{first + len(page.rows) - 1:,} of {page.total:,}" if page.rows else "0 of 0"
