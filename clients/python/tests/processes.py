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


def start(script: str, *arguments: Any) -> subprocess.Popen[str]:
    """The script gets the subject and the arguments as `SUBJECT` and `ARGUMENTS`; it begins by importing Client."""
    given = f"SUBJECT, ARGUMENTS = {SUBJECT!r}, {json.loads(json.dumps(arguments))!r}\n"
    preamble = "import json, os, signal, sys\nfrom avs_brain_client import Client\n"
    command = [sys.executable, "-c", preamble + given + script]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(script: str, *arguments: Any) -> str:
    """What it printed; AssertionError with its last words when it failed."""
    process = start(script, *arguments)
    out, problem = process.communicate(timeout=120)
    assert process.returncode == 0, problem
    return out
