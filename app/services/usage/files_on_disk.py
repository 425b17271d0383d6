"""The files of the store as the disk has them, whatever the index knows of them."""

import os
from pathlib import Path

EVENT_FILES = "workspace_id=*/month=*/*.parquet"


def files_on_disk(root: Path) -> set[str]:
    """The paths of all event files in their places, relative to the store; none of those that were set aside."""
    return {str(path.relative_to(root)) for path in root.glob(EVENT_FILES)}


def sync(path: Path) -> None:
    """Force a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
