"""What an operator or a contributor can set, run or open is documented, and what is documented is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app.cli import avs
from app.config import settings
from tests.docs.pages import ROOT, rows_beneath, section_of, text_of, tracked

CONFIGURATION = "docs/configuration.md"
COMMAND_LINE = "docs/command-line.md"
PRODUCT = ("app/", "api/", "admin_views/", "rules/", "simulation/", "seed/", "wsgi.py")
READS = re.compile(r"""(?:environ(?:\.get\(|\.setdefault\(|\[)|getenv\()\s*["'](\w+)["']""")


class Environment(dict[str, str]):
    """An environment that remembers which settings were asked for."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(AVS_DATA_DIR=str(data_dir))
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # one form of three
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)


def commands(command: click.Command = avs, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its full name."""
    path = (*names, command.name or "")
    if isinstance(command, click.Group):
        context = click.Context(command)
        for one in command.list_commands(context):
            yield from commands(command.get_command(context, one) or command, *path)
    else:
        yield " ".join(path), command


COMMANDS = dict(commands())


def settings_read(data_dir: Path) -> set[str]:
    """What the settings ask the environment for, what commands take from it, and what else the product reads."""
    environment = Environment(data_dir)
    settings(environment)
    options = (option for command in COMMANDS.values() for option in command.params)
    given = {str(option.envvar) for option in options if option.envvar}
    sources = (text_of(path) for path in tracked() if path.startswith(PRODUCT) and path.endswith(".py"))
    return environment.asked | given | {name for source in sources for name in READS.findall(source)}


def heading_of(name: str) -> str:
    """The heading of a command: its name, and its arguments in capitals."""
    arguments = [one.name.upper() for one in COMMANDS[name].params if isinstance(one, click.Argument) and one.name]
    return f"`{' '.join((name, *arguments))}`"


def options_named(section: str) -> set[str]:
    return set(re.findall(r"`(--[a-z-]+)", section))


def test_every_setting_has_its_row_and_every_row_is_read(tmp_path: Path) -> None:
    documented = {row[0].strip("`") for row in rows_beneath(text_of(CONFIGURATION), "| setting | meaning | default |")}
    assert documented == settings_read(tmp_path / "data")


def test_a_setting_that_nobody_documents_would_be_noticed(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    assert environment.get("AVS_NEW") is None
    assert environment.asked == {"AVS_NEW"}
    assert READS.findall('os.environ.get("AVS_A"), environ["AVS_B"], os.getenv("AVS_C")') == ["AVS_A", "AVS_B", "AVS_C"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_all_its_options(name: str) -> None:
    section = section_of(text_of(COMMAND_LINE), heading_of(name))
    wanted = {option for one in COMMANDS[name].params if isinstance(one, click.Option) for option in one.opts}
    assert options_named(section) == wanted


def test_every_command_that_is_documented_is_there() -> None:
    headings = re.findall(r"^## (`[^`]+`)", text_of(COMMAND_LINE), re.MULTILINE)
    assert sorted(headings) == sorted(map(heading_of, COMMANDS))


@pytest.mark.parametrize(
    "folder", sorted({"/".join(path.split("/")[:3]) for path in tracked() if re.match(r"app/services/\w+/", path)})
)
def test_every_subject_of_the_services_says_what_it_owns(folder: str) -> None:
    page = (ROOT / folder / "README.md").read_text()
    assert all(f"**{part}**" in page for part in ("Owns", "Does not own", "Read first"))
