"""The base of the screens of one config version, which is edited as a draft and forked once it is decided (spec 2)."""

from collections.abc import Iterable

from flask import request
from flask.typing import ResponseReturnValue

from admin_views.base import expose, note
from admin_views.forms import refusal_of
from admin_views.screens.draft_screen import Difference, Document, DraftScreen, Outcome, RecordForm, Subject
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
from simulation.canonical import JsonObject

SUGGEST = "start"
"""The parameter with which the address of the pools fills in what the stage suggests, unsaved, if there is no pool."""


class ConfigDraftScreen(DraftScreen[ConfigVersion, RecordForm]):
    """A screen for one part of a config: `part` is the last part of its address, `next_part` that of the next screen.

    `part` also names the screen on which a fork of the config is opened.
    """

    part: str
    next_part: str
    step = "Config"
    writes = frozenset({"page", "fork"})

    def find(self, **where: str) -> ConfigVersion:
        return config_at(where["config_version_id"])

    def hold(self, record: ConfigVersion) -> ConfigVersion:
        return editing.editable(db.session, record.config_version_id)

    def title_of(self, record: ConfigVersion) -> str:
        return record.display_name

    def onward(self, record: ConfigVersion) -> str:
        return path("configs", record.config_version_id, self.next_part)

    def subject(self, record: ConfigVersion) -> Subject:
        return {"config": record}

    def compared(self, record: ConfigVersion, stored: Document, typed: Document) -> Iterable[Difference]:
        document = config_document(record, record.cycle, snapshot_of(db.session, record))
        before, after = document | self.enforced(stored), document | self.enforced(typed)
        names = names_of(before, after)
        for section in tables(after, changes(before, after), names):
            for group in section.groups:
                for row in group.changed:
                    yield Difference(group.title, row.label, row.before, row.after)

    def enforced(self, document: Document) -> JsonObject:
        """The screen's document as members of a config document (`app.services.configs.documents`)."""
        raise NotImplementedError

    def context(self, form: RecordForm, record: ConfigVersion) -> dict[str, object]:
        return {"frozen": not is_editable(record.status), "part": self.part, "next_href": self.onward(record)}

    @expose("/fork", methods=("POST",))
    def fork(self, config_version_id: str) -> ResponseReturnValue:
        """Make a draft of the config, with what was typed if the config was decided while somebody edited it."""
        source = config_at(config_version_id)
        form = self.form_of(source) if "row_version" in request.form else None
        if form is not None and not form.validate():
            return self.draw(form, Outcome(source, refusal_of(form)))
        with write(db.session):
            draft = fork_version(db.session, source, **acting())
            if form is not None:
                self.store(draft, self.typed(form, draft))
        note(f"{draft.display_name} is a new draft, version {draft.version} of its subject. Change what differs.")
        return go(path("configs", draft.config_version_id, self.part))


def units_at(config: ConfigVersion) -> dict[str, JsonObject]:
    """value_unit_id → the unit as the snapshot froze it that the config names."""
    snapshot = snapshot_of(db.session, config)
    return {unit["value_unit_id"]: unit for unit in (snapshot.value_units if snapshot else ())}


def pools_at(config: ConfigVersion) -> dict[str, PoolShape]:
    """pool_id → the pool in the shape of spec 1, in the order in which the pools are drawn from."""
    return {pool.pool_id: pool_shape(pool) for pool in config.pools}
