"""Where the services make the drafts that rules judge."""

import ast
from pathlib import Path

SERVICES = Path(__file__).parents[3] / "app" / "services"


def makes_drafts(module: Path) -> bool:
    """Whether a module calls `Draft(…)`, by whatever path it is imported."""
    calls = (node.func for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call))
    return any(getattr(call, "attr", getattr(call, "id", None)) == "Draft" for call in calls)


def test_only_the_reading_of_configs_makes_the_drafts_that_rules_judge() -> None:
    makers = {path.relative_to(SERVICES).as_posix() for path in SERVICES.rglob("*.py") if makes_drafts(path)}
    assert makers == {"configs/reading.py"}
