"""Names of the store's files: only text, so that no engine is loaded for them."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from app.services.usage.index import StoredFile

_RULE = ".r2"
"""The rule by which texts are read as numbers: the second reads those of more than 12 places, the first did not."""


def month_folder(workspace_id: str, month: str) -> Path:
    """The folder of a workspace's month, relative to the store."""
    return Path(f"workspace_id={quote(workspace_id, safe='')}", f"month={month}")


def path_of(workspace_id: str, month: str, digest: str) -> Path:
    """The path of a month's file, relative to the store; its name says by which rule texts were read as numbers."""
    return month_folder(workspace_id, month) / f"{digest}{_RULE}.parquet"


def of_an_earlier_rule(files: Iterable[StoredFile]) -> list[StoredFile]:
    """Those of the files whose numbers were read by an earlier rule than the present one."""
    return [file for file in files if not file.path.endswith(f"{_RULE}.parquet")]
