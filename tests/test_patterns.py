"""Every regular expression of the product reads any text in linear time: one that does not freezes who waits behind it.

They are found in the code itself: what `re` is called with, what a module keeps, what validators of forms and of bodies
hold, and what the scripts of the screens spell out. So a new one is held to the budget without being named anywhere.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tests.pattern_growth import matched, scanned, too_slow

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "admin_views", "api", "rules", "simulation", "seed", "clients/python/src/avs_brain_client")
CALLS = frozenset({"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"})
AT_THE_BEGINNING = frozenset({"match", "fullmatch"})
VALIDATORS = frozenset({"Regexp"})
_JS_BEFORE = r"(?:(?<=[(,=:?&|!;{}\[])|(?<=[(,=:?&|!;{}\[] )|(?<=return ))"
_JS_CLASS = r"\[(?:[^\]\\\n]|\\.)++\]"
_JS_PART = rf"[^/\\\n\[]|\\.|{_JS_CLASS}"
JS_PATTERN = re.compile(rf"{_JS_BEFORE}/(?!\*)((?:{_JS_PART})(?:{_JS_PART})*+)/[a-z]*")


class Place(NamedTuple):
    """A file and the name, or the line, of a regular expression in it."""

    file: str
    name: str


Patterns = dict[Place, re.Pattern[str]]


def files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> ModuleType:
    parts = path.relative_to(ROOT).with_suffix("").parts
    start = parts.index("avs_brain_client") if "avs_brain_client" in parts else 0
    return import_module(".".join(parts[start:]).removesuffix(".__init__"))


def compiled(pattern: str | bytes | re.Pattern[str] | re.Pattern[bytes]) -> re.Pattern[str]:
    """The pattern as one of texts: bytes are read as the characters of the same numbers."""
    source, flags = (pattern.pattern, pattern.flags) if isinstance(pattern, re.Pattern) else (pattern, 0)
    return re.compile(source.decode("latin-1") if isinstance(source, bytes) else source, flags & ~re.LOCALE)


def kept(value: object) -> Iterator[re.Pattern[str]]:
    """The patterns in what a module keeps under a name: one, or a collection of them."""
    if isinstance(value, re.Pattern):
        yield compiled(value)
    elif isinstance(value, Mapping):
        yield from (pattern for inner in value.values() for pattern in kept(inner))
    elif isinstance(value, tuple | list | set | frozenset):
        yield from (pattern for inner in value for pattern in kept(inner))


def called(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of `re` and of the validators that take a pattern."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (node.args or node.keywords):
            function = node.func
            is_re = (
                isinstance(function, ast.Attribute)
                and isinstance(function.value, ast.Name)
                and (function.value.id, function.attr in CALLS) == ("re", True)
            )
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if is_re or name in VALIDATORS:
                yield node


def functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def evaluated(node: ast.expr, names: Mapping[str, object]) -> tuple[object, ...]:
    """What an expression of a module is; of a mapping at a key that is known only later all that it holds."""
    try:
        return (eval(compile(ast.Expression(node), "<pattern>", "eval"), dict(names)),)
    except NameError:
        if isinstance(node, ast.Subscript):
            [mapping] = evaluated(node.value, names)
            assert isinstance(mapping, Mapping)
            return tuple(mapping.values())
        raise


@cache
def patterns() -> Patterns:
    """Every pattern of the product's Python, by its place."""
    places: Patterns = {}
    for path in files():
        text = path.read_text()
        if not ("import re\n" in text or "Regexp" in text):
            continue
        module, file = module_of(path), str(path.relative_to(ROOT))
        for name, value in vars(module).items():
            for number, pattern in enumerate(kept(value)):
                places[Place(file, f"{name}[{number}]")] = pattern
        tree = ast.parse(text)
        in_functions = {id(node) for outer in functions(tree) for node in ast.walk(outer)}
        for call in called(tree):
            try:
                values = evaluated(call.args[0] if call.args else call.keywords[0].value, vars(module))
            except NameError as error:
                if id(call) in in_functions:
                    pytest.fail(f"{file}:{call.lineno}: {error}; keep in the module what the pattern is made of")
                continue  # a comprehension at the top: the module keeps what it makes, which was looked at above
            if id(call) not in in_functions and ast.unparse(call.func) == "re.compile":
                continue  # the module keeps it under a name
            for number, value in enumerate(values):
                assert isinstance(value, str | bytes | re.Pattern)
                places[Place(file, f"line {call.lineno}[{number}]")] = compiled(value)
    return places


@cache
def readings_by_name() -> dict[str, set[str]]:
    """Name of a pattern, or of a collection of patterns, wherever it is called → the methods that are called on it."""
    methods: dict[str, set[str]] = {}
    for path in files():
        tree = ast.parse(path.read_text())
        collections = dict(looped(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                if isinstance(owner, ast.Name):
                    methods.setdefault(collections.get(owner.id, owner.id), set()).add(node.attr)
    return methods


def looped(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Pairs of a name and of the collection that it goes through in a loop."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Name):
            yield from ((name.id, node.iter.id) for name in ast.walk(node.target) if isinstance(name, ast.Name))


def is_read_from_the_beginning(place: Place) -> bool:
    """Whether a pattern is only ever matched against the beginning of a text, by its name or in its own call."""
    if place.name.startswith("line "):
        number = int(place.name.removeprefix("line ").partition("[")[0])
        line = (ROOT / place.file).read_text().splitlines()[number - 1]
        return "re.match(" in line or "re.fullmatch(" in line
    methods = readings_by_name().get(place.name.partition("[")[0], set())
    return bool(methods) and methods <= AT_THE_BEGINNING


def scripts() -> list[Path]:
    return sorted((ROOT / "admin_views/static").glob("*.js"))


def test_every_pattern_reads_any_text_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "clients/python/src"))
    assert len(patterns()) > 60
    judged = {}
    for place, pattern in patterns().items():
        readings = (matched,) if is_read_from_the_beginning(place) else (matched, scanned)
        judged[pattern.pattern, pattern.flags, readings] = place
    growths = {place: too_slow(re.compile(source, flags), how) for (source, flags, how), place in judged.items()}
    assert {" ".join(place): str(growth) for place, growth in growths.items() if growth is not None} == {}


def test_every_pattern_of_the_scripts_reads_any_text_in_linear_time() -> None:
    spelled = {path.name: [match[1] for match in JS_PATTERN.finditer(path.read_text())] for path in scripts()}
    assert r"^[xy]" in spelled["charts.js"]
    assert not any("RegExp(" in path.read_text() for path in scripts())
    slow = {}
    for name, sources in spelled.items():
        for source in sources:
            growth = too_slow(re.compile(source), (matched, scanned))
            if growth is not None:
                slow[f"{name} /{source}/"] = str(growth)
    assert slow == {}


@pytest.mark.parametrize(
    "pattern",
    [
        r"\s*\n+\s*",
        r"\d+$",
        r"a*a*b",
        r"(a+)+$",
        r"(a|aa)+$",
        r"x.*y.*z",
        r"begin [a-z ]+:.+?:end",
        r'\s*("(?:[^"\\]|\\.)*"|[^,"]*)\s*(,|$)',
    ],
)
def test_the_budget_finds_a_pattern_that_takes_more_than_linear_time(pattern: str) -> None:
    assert too_slow(re.compile(pattern), (matched, scanned)) is not None


@pytest.mark.parametrize("pattern", [r"\s++\n", r"[a-z]{0,199}x", r"[^,]*,", r"(?<=[.!?;]) ", r"(?:a|b)*+c"])
def test_the_budget_lets_a_linear_pattern_pass(pattern: str) -> None:
    assert too_slow(re.compile(pattern), (matched,)) is None
