"""Flow 3B: what is included, and what happens beyond it. All pools of a draft in one form, saved in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain

import sqlalchemy as sa
from flask import get_template_attribute, request
from flask_admin.helpers import get_form_data
from wtforms import Field
from wtforms.fields.choices import SelectChoice

from admin_views.forms import at_its_field, in_order
from admin_views.pickers import catalog_choices, label_and_key
from admin_views.screens.authoring.config_draft_screen import SUGGEST, ConfigDraftScreen, pools_at
from admin_views.screens.authoring.pool_forms import PoolsForm, Row, act
from admin_views.screens.draft_screen import Difference, Document
from app.errors import AvsError
from app.identity import acting
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.authoring import config_parts
from app.services.catalogs.kinds import METRICS
from app.services.configs.documents import frozen_unit
from app.services.wording.configs import pool_sentence, unit_words
from rules.lifecycle import stage_defaults
from rules.places import link_to_unit
from simulation.canonical import Json, JsonObject

Unit = Mapping[str, Json]
"""A unit in the shape of a snapshot; `is_loose` when it is defined, but in no snapshot."""


class Pools(ConfigDraftScreen[PoolsForm]):
    slug = "pools"
    route = "/configs/<config_version_id>/pools"
    title = "Pools"
    operator_decision = "What is included, and what happens beyond it?"
    needs = (
        "Each pool's unit and allowance, because the customer app counts against them and revenue is what lies beyond."
    )
    template = "pools.html"
    part = "pools"
    next_part = "price-plan"

    def form_of(self, record: ConfigVersion) -> PoolsForm:
        form = PoolsForm(get_form_data(), data=_controls(record))
        form.metric_lenses.choices = catalog_choices(db.session, METRICS, record.workspace_id, label_and_key)
        versions = sa.select(ValueUnitSnapshot.snapshot_version).filter_by(cycle_id=record.cycle_id)
        newest_first = db.session.scalars(versions.order_by(ValueUnitSnapshot.snapshot_version.desc()))
        form.value_unit_snapshot_version.choices = [
            SelectChoice("", "none yet"),
            *(SelectChoice(str(version), f"Snapshot {version}") for version in newest_first),
        ]
        form.units = _units(form, record)
        if request.method == "GET" and request.args.get(SUGGEST) == "defaults" and not form.pools.rows:
            act(form, "defaults", _suggested(record, form.units))
        _offer(form)
        _open_new_rows(form.pools.rows, record)
        _mark_linked_row(form.pools.rows)
        return form

    def document(self, record: ConfigVersion) -> Document:
        return {
            "pools": list(pools_at(record).values()),
            "config_name": record.config_name,
            "price_book_ref": record.price_book_ref,
            "metric_lenses": list(record.metric_lenses),
            "value_unit_snapshot_version": record.value_unit_snapshot_version,
        }

    def typed(self, form: PoolsForm, record: ConfigVersion) -> Document:
        version = form.value_unit_snapshot_version.data
        return {
            "pools": form.pools.documents(),
            "config_name": form.config_name.data or None,
            "price_book_ref": form.price_book_ref.data,
            "metric_lenses": in_order(form.metric_lenses.data, record.metric_lenses),
            "value_unit_snapshot_version": int(version) if version and version.isdecimal() else None,
        }

    def store(self, record: ConfigVersion, document: Document) -> None:
        config_parts.put_pools(db.session, record.config_version_id, document, **acting())

    def enforced(self, document: Document) -> JsonObject:
        return {
            "pools": document["pools"],
            "rating_agility": {"price_book_ref": document["price_book_ref"]},
            "metric_lenses": document["metric_lenses"],
        }

    def compared(self, record: ConfigVersion, stored: Document, typed: Document) -> Iterable[Difference]:
        """The differences in the content and, which only this screen shows, in name, pools' order and snapshot."""
        yield from super().compared(record, stored, typed)
        before, after = _labels_of(stored), _labels_of(typed)
        if before != after and sorted(before) == sorted(after):
            yield Difference("Pools", "order", ", ".join(before), ", ".join(after))
        if stored["config_name"] != typed["config_name"]:
            yield Difference("Config", "name", stored["config_name"], typed["config_name"])
        if stored["value_unit_snapshot_version"] != typed["value_unit_snapshot_version"]:
            yield Difference("Value units", "snapshot", _snapshot_text(stored), _snapshot_text(typed))

    def act(self, form: PoolsForm, action: str, record: ConfigVersion) -> None:
        act(form, action, _suggested(record, form.units))
        _offer(form)
        _open_new_rows(form.pools.rows, record)

    def fields(self, form: PoolsForm) -> Iterable[Field]:
        return chain(list(form), form.pools.row_errors())

    def values(self, form: PoolsForm) -> dict[str, str]:
        """The new token, and the ids that the save has given to new pools."""
        ids = {row.form.pool_id.name: pool_id for pool_id, row in form.pools.identified()}
        return super().values(form) | ids

    def parts(self, form: PoolsForm, record: ConfigVersion) -> dict[str, str]:
        says = get_template_attribute("screens/_pools.html", "says")
        return {f"says-{row.key}": str(says(words)) for row, words in _said(form, form.pools.kept, record)}

    def place(self, form: PoolsForm, error: AvsError) -> AvsError:
        """The refusal, its errors at their fields; in `/pools/1/value_unit_id`, 1 is the second pool that is kept."""
        for item in error.errors:
            name, _, rest = item.pointer.strip("/").partition("/")
            index, _, control = rest.partition("/")
            if name == "pools" and index.isdecimal() and control:
                field = form.pools.kept[int(index)].form[control]
                field.errors = [*field.errors, item.detail]
        return at_its_field(form, error)

    def context(self, form: PoolsForm, record: ConfigVersion) -> dict[str, object]:
        newest = next((item.value for item in form.value_unit_snapshot_version.choices if item.value), None)
        kept_ids = {row.form.pool_id.data for row in form.pools.kept}
        return super().context(form, record) | {
            "said": {row.key: words for row, words in _said(form, form.pools.rows, record)},
            "blank": _blank(form),
            "suggested": [pool["label"] for pool in _suggested(record, form.units) if pool["pool_id"] not in kept_ids],
            "newest_snapshot": newest,
        }


def _controls(record: ConfigVersion) -> JsonObject:
    """The values of the form's controls for a config."""
    version = record.value_unit_snapshot_version
    return {
        "pools": list(pools_at(record).values()),
        "price_book_ref": record.price_book_ref,
        "metric_lenses": list(record.metric_lenses),
        "value_unit_snapshot_version": None if version is None else str(version),
    }


def _units(form: PoolsForm, record: ConfigVersion) -> dict[str, Unit]:
    """value_unit_id → the unit as the chosen snapshot froze it, or as it is defined now when the snapshot lacks it."""
    version = form.value_unit_snapshot_version.data
    snapshot = None
    if version and version.isdecimal():
        snapshot = db.session.scalar(
            sa.select(ValueUnitSnapshot).filter_by(cycle_id=record.cycle_id, snapshot_version=int(version))
        )
    frozen = {unit["value_unit_id"]: unit for unit in (snapshot.value_units if snapshot else ())}
    defined = sa.select(ValueUnitDefinition).filter_by(cycle_id=record.cycle_id)
    loose = db.session.scalars(defined.order_by(ValueUnitDefinition.value_unit_id))
    return frozen | {
        unit.value_unit_id: frozen_unit(unit) | {"is_loose": True} for unit in loose if unit.value_unit_id not in frozen
    }


def _labels(units: Mapping[str, Unit]) -> dict[str, str]:
    return {
        unit_id: f"{unit['name']}{', not in this snapshot' if unit.get('is_loose') else ''}"
        for unit_id, unit in units.items()
    }


def _offer(form: PoolsForm) -> None:
    """Fill each row's picker of units; the chosen unit stays a choice even when no snapshot has it."""
    labels = _labels(form.units)
    for row in form.pools.rows:
        _offer_row(row, labels)


def _offer_row(row: Row, labels: Mapping[str, str]) -> None:
    chosen = row.form.value_unit_id.data
    missing = {} if not chosen or chosen in labels else {chosen: f"{chosen} (not in the snapshot)"}
    choices = [SelectChoice(key, text) for key, text in {**labels, **missing}.items()]
    row.form.value_unit_id.choices = [SelectChoice("", "choose"), *choices]


def _blank(form: PoolsForm) -> Row:
    row = form.pools.blank
    row.is_open = True
    _offer_row(row, _labels(form.units))
    return row


def _open_new_rows(rows: Sequence[Row], record: ConfigVersion) -> None:
    """Show all controls of the rows that are not stored yet: nobody has decided about them."""
    stored_ids = pools_at(record)
    for row in rows:
        row.is_open = row.is_open or row.form.pool_id.data not in stored_ids


def _mark_linked_row(rows: Sequence[Row]) -> None:
    """Give the ids that deep links end with to the controls of the row that the address names."""
    linked_key = request.args.get("pool")
    for row in rows:
        if row.key == linked_key:
            row.use_plain_ids()


def _labels_of(document: Document) -> list[str]:
    return [pool["label"] or "New pool" for pool in document["pools"]]


def _snapshot_text(document: Document) -> str | None:
    version = document["value_unit_snapshot_version"]
    return None if version is None else f"snapshot {version}"


def _is_last(row: Row, rows: Sequence[Row]) -> bool:
    """Whether no other pool of the row's unit is drawn from after it; exploration pools come first."""
    own = [other for other in rows if other.form.value_unit_id.data == row.form.value_unit_id.data]
    drawn = sorted(own, key=lambda other: not other.form.is_exploration_pool.data)
    return not drawn or drawn[-1] is row


def _said(form: PoolsForm, rows: Sequence[Row], record: ConfigVersion) -> Iterator[tuple[Row, dict[str, str]]]:
    """Each row with the words beside it; a sentence depends on the pools of the unit that are kept."""
    for row in rows:
        yield row, _words(row, form.pools.kept, form.units, record.cycle_id)


def _words(row: Row, kept: Sequence[Row], units: Mapping[str, Unit], cycle_id: str) -> dict[str, str]:
    """The words beside a row: a sentence about the pool, its unit's economics, and where those can be changed."""
    unit = units.get(row.form.value_unit_id.data or "")
    return {
        "sentence": pool_sentence(row.form.document(""), unit, is_last=_is_last(row, kept)),
        "unit": unit_words(unit) if unit else "",
        "unit_href": link_to_unit(cycle_id, row.form.value_unit_id.data, "unit_economics.target_price_per_unit_usd"),
    }


def _suggested(record: ConfigVersion, units: Mapping[str, Unit]) -> list[JsonObject]:
    """The pools that the stage suggests, without units and allowances; the unit is chosen where there is only one."""
    only_unit_id = next(iter(units)) if len(units) == 1 else None
    return [
        {
            "pool_id": pool.pool_id,
            "label": pool.label,
            "value_unit_id": only_unit_id,
            "included_quantity": Decimal(0),
            "overage_behavior": pool.overage_behavior.value,
            "is_exploration_pool": pool.is_exploration_pool,
        }
        for pool in stage_defaults(record.stage).pools
    ]
