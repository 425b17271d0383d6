"""What must not cross a fork signs up for it: found in the source, so that nobody forgets."""

import ast
from pathlib import Path

import pytest

import avs_brain_client

SOURCE = Path(avs_brain_client.__file__).parent
SHARED = {"Lock", "RLock", "Event", "Condition", "Semaphore", "Thread", "ThreadPoolExecutor", "Queue", "local"}
"""What a child must not take over."""


def classes() -> list[tuple[str, ast.ClassDef]]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and made_by(node) & SHARED:
                found.append((f"{path.relative_to(SOURCE)}:{node.name}", node))
    return found


def made_by(node: ast.ClassDef) -> set[str]:
    """The names of what a class makes by calling it."""
    calls = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    return {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}


@pytest.mark.parametrize(("name", "node"), classes(), ids=lambda value: value if isinstance(value, str) else "")
def test_whoever_makes_a_lock_or_a_thread_makes_it_anew_in_a_child(name: str, node: ast.ClassDef) -> None:
    methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    assert "after_fork" in methods or name in RENEWED_BY_OTHERS, f"{name} has no after_fork"


RENEWED_BY_OTHERS = {"counters/redis.py:RedisLedger"}
"""By the store that made them."""
