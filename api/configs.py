"""/api/configs: config versions while they are drafts, and what holds each back (spec 2, 3 and 6)."""

from collections.abc import Callable

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, deleted, once, require_match, tagged, writing
from api.schemas import configs as schemas
from api.schemas.common import Document, Parsed, page_of
from app import clock
from app.extensions import usage_events
from app.identity import acting
from app.models.base import AnySession, db
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, ExplorationRule, Pool, RailRule
from app.services.authoring import configs as drafts
from app.services.authoring.inputs import ConfigColumns, ConfigInput
from app.services.configs import lookup
from app.services.configs.completeness import completeness
from app.services.configs.documents import exploration_shape, pool_shape, rails_shape
from app.services.configs.lookup import locked
from app.services.configs.reading import ConfigReading, find_config, load_catalogs, read_config
from app.services.simulations.usage_facts import findings_with_usage
from rules.delivery import policy
from rules.draft import Catalogs
from rules.gate import evaluate

TAG = "Configs"
ONE = "/configs/<config_version_id>"
FILTERS = {name: getattr(ConfigVersion, name) for name in (*SUBJECT_FIELDS, "cycle_id", "status")}


def pool_document(pool: Pool) -> Document:
    more = {"position": pool.position, "config_version_id": pool.config_version_id}
    return schemas.Pool().document(pool_shape(pool) | more)


def exploration_document(rule: ExplorationRule | None) -> Document:
    return schemas.Exploration().document(exploration_shape(rule))


def rails_document(rails: RailRule | None) -> Document:
    return schemas.Rails().document({"absolute_usage_caps": None} | rails_shape(rails))


def price_plan_document(config: ConfigVersion) -> Document:
    """The config's price plan; empty without one."""
    return dict(config.price_plan or {})


def own(config: ConfigVersion) -> Document:
    """The config with its pools, price plan, exploration and rails: what the ETag covers."""
    columns = schemas.Config(exclude=("pools", "exploration", "rails", "delivery", "completeness")).document(config)
    return columns | {
        "delivery": policy(config.delivery),
        "pools": [pool_document(pool) for pool in config.pools],
        "exploration": exploration_document(config.exploration),
        "rails": rails_document(config.rails),
    }


def document(session: AnySession, config: ConfigVersion) -> Document:
    """The config as every answer shows it, with all findings of the rules."""
    return _judged(config, read_config(session, config.config_version_id))


def documents(session: AnySession) -> Callable[[ConfigVersion], Document | None]:
    """`document` for many configs, each workspace's catalogs read once; None for one that was deleted meanwhile."""
    catalogs: dict[str, Catalogs] = {}

    def listed(config: ConfigVersion) -> Document | None:
        if config.workspace_id not in catalogs:
            catalogs[config.workspace_id] = load_catalogs(session, config.workspace_id)
        reading = find_config(session, config.config_version_id, catalogs=catalogs[config.workspace_id])
        return None if reading is None else _judged(config, reading)

    return listed


def _judged(config: ConfigVersion, reading: ConfigReading) -> Document:
    return own(config) | {"completeness": completeness(evaluate(reading.draft()))}


def with_usage(session: AnySession, config: ConfigVersion) -> Document:
    """The config as it is read alone: with the advice that rests on usage, for which the event store is read."""
    reading = read_config(session, config.config_version_id)
    findings = findings_with_usage(session, usage_events().store, reading, now=clock.now())
    return own(config) | {"completeness": completeness(findings)}


@operation(
    "GET",
    "/configs",
    tag=TAG,
    summary="List configs",
    query=schemas.ConfigQuery(),
    answers={200: page_of(schemas.Config)},
)
def list_configs(query: Parsed) -> Answer:
    """Newest first."""
    order = (ConfigVersion.created_at, ConfigVersion.config_version_id)
    return page(
        filtered(sa.select(ConfigVersion), query, FILTERS), order, query, documents(db.session), newest_first=True
    )


@operation(
    "POST",
    "/configs",
    tag=TAG,
    summary="Create a draft",
    body=schemas.ConfigBody(),
    answers={201: schemas.Config},
    idempotent=True,
)
def create_config(body: ConfigInput) -> Answer:
    """Numbered after the subject's newest version. What is left out comes from the stage's defaults."""

    def build(session: AnySession) -> Answer:
        row = drafts.create_config(session, body, **acting())
        return created("get_config", document(session, row), config_version_id=row.config_version_id)

    return once(build)


@operation("GET", ONE, tag=TAG, summary="Read a config", answers={200: schemas.Config}, conditional=True)
def get_config(config_version_id: str) -> Answer:
    """Its findings include the advice that rests on usage, which lists and answers to changes leave out."""
    return tagged(with_usage(db.session, lookup.get_config(db.session, config_version_id)))


@operation(
    "PATCH",
    ONE,
    tag=TAG,
    summary="Change a draft",
    body=schemas.ConfigEditable(partial=True),
    answers={200: schemas.Config},
    conditional=True,
)
def update_config(config_version_id: str, body: ConfigColumns) -> Answer:
    """A changed simulated config is a draft again; a decided one answers 409 config_immutable."""
    with writing() as session:
        require_match(own(locked(session, config_version_id)))
        return tagged(document(session, drafts.update_config(session, config_version_id, body, **acting())))


@operation(
    "DELETE", ONE, tag=TAG, summary="Delete a draft that nothing refers to", answers={204: None}, conditional=True
)
def delete_config(config_version_id: str) -> Answer:
    with writing() as session:
        require_match(own(locked(session, config_version_id)))
        drafts.delete_config(session, config_version_id, **acting())
        return deleted()


OPERATIONS = (list_configs, create_config, get_config, update_config, delete_config)
