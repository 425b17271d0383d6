"""Running a piece of an app in a process of its own, which may be killed at any instant."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from documents import SUBJECT

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent / "src"), str(HERE)])}

STORES = """
from avs_brain_client import MemoryCounters
from avs_brain_client.counters.redis import RedisCounters
from avs_brain_client.counters.sqlite import SqliteCounters

def store_of(kind, folder, redis_url):
    if kind == "sqlite":
        return SqliteCounters(folder + "/counters.sqlite", timeout_ms=30_000)  # a busy machine is no outage
    return RedisCounters(redis_url, prefix=folder, timeout_ms=30_000) if kind == "redis" else MemoryCounters()
"""
"""A module of apps that share their counts through a folder or a Redis."""

DIE_AFTER = """
def die_after(owner, name, calls):
    work, left = getattr(owner, name), [calls]
    def wrapped(*arguments):
        answer = work(*arguments)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    setattr(owner, name, wrapped)
"""
"""The beginning of apps that are killed right after so many calls of a method."""


def start(script: str, *arguments: Any, stdin: bool = False) -> subprocess.Popen[str]:
    """The script gets the subject and the arguments as `SUBJECT` and `ARGUMENTS`; it begins by importing Client."""
    given = f"SUBJECT, ARGUMENTS = {SUBJECT!r}, {json.loads(json.dumps(arguments))!r}\n"
    preamble = "import json, os, signal, sys\nfrom avs_brain_client import Client\n"
    command = [sys.executable, "-c", preamble + given + script]
    given_in = subprocess.PIPE if stdin else None
    return subprocess.Popen(
        command, env=ENVIRONMENT, stdin=given_in, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(script: str, *arguments: Any) -> str:
    """What it printed; AssertionError with its last words when it failed."""
    process = start(script, *arguments)
    out, problem = process.communicate(timeout=120)
    assert process.returncode == 0, problem
    return out


def run_files(folder: Path, files: dict[str, str], given: Any) -> str:
    """What `main.py` of these files printed; it finds the subject and what is given as JSON in `GIVEN`."""
    environment = write_app(folder, files, given)
    command = [sys.executable, str(folder / "main.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_app(folder: Path, files: dict[str, str], given: Any) -> dict[str, str]:
    """Write the modules of an app to a folder; the environment in which they are found, with `GIVEN`."""
    for name, text in files.items():
        (folder / name).write_text(text)
    path = os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(folder)])
    return {**ENVIRONMENT, "PYTHONPATH": path, "GIVEN": json.dumps([SUBJECT, given])}
