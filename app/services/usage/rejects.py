"""The rejects report of an import: every rejected row, with its number, field and reason."""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import orjson

from app.services.usage.fields import Reject
from rules.csv_cells import csv_line

_DISTINCT_REASONS = 100  # beyond them only the report itself is complete
_COLUMNS = ("row", "event_id", "field", "reason")


class RejectsReport:
    """Collects rejects in a scratch file, which `publish` moves to its target once the import is done."""

    def __init__(self, folder: Path, target: Path | None) -> None:
        self._scratch = folder / "rejects"
        self._target = target
        self.count = 0
        self.reasons: Counter[str] = Counter()

    def add(self, rejects: Iterable[Reject]) -> None:
        """Append rejects, in row order."""
        rejects = list(rejects)
        for reject in rejects:
            label = f"{reject.field}: {reject.reason}" if reject.field else reject.reason
            is_listed = label in self.reasons or len(self.reasons) < _DISTINCT_REASONS
            self.reasons[label if is_listed else "other reasons"] += 1
        if rejects and self._target is not None:
            self._append(rejects, self._target.suffix.lower() == ".csv")
        self.count += len(rejects)

    def _append(self, rejects: list[Reject], as_csv: bool) -> None:
        if as_csv:
            with self._scratch.open("a", newline="", encoding="utf-8") as file:
                if not self.count:
                    file.write(csv_line(_COLUMNS))
                file.writelines(
                    csv_line([reject.row, reject.event_id, reject.field, reject.reason]) for reject in rejects
                )
        else:
            with self._scratch.open("ab") as file:
                file.writelines(orjson.dumps(reject.as_dict()) + b"\n" for reject in rejects)

    def publish(self) -> Path | None:
        """The report's path; None when there are no rejects, or no target."""
        if not self.count or self._target is None:
            return None
        if self._target.exists() and not self._target.is_file():  # a device or a pipe is written to, never replaced
            self._target.write_bytes(self._scratch.read_bytes())
        else:
            shutil.move(self._scratch, self._target)
        return self._target
