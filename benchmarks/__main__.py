"""`make bench`: every benchmark in turn, each in its own process; the tables go to benchmarks/RESULTS.md.

`python -m benchmarks activation screens` measures only those again and keeps the other tables.
"""

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "RESULTS.md"
BENCHMARKS = (
    ("Runtime config endpoint", "runtime_endpoint", ()),
    ("Beside Unleash", "unleash", ()),
    ("Listeners", "listeners", ()),
    ("Approve and activate", "activation", ()),
    ("Start", "start", ()),
    ("Simulation", "simulation", ()),
    ("Many pools on one unit", "pools", ()),
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
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("modules", nargs="*", choices=[[], *(module for _, module, _ in BENCHMARKS)])
    wanted = options.parse_args().modules
    tables = {} if not wanted else kept()
    for title, module, arguments in BENCHMARKS:
        if not wanted or module in wanted:
            print(title, flush=True)
            tables[title] = run(module, arguments)
            write(tables)


def kept() -> dict[str, str]:
    """Title → table of the results so far."""
    parts = RESULTS.read_text().split("\n## ")[1:] if RESULTS.exists() else []
    return {title.strip(): table.strip() for title, _, table in (part.partition("\n") for part in parts)}


def write(tables: dict[str, str]) -> None:
    head = f"# Benchmarks\n\n{machine()}\nMachines are shared: trust the ratios within one table."
    titles = [title for title, _, _ in BENCHMARKS]
    # What other tools measure, such as the TypeScript client's, stays.
    elsewhere = {title: table for title, table in kept().items() if title not in titles}
    ordered = {**{title: tables[title] for title in titles if title in tables}, **elsewhere}
    sections = [f"## {title}\n\n{table}" for title, table in ordered.items()]
    RESULTS.write_text("\n\n".join([head, *sections]) + "\n")


if __name__ == "__main__":
    main()
