"""The screens of one config version: drafts are edited, decided ones are shown and forked (spec 2, flow 3)."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import request
from flask_admin import expose

from admin_views.base import note
from admin_views.forms import refusal_of
from admin_views.screens.draft_screen import Difference, Document, DraftScreen, Outcome
from admin_views.screens.screen import config_at, go, path
from app.identity import acting
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.transactions import write
from app.services.authoring.new_config import fork_version
from app.services.configs import editing
from app.services.configs.diffs import changes
from app.services.configs.documents import config_document, pool_shape
from app.services.configs.lookup import snapshot_of
from app.services.configs.shapes import PoolShape
from app.services.wording.changes import names_of
from app.services.wording.tables import tables
from rules.lifecycle import is_editable

Unit = Mapping[str, Any]


class ConfigDraftScreen(DraftScreen):
    """`part` is the last part of the address, here and in a fork; `next_part` the one that comes after it."""

    part: str
    next_part: str
    step = "Config"
    writes = frozenset({"page", "fork"})

    def find(self, **where: str) -> ConfigVersion:
        return config_at(where["config_version_id"])

    def hold(self, record: ConfigVersion) -> ConfigVersion:
        return editing.editable(db.session, record.config_version_id)

    def named(self, record: ConfigVersion) -> str:
        return f"Config {record.config_version_id}"

    def onward(self, record: ConfigVersion) -> str:
        return path("configs", record.config_version_id, self.next_part)

    def about(self, record: ConfigVersion) -> dict[str, Any]:
        return {"config": record}

    def compared(self, record: ConfigVersion, stored: Document, typed: Document) -> Iterable[Difference]:
        document = config_document(record, record.cycle, snapshot_of(db.session, record))
        before, after = document | self.enforced(stored), document | self.enforced(typed)
        names = names_of(before, after)
        for section in tables(after, changes(before, after), names):
            for group in section.groups:
                for row in group.changed:
                    yield Difference(group.title, row.label, row.before, row.after)

    def enforced(self, document: Document) -> dict[str, Any]:
        """This screen's document as members of a config document (`app.services.configs.documents`)."""
        raise NotImplementedError

    def context(self, form: Any, record: ConfigVersion) -> dict[str, Any]:
        return {"frozen": not is_editable(record.status), "part": self.part, "next_href": self.onward(record)}

    @expose("/fork", methods=("POST",))
    def fork(self, config_version_id: str) -> Any:
        """A draft to change, with what was typed when the config was decided on while somebody still typed."""
        source = config_at(config_version_id)
        typed = self.form_of(source) if "row_version" in request.form else None
        if typed is not None and not typed.validate():
            return self.draw(typed, Outcome(source, refusal_of(typed)))
        with write(db.session):
            made = fork_version(db.session, source, **acting())
            if typed is not None:
                self.store(made, self.typed(typed, made))
        note(f"{made.config_version_id} was made from {config_version_id}. Change what differs.")
        return go(path("configs", made.config_version_id, self.part))


def units_at(config: ConfigVersion) -> dict[str, Unit]:
    """value_unit_id → the frozen unit, of the snapshot that the config names."""
    snapshot = snapshot_of(db.session, config)
    return {unit["value_unit_id"]: unit for unit in (snapshot.value_units if snapshot else ())}


def pools_at(config: ConfigVersion) -> dict[str, PoolShape]:
    """pool_id → the pool in the shape of spec 1, in the order in which they are drawn from."""
    return {pool.pool_id: pool_shape(pool) for pool in config.pools}
