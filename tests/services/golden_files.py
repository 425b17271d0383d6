"""Golden files: bytes that may only change on purpose. `AVS_WRITE_GOLDEN=1 pytest …` writes them anew."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def matches_golden(name: str, content: bytes) -> bool:
    """Whether the bytes are those of the file."""
    path = FOLDER / name
    if os.environ.get("AVS_WRITE_GOLDEN"):
        path.write_bytes(content)
    return path.read_bytes() == content
