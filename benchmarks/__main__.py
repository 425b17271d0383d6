"""`make bench`: every benchmark in turn, each in its own process; the tables go to benchmarks/RESULTS.md."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BENCHMARKS = (
    ("Runtime config endpoint", "runtime_endpoint", ()),
    ("Approve and activate", "activation", ()),
    ("Simulation", "simulation", ()),
    ("Usage event ingest", "ingest", ()),
    ("Usage event ingest over HTTP", "ingest_http", ()),
    ("Admin grids", "grids", ()),
    ("Operator screens", "screens", ()),
)
PACKAGES = ("flask", "sqlalchemy", "granian", "duckdb", "ibis-framework", "pyarrow", "pandas", "psycopg", "flask-admin")


def machine() -> str:
    """One line that says what the figures were measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}, {versions}."
    )


def run(module: str, arguments: tuple[str, ...]) -> str:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    return subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    sections = [f"# Benchmarks\n\n{machine()}\nMachines are shared: trust the ratios within one table."]
    for title, module, arguments in BENCHMARKS:
        print(title, flush=True)
        sections.append(f"## {title}\n\n{run(module, arguments)}")
        (FOLDER / "RESULTS.md").write_text("\n\n".join(sections) + "\n")


if __name__ == "__main__":
    main()
