"""The vocabulary of the columnar rendering: types, exact literals and the columns of the events table.

Only constructs that DuckDB, PostgreSQL and Spark share. Quantities are DECIMAL(38, 12); factors are whole numbers, for
engines disagree about the scale of a product of two fractions.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import add, or_
from typing import Any

import ibis

from simulation.numbers import EXACT, PLACES

Table = Any  # an ibis table expression; ibis itself is not typed strictly enough to gain from naming it
Column = Any
Row = dict[str, Any]  # cells as Python values; each question knows the types of the columns that it asked for
Keep = Callable[[Table], Table]
Fetch = Callable[[Table], list[Row]]

EXACT_TYPE = f"decimal(38,{PLACES})"
INDEX_TYPE = "int8"


def quantity(value: Decimal) -> Column:
    """An exact literal with at most 12 decimal places."""
    return ibis.literal(value, type=EXACT_TYPE)


ZERO = quantity(Decimal(0))


def moment(value: datetime) -> Column:
    """A literal UTC instant, to the microsecond; the events' ts carries no time zone."""
    return ibis.literal(value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")).cast("timestamp(6)")


def times(column: Column, factor: int) -> Column:
    """An exact quantity times a whole number ≥ 0; the narrowed type leaves engines room for every digit.

    `simulation.tally.check_magnitude` has made sure that the quantity fits and that the factor has 18 digits at most.
    """
    if not factor:
        return ZERO
    digits = len(str(factor))
    narrowed = column.cast(f"decimal({37 - digits},{PLACES})")
    product = narrowed * ibis.literal(Decimal(factor), type=f"decimal({digits},0)")
    return product.cast(EXACT_TYPE)


def between(column: Column, upper: Column) -> Column:
    """The column cut to 0 … upper."""
    return ibis.greatest(ibis.least(column, upper), ZERO)


def plus(columns: Iterable[Column]) -> Column:
    """The sum of quantities; an exact 0 when there is none."""
    return reduce(add, columns, ZERO)


def any_of(conditions: Sequence[Column]) -> Column:
    """Whether any of the conditions holds; false when there is none."""
    return reduce(or_, conditions) if conditions else ibis.literal(False)


def truth(condition: Column) -> Column:
    """A condition as 1 or 0, so that it can be summed; unknown is 0."""
    return condition.ifelse(1, 0)


def per_period(period: Column, values: Sequence[Column]) -> Column:
    """The value that belongs to the row's period; `values` has one per period, oldest first."""
    branches = [(period == index, value) for index, value in enumerate(values[:-1])]
    return ibis.cases(*branches, else_=values[-1]) if branches else values[-1]


@dataclass(frozen=True)
class Scale:
    """USD as whole multiples of 10**-places, so that a price is a whole factor and no product rounds."""

    places: int

    def factor(self, usd: Decimal) -> int:
        """A price in USD as the whole number to multiply a quantity with."""
        return int(EXACT.scaleb(usd, self.places))

    def amount(self, usd: Decimal) -> Column:
        """An amount of USD as a scaled literal; at most 12 decimal places, whatever the scale."""
        return quantity(EXACT.quantize(EXACT.scaleb(usd, self.places), Decimal(1).scaleb(-PLACES)))

    def usd(self, scaled: Decimal | None) -> Decimal:
        """USD of a scaled amount that an engine gave back; 0 for null, the sum of no rows."""
        return EXACT.scaleb(scaled or Decimal(0), -self.places)


@dataclass(frozen=True)
class Events:
    """The events of one workspace as columns, in one segment or in all, up to as_of.

    A dimension's text is in `d_<name>`, its exact number in `n_<name>`; a column that the table lacks is null.
    """

    table: Table
    workspace_id: str

    def text(self, name: str) -> Column:
        """The text of a dimension, or of one of the base fields that may be named like one."""
        if name == "workspace_id":
            return ibis.literal(self.workspace_id)
        if name in ("customer_id", "segment"):
            return self.table[name]
        return self._column(f"d_{name}", "string")

    def number(self, name: str) -> Column:
        """The exact number that a dimension's text is, null if it is none; the base fields never are."""
        if name in ("workspace_id", "customer_id", "segment"):
            return ibis.null(EXACT_TYPE)
        return self._column(f"n_{name}", EXACT_TYPE)

    def _column(self, name: str, kind: str) -> Column:
        return self.table[name] if name in self.table.columns else ibis.null(kind)
