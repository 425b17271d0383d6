"""/api/configs: config versions while they are drafts, and what holds each back (spec 2, 3 and 6)."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, deleted, once, require_match, tagged, writing
from api.schemas.common import page_of
from api.schemas.configs import Config, ConfigBody, ConfigEditable, ConfigQuery, Exploration, Pool, Rails
from app.identity import acting
from app.models.base import db
from app.models.config_version import SUBJECT_FIELDS, ExplorationRule, RailRule
from app.models.config_version import ConfigVersion as Row
from app.models.config_version import Pool as PoolRow
from app.services.authoring import configs as config_drafts
from app.services.configs.completeness import completeness
from app.services.configs.documents import exploration_shape, pool_shape, rails_shape
from app.services.configs.lookup import get_config as read_row
from app.services.configs.lookup import locked
from app.services.configs.reading import ConfigReading, find_config, load_catalogs, read_config
from rules.delivery import policy
from rules.gate import evaluate

TAG = "Configs"
ONE = "/configs/<config_version_id>"
FILTERS = {name: getattr(Row, name) for name in (*SUBJECT_FIELDS, "cycle_id", "status")}


def pool_document(pool: PoolRow) -> dict[str, Any]:
    more = {"position": pool.position, "config_version_id": pool.config_version_id}
    return Pool().dump(pool_shape(pool) | more)


def exploration_document(rule: ExplorationRule | None) -> dict[str, Any]:
    return Exploration().dump(exploration_shape(rule))


def rails_document(rails: RailRule | None) -> dict[str, Any]:
    return Rails().dump({"absolute_usage_caps": None} | rails_shape(rails))


def own(config: Row) -> dict[str, Any]:
    """The config with its pools, exploration and rails: what the ETag covers."""
    columns = Config(exclude=("pools", "exploration", "rails", "delivery", "completeness")).dump(config)
    return columns | {
        "delivery": policy(config.delivery),
        "pools": [pool_document(pool) for pool in config.pools],
        "exploration": exploration_document(config.exploration),
        "rails": rails_document(config.rails),
    }


def document(session: Any, config: Row) -> dict[str, Any]:
    """The config as every answer shows it, with all findings of the rules."""
    return _judged(config, read_config(session, config.config_version_id))


def documents(session: Any) -> Callable[[Row], dict[str, Any] | None]:
    """`document` for many configs, the catalogs read once; None for one that was deleted meanwhile."""
    catalogs = load_catalogs(session)

    def listed(config: Row) -> dict[str, Any] | None:
        seen = find_config(session, config.config_version_id, catalogs=catalogs)
        return seen and _judged(config, seen)

    return listed


def _judged(config: Row, seen: ConfigReading) -> dict[str, Any]:
    return own(config) | {"completeness": completeness(evaluate(seen.draft()))}


@operation("GET", "/configs", tag=TAG, summary="List configs", query=ConfigQuery(), answers={200: page_of(Config)})
def list_configs(query: dict[str, Any]) -> Answer:
    """Newest first."""
    order = (Row.created_at, Row.config_version_id)
    return page(filtered(sa.select(Row), query, FILTERS), order, query, documents(db.session), newest_first=True)


@operation(
    "POST",
    "/configs",
    tag=TAG,
    summary="Create a draft",
    body=ConfigBody(),
    answers={201: Config},
    idempotent=True,
)
def create_config(body: dict[str, Any]) -> Answer:
    """Numbered after the subject's newest version. What is left out comes from the stage's defaults."""

    def build(session: Any) -> Answer:
        row = config_drafts.create_config(session, body, **acting())
        return created("get_config", document(session, row), config_version_id=row.config_version_id)

    return once(build)


@operation("GET", ONE, tag=TAG, summary="Read a config", answers={200: Config}, conditional=True)
def get_config(config_version_id: str) -> Answer:
    return tagged(document(db.session, read_row(db.session, config_version_id)))


@operation(
    "PATCH",
    ONE,
    tag=TAG,
    summary="Change a draft",
    body=ConfigEditable(partial=True),
    answers={200: Config},
    conditional=True,
)
def update_config(config_version_id: str, body: dict[str, Any]) -> Answer:
    """A changed simulated config is a draft again; a decided one answers 409 config_immutable."""
    with writing() as session:
        require_match(own(locked(session, config_version_id)))
        return tagged(document(session, config_drafts.update_config(session, config_version_id, body, **acting())))


@operation(
    "DELETE", ONE, tag=TAG, summary="Delete a draft that nothing refers to", answers={204: None}, conditional=True
)
def delete_config(config_version_id: str) -> Answer:
    with writing() as session:
        require_match(own(locked(session, config_version_id)))
        config_drafts.delete_config(session, config_version_id, **acting())
        return deleted()


OPERATIONS = (list_configs, create_config, get_config, update_config, delete_config)
