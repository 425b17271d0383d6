"""An app in Node with the TypeScript client, compiled once, to be followed, killed and started again."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.lumina import SUBJECT

PACKAGE = Path(__file__).parents[2] / "clients" / "typescript"
MISSING = "NOT TESTED with the TypeScript client: install Node 20 or newer, then run make typescript"


def compiled(folder: Path) -> Path:
    """The TypeScript client in this folder; the test is skipped where it cannot be compiled, except in CI."""
    node, compiler = shutil.which("node"), PACKAGE / "node_modules/typescript/bin/tsc"
    if node is None or not compiler.exists():
        assert not os.environ.get("CI"), MISSING
        pytest.skip(MISSING)
    command = [node, str(compiler), "-p", "tsconfig.build.json", "--outDir", str(folder), "--sourceMap", "false"]
    done = subprocess.run(
        [*command, "--inlineSources", "false"], cwd=PACKAGE, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@dataclass
class NodeApp:
    """A process that runs a script; what it says are lines of JSON."""

    client: Path
    folder: Path
    script: str
    given: dict[str, Any]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        subject = {"workspaceId": SUBJECT["workspace_id"], "segment": SUBJECT["segment"], "stage": SUBJECT["stage"]}
        self.said = self.folder / f"{self.given['name']}.jsonl"
        preamble = (
            f"import {{ Client, FileCounters }} from {json.dumps((self.client / 'index.js').as_uri())};\n"
            'import { appendFileSync } from "node:fs";\n'
            f"const SUBJECT = {json.dumps(subject)}, GIVEN = {json.dumps(self.given)};\n"
            f"const say = (one) => appendFileSync({json.dumps(str(self.said))}, JSON.stringify(one) + '\\n');\n"
        )
        log = self.folder / "node.log"
        with log.open("ab") as file:
            command = ["node", "--input-type=module", "--eval", preamble + self.script]
            self.process = subprocess.Popen(command, stdout=file, stderr=file)

    def lines(self) -> list[Any]:
        """All that it has said so far; a line that is being written is not among them."""
        if not self.said.exists():
            return []
        return [json.loads(line) for line in self.said.read_text().split("\n")[:-1]]

    def wait(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
