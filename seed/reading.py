"""Reading the seed files: each row parsed exactly and held to its schema, every problem collected."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from seed.problems import SeedProblem, field_problems
from seed.schemas import FILES
from simulation.canonical import Json, JsonObject
from simulation.repeated_keys import parse_strict

Values = dict[str, Any]
"""The typed values of a row by field; the schema of its file says which there are."""


@dataclass(frozen=True)
class SeedRow:
    """A row that fits its schema: its file and number, its typed values, and the JSON object as written."""

    file: str
    number: int
    values: Values
    written: JsonObject

    def problem(self, field: str, message: str) -> SeedProblem:
        return SeedProblem(self.file, self.number, field, message)


@dataclass(frozen=True)
class SeedFiles:
    """The content of the files: the rows that fit their schemas, and all identifiers, those of bad rows included.

    A row that refers to a bad one is not wrong itself, so references are judged by `identifiers`; None where some of a
    file's cannot be known. `bad` are the files with any problem: a row that they lack may be a bad one.
    """

    rows: Mapping[str, Sequence[SeedRow]]
    identifiers: Mapping[str, frozenset[str] | None]
    bad: frozenset[str]

    def find(self, file: str, identifier: object) -> Values | None:
        """The values of the good row that has the identifier; None without one."""
        key = FILES[file][1][-1]
        return next((row.values for row in self.rows[file] if row.values[key] == identifier), None)


def read_files(directory: Path, names: Collection[str] = FILES) -> tuple[SeedFiles, list[SeedProblem]]:
    """The named files of a directory, the others as if they were empty, and everything that is wrong with them."""
    rows: dict[str, list[SeedRow]] = {file: [] for file in FILES}
    identifiers: dict[str, frozenset[str] | None] = dict.fromkeys(FILES, frozenset())
    problems: list[SeedProblem] = []
    for file in (file for file in FILES if file in names):
        objects = _objects(directory, file, problems)
        for number, written in enumerate(objects or (), start=1):
            _read_row(file, number, written, rows[file], problems)
        identifiers[file] = _claimed(objects, FILES[file][1][-1])
        problems += _repeated(rows[file], FILES[file][1])
    return SeedFiles(rows, identifiers, frozenset(problem.file for problem in problems)), problems


def _claimed(objects: list[Json] | None, key: str) -> frozenset[str] | None:
    """The identifiers of a file's rows, good or bad; None when some cannot be known."""
    if objects is None:
        return None
    identifiers = [written.get(key) if isinstance(written, Mapping) else None for written in objects]
    texts = frozenset(identifier for identifier in identifiers if isinstance(identifier, str))
    return texts if all(isinstance(identifier, str) for identifier in identifiers) else None


def _objects(directory: Path, file: str, problems: list[SeedProblem]) -> list[Json] | None:
    """The array that the file holds; without one, None and a problem of the file as a whole."""
    try:
        content = parse_strict((directory / file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(SeedProblem(file, 0, "", "the file is missing"))
    except json.JSONDecodeError as error:
        problems.append(SeedProblem(file, 0, f"line {error.lineno} column {error.colno}", f"is not JSON: {error.msg}"))
    except ValueError as error:  # NaN, Infinity, bytes that are no UTF-8
        problems.append(SeedProblem(file, 0, "", str(error)))
    else:
        if isinstance(content, list):
            return content
        problems.append(SeedProblem(file, 0, "", "must hold a list of rows"))
    return None


def _read_row(file: str, number: int, written: Json, rows: list[SeedRow], problems: list[SeedProblem]) -> None:
    try:
        values = FILES[file][0]().load(written)
    except ValidationError as error:
        problems.extend(field_problems(file, number, error.messages))
    else:
        rows.append(SeedRow(file, number, values, written))


def _repeated(rows: list[SeedRow], key: tuple[str, ...]) -> list[SeedProblem]:
    """A problem for each identifier that stands in a file a second time."""
    first: dict[tuple[object, ...], int] = {}
    problems = []
    for row in rows:
        identity = tuple(row.values[name] for name in key)
        number = first.setdefault(identity, row.number)
        if number != row.number:
            problems.append(row.problem(key[-1], f"{identity[-1]!r} stands in row {number} already"))
    return problems
