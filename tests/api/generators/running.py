"""The generators and the compilers as tests run them, each at the version that the locks name."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.canonical import JsonObject
from tests.api.conftest import published

HERE = Path(__file__).parent
DOCS = HERE.parents[2] / "docs" / "generated-clients"
REQUIRED = "CI"
MODULES = HERE / "node_modules"
PYTHON = Path(sys.executable)
TSCONFIG: JsonObject = {
    "compilerOptions": {
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "exactOptionalPropertyTypes": True,
        "target": "ES2022",
        "module": "NodeNext",
        "moduleResolution": "NodeNext",
        "types": ["node"],
        "outDir": "out",
    },
    "include": ["*.ts"],
}
TEMPLATE_FAULTS = """\
[mypy]
strict = True
[mypy-avs_api.client]
disable_error_code = arg-type
"""
"""The generator's own `client.py` hands `*args: object` on to `__exit__`; what is made from the document is strict."""


def run(folder: Path, *command: str | Path) -> str:
    """What a command printed; fails with all that it said when it fails."""
    known = os.environ | {"PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"}
    arguments = list(map(str, command))
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=240, env=known)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def write_description(folder: Path) -> Path:
    """The published document as a file."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(published()))
    return path


def generate_python(folder: Path) -> str:
    """Generate the package `avs_api`; what the generator said."""
    description = write_description(folder)
    tool = PYTHON.with_name("openapi-python-client")
    said = run(folder, tool, "generate", "--path", description, "--meta", "none", "--output-path", folder / "avs_api")
    shutil.copy(DOCS / "journey.py", folder)
    return said


def check_python(folder: Path, *files: str) -> None:
    """Check the files and folders as strictly as mypy can."""
    (folder / "mypy.ini").write_text(TEMPLATE_FAULTS)
    run(folder, PYTHON.with_name("mypy"), "--config-file", "mypy.ini", "--cache-dir", folder / "cache", *files)


def generate_typescript(folder: Path) -> None:
    """Generate `avs-api.d.ts` beside the journey; skipped without npm, which CI has."""
    if not MODULES.is_dir() and not os.environ.get(REQUIRED):
        pytest.skip("`make test` installs the generator of TypeScript clients where npm is there")
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    tool = MODULES / ".bin" / "openapi-typescript"
    run(folder, tool, write_description(folder), "-o", "avs-api.d.ts", "--default-non-nullable", "false")
    shutil.copy(DOCS / "journey.ts", folder)


def compile_typescript(folder: Path) -> None:
    """Compile all of the folder as strictly as tsc can."""
    run(folder, MODULES / ".bin" / "tsc", "-p", folder)
