"""What a batch of events has where numbers are expected and no number is: said at every door (spec 4.1).

Numbers are expected in the fields that the workspace's units sum, and in those of which most values of an event type
are numbers, or are meant as such. The events are accepted; a sum adds 0 for such a value.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.fields import Summed, UsageWarning
from app.services.usage.notation import ANOTHER_WAY, kind_of
from app.services.usage.numbers import number_column

EXAMPLES = 3
MAX_EXAMPLE_LENGTH = 100


def warnings_of(events: pa.RecordBatch, summed: Summed) -> list[UsageWarning]:
    """The warnings about one batch by event type, field and code.

    An `n_` column (`parquet.with_numbers`) spares the reading of its `d_` column.
    """
    names = sorted(name[2:] for name in events.schema.names if name.startswith("d_"))
    return sorted(_each(events, names, summed), key=lambda warning: (warning.event_type, warning.field, warning.code))


def merged(warnings: Iterable[UsageWarning]) -> list[UsageWarning]:
    """The warnings of several batches as those of one, in order; the first examples stay."""
    together: dict[tuple[str, str, str], UsageWarning] = {}
    for warning in warnings:
        key = warning.event_type, warning.field, warning.code
        together[key] = together[key].and_also(warning) if key in together else warning
    return [together[key] for key in sorted(together)]


def _each(events: pa.RecordBatch, names: Iterable[str], summed: Summed) -> Iterator[UsageWarning]:
    fields = {field for _, field in summed}
    for name in names:
        texts, types = events[f"d_{name}"], events["event_type"]
        wrong = _unread(texts, events[f"n_{name}"] if f"n_{name}" in events.schema.names else None, name in fields)
        if wrong is None:
            continue
        present = _counts(types.filter(texts.is_valid()))
        for event_type, count in sorted(_counts(types.filter(wrong)).items()):
            unread = texts.filter(pc.and_(wrong, pc.equal(types, event_type)))
            units = summed.get((event_type, name), ())
            if units or _mostly_numbers(present[event_type], count, unread):
                yield from _by_kind(event_type, name, unread, units)


def _unread(texts: pa.Array, numbers: pa.Array | None, is_summed: bool) -> pa.Array | None:
    """Which texts are no numbers; None where that warns of nothing.

    Most fields are numbers alone or words alone, which a look at each different text tells.
    """
    if numbers is not None:
        return pc.and_(texts.is_valid(), numbers.is_null()) if numbers.null_count > texts.null_count else None
    encoded = texts.dictionary_encode()
    different = number_column(encoded.dictionary)
    if different is None:  # no number among them
        alike = is_summed or pc.any(pc.match_substring_regex(encoded.dictionary, ANOTHER_WAY)).as_py()
        return texts.is_valid() if alike else None
    return different.is_null().take(encoded.indices).fill_null(False) if different.null_count else None


def _counts(column: pa.Array) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(column).to_pylist()}


def _mostly_numbers(present: int, unread: int, texts: pa.Array) -> bool:
    """Whether more than half of the values are numbers, or written as numbers are written elsewhere."""
    alike = pc.sum(pc.match_substring_regex(texts, ANOTHER_WAY)).as_py()
    return bool((present - unread + alike) * 2 > present)


def _by_kind(event_type: str, name: str, texts: pa.Array, units: tuple[str, ...]) -> Iterator[UsageWarning]:
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for text, count in _counts(texts).items():
        code = kind_of(text) or "value_not_a_number"
        counts[code] += count
        if len(listed := examples.setdefault(code, [])) < EXAMPLES:
            listed.append(text[:MAX_EXAMPLE_LENGTH])
    for code, count in counts.items():
        yield UsageWarning(code, event_type, name, count, tuple(examples[code]), units)
