"""Running a piece of a Node app with the TypeScript client, beside Python's."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from documents import SUBJECT

PACKAGE = Path(__file__).parents[2] / "typescript"
CAMEL_SUBJECT = {
    "workspaceId": SUBJECT["workspace_id"],
    "segment": SUBJECT["segment"],
    "stage": SUBJECT["stage"],
    "targetEnvironment": SUBJECT["target_environment"],
}


def built(folder: Path) -> Path:
    """The TypeScript client, compiled into this folder; the test is skipped where it cannot be, except in CI."""
    node, compiler = shutil.which("node"), PACKAGE / "node_modules/typescript/bin/tsc"
    if node is None or not compiler.exists():
        assert not os.environ.get("CI"), "Node and clients/typescript's packages must be there: make lint installs them"
        pytest.skip("NOT TESTED beside the TypeScript client: install Node 20 or newer, then run make typescript")
    command = [node, str(compiler), "-p", "tsconfig.build.json", "--outDir", str(folder), "--sourceMap", "false"]
    done = subprocess.run(
        [*command, "--inlineSources", "false"], cwd=PACKAGE, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(PACKAGE / "node_modules")
    return folder


def start(client: Path, script: str, *arguments: Any) -> subprocess.Popen[str]:
    """The script has the client's exports, `SUBJECT`, `ARGUMENTS` and `say`, which prints a line."""
    preamble = (
        f"import * as avs from {json.dumps((client / 'index.js').as_uri())};\n"
        "const { Client, FileCounters, RedisCounters } = avs;\n"
        f"const SUBJECT = {json.dumps(CAMEL_SUBJECT)}, ARGUMENTS = {json.dumps(arguments)};\n"
        "const say = (text) => process.stdout.write(text + '\\n');\n"
    )
    command = ["node", "--input-type=module", "--eval", preamble + script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    """What it printed; AssertionError with its last words when it failed."""
    out, problem = process.communicate(timeout=120)
    assert process.returncode == 0, problem
    return out
