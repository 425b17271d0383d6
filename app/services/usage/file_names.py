"""Names of the store's files: only text, so that no engine is loaded for them."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

from app.services.usage.stored_file import StoredFile

_RULE = ".r2"
"""The rule by which texts are read as numbers: the second reads those of more than 12 places, the first did not."""


def month_folder(workspace_id: str, month: str) -> Path:
    """The folder of a workspace's month, relative to the store."""
    return Path(f"workspace_id={quote(workspace_id, safe='')}", f"month={month}")


def path_of(workspace_id: str, month: str, digest: str, sha256: str | None) -> Path:
    """The path of a month's file, relative to the store, by its events' digest and that of its bytes.

    Two imports of the same events write different bytes, for each names itself beside them. The name says too by which
    rule texts were read as numbers.
    """
    return month_folder(workspace_id, month) / f"{digest}{'.' + sha256[:12] if sha256 else ''}{_RULE}.parquet"


def workspace_and_month(path: str) -> tuple[str, str]:
    """The workspace and month (`2026-01`) of a file of the store, by its path relative to it."""
    workspace, month = Path(path).parts[-3:-1]
    return unquote(workspace.partition("=")[2]), month.partition("=")[2]


def of_an_earlier_rule(files: Iterable[StoredFile]) -> list[StoredFile]:
    """Those of the files whose numbers were read by an earlier rule than the present one."""
    return [file for file in files if not file.path.endswith(f"{_RULE}.parquet")]
