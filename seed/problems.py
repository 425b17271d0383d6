"""Problems of the seed files: each names file, row and field, and all are reported at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.errors import Invalid


@dataclass(frozen=True, order=True)
class SeedProblem:
    """A bad place: `row` counts from 1, 0 means the file as a whole; `field` is a path such as `pools[0].label`."""

    file: str
    row: int
    field: str
    message: str

    def __str__(self) -> str:
        place = " ".join(filter(None, [self.file, f"row {self.row}" if self.row else "", self.field]))
        return f"{place}: {self.message}"


class SeedError(Invalid):
    """The seed was refused and nothing was written; `problems` are in file, row and field order, a line each."""

    def __init__(self, problems: Iterable[SeedProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)), code="seed_invalid")


Messages = Mapping[str | int, "Messages"] | list[str]
"""marshmallow's messages: a list of texts, or more messages by field name or index."""


def field_problems(file: str, row: int, errors: Messages) -> Iterable[SeedProblem]:
    """marshmallow's nested messages of one row, flattened."""
    for path, message in _flat("", errors):
        yield SeedProblem(file, row, path, message)


def _flat(path: str, errors: Messages) -> Iterable[tuple[str, str]]:
    if isinstance(errors, Mapping):
        for key, inner in errors.items():
            yield from _flat(_joined(path, key), inner)
    else:
        for message in errors:
            yield path, message


def _joined(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if key == "_schema":
        return path
    return f"{path}.{key}" if path else str(key)
