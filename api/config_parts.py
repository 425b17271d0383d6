"""/api/configs/{id}/pools, …/price-plan, …/exploration and …/rails: the parts of a draft (spec 6).

Each write locks the config's subject, because its content hash and status follow from every part, and because nobody
may approve it meanwhile.
"""

import sqlalchemy as sa

from api.blueprint import operation
from api.configs import ONE, exploration_document, pool_document, price_plan_document, rails_document
from api.pagination import page
from api.resource import Answer, created, deleted, once, require_match, tagged, writing
from api.schemas import configs as schemas
from api.schemas.common import Document, PageQuery, Parsed, page_of
from api.schemas.price_plans import PricePlanBody
from api.shapes.priced import KeptPricePlan
from app.identity import acting
from app.models.base import AnySession, db
from app.models.config_version import ExplorationRule, Pool, RailRule
from app.services.authoring import config_parts
from app.services.authoring.inputs import ExplorationInput, PoolInput, RailsInput
from app.services.configs.lookup import get_config, locked

TAG = "Config parts"
POOLS, POOL = f"{ONE}/pools", f"{ONE}/pools/<pool_id>"
EXPLORATION, RAILS = f"{ONE}/exploration", f"{ONE}/rails"
PRICE_PLAN = f"{ONE}/price-plan"


@operation(
    "GET", POOLS, tag=TAG, summary="List a config's pools", query=PageQuery(), answers={200: page_of(schemas.Pool)}
)
def list_pools(config_version_id: str, query: Parsed) -> Answer:
    """In the order in which they are drawn from."""
    get_config(db.session, config_version_id)
    rows = sa.select(Pool).filter_by(config_version_id=config_version_id)
    return page(rows, (Pool.position, Pool.pool_id), query, pool_document)


@operation(
    "POST",
    POOLS,
    tag=TAG,
    summary="Add a pool to a draft",
    body=schemas.PoolBody(),
    answers={201: schemas.Pool},
    idempotent=True,
)
def add_pool(config_version_id: str, body: PoolInput) -> Answer:
    """Goes behind the others unless a position is given."""

    def build(session: AnySession) -> Answer:
        locked(session, config_version_id)
        pool = config_parts.add_pool(session, config_version_id, body, **acting())
        return created("get_pool", pool_document(pool), config_version_id=config_version_id, pool_id=pool.pool_id)

    return once(build)


@operation("GET", POOL, tag=TAG, summary="Read a pool", answers={200: schemas.Pool}, conditional=True)
def get_pool(config_version_id: str, pool_id: str) -> Answer:
    return tagged(pool_document(config_parts.get_pool(db.session, config_version_id, pool_id)))


@operation(
    "PATCH",
    POOL,
    tag=TAG,
    summary="Change a pool of a draft",
    body=schemas.PoolBody(partial=True, exclude=("pool_id",)),
    answers={200: schemas.Pool},
    conditional=True,
)
def update_pool(config_version_id: str, pool_id: str, body: PoolInput) -> Answer:
    with writing() as session:
        locked(session, config_version_id)
        require_match(pool_document(config_parts.get_pool(session, config_version_id, pool_id)))
        return tagged(pool_document(config_parts.update_pool(session, config_version_id, pool_id, body, **acting())))


@operation("DELETE", POOL, tag=TAG, summary="Remove a pool from a draft", answers={204: None}, conditional=True)
def delete_pool(config_version_id: str, pool_id: str) -> Answer:
    with writing() as session:
        locked(session, config_version_id)
        require_match(pool_document(config_parts.get_pool(session, config_version_id, pool_id)))
        config_parts.delete_pool(session, config_version_id, pool_id, **acting())
        return deleted()


@operation("GET", PRICE_PLAN, tag=TAG, summary="Read the price plan", answers={200: KeptPricePlan}, conditional=True)
def get_price_plan(config_version_id: str) -> Answer:
    """Empty where the config has none, which is billed for overage at the prices of its value units."""
    return tagged(price_plan_document(get_config(db.session, config_version_id)))


@operation(
    "PUT",
    PRICE_PLAN,
    tag=TAG,
    summary="Replace a draft's price plan",
    body=PricePlanBody(),
    answers={200: KeptPricePlan},
    conditional=True,
)
def put_price_plan(config_version_id: str, body: Document) -> Answer:
    """What is left out is cleared; lists may be in any order, and are answered in the order of their ids."""
    return _write_price_plan(config_version_id, body, keep=False)


@operation(
    "PATCH",
    PRICE_PLAN,
    tag=TAG,
    summary="Change a draft's price plan",
    body=PricePlanBody(partial=True),
    answers={200: KeptPricePlan},
    conditional=True,
)
def update_price_plan(config_version_id: str, body: Document) -> Answer:
    """A member that is given replaces the plan's as a whole, lists too; null takes it out."""
    return _write_price_plan(config_version_id, body, keep=True)


@operation(
    "DELETE",
    PRICE_PLAN,
    tag=TAG,
    summary="Take the price plan out of a draft",
    answers={204: None},
    conditional=True,
)
def delete_price_plan(config_version_id: str) -> Answer:
    _write_price_plan(config_version_id, {}, keep=False)
    return deleted()


def _write_price_plan(config_version_id: str, body: Document, *, keep: bool) -> Answer:
    """Replace the plan; `keep` leaves the members that the body does not have as they are."""
    with writing() as session:
        config = locked(session, config_version_id)
        stored = price_plan_document(config)
        require_match(stored)
        plan = {**stored, **body} if keep else body
        return tagged(price_plan_document(config_parts.put_price_plan(session, config_version_id, plan, **acting())))


@operation(
    "GET",
    EXPLORATION,
    tag=TAG,
    summary="Read the exploration rule",
    answers={200: schemas.Exploration},
    conditional=True,
)
def get_exploration(config_version_id: str) -> Answer:
    return tagged(exploration_document(get_config(db.session, config_version_id).exploration))


@operation(
    "PUT",
    EXPLORATION,
    tag=TAG,
    summary="Replace a draft's exploration rule",
    body=schemas.ExplorationBody(),
    answers={200: schemas.Exploration},
    conditional=True,
)
def put_exploration(config_version_id: str, body: ExplorationInput) -> Answer:
    """What is left out is cleared."""
    return _write_exploration(config_version_id, body)


@operation(
    "PATCH",
    EXPLORATION,
    tag=TAG,
    summary="Change a draft's exploration rule",
    body=schemas.ExplorationBody(partial=True),
    answers={200: schemas.Exploration},
    conditional=True,
)
def update_exploration(config_version_id: str, body: ExplorationInput) -> Answer:
    return _write_exploration(config_version_id, body)


def _write_exploration(config_version_id: str, body: ExplorationInput) -> Answer:
    with writing() as session:
        config = locked(session, config_version_id)
        require_match(exploration_document(config.exploration))
        rule: ExplorationRule = config_parts.put_exploration(session, config_version_id, body, **acting())
        return tagged(exploration_document(rule))


@operation("GET", RAILS, tag=TAG, summary="Read the rails", answers={200: schemas.Rails}, conditional=True)
def get_rails(config_version_id: str) -> Answer:
    return tagged(rails_document(get_config(db.session, config_version_id).rails))


@operation(
    "PUT",
    RAILS,
    tag=TAG,
    summary="Replace a draft's rails",
    body=schemas.RailsBody(),
    answers={200: schemas.Rails},
    conditional=True,
)
def put_rails(config_version_id: str, body: RailsInput) -> Answer:
    """What is left out is cleared."""
    return _write_rails(config_version_id, body)


@operation(
    "PATCH",
    RAILS,
    tag=TAG,
    summary="Change a draft's rails",
    body=schemas.RailsBody(partial=True),
    answers={200: schemas.Rails},
    conditional=True,
)
def update_rails(config_version_id: str, body: RailsInput) -> Answer:
    return _write_rails(config_version_id, body)


def _write_rails(config_version_id: str, body: RailsInput) -> Answer:
    with writing() as session:
        config = locked(session, config_version_id)
        require_match(rails_document(config.rails))
        rails: RailRule = config_parts.put_rails(session, config_version_id, body, **acting())
        return tagged(rails_document(rails))


OPERATIONS = (
    list_pools,
    add_pool,
    get_pool,
    update_pool,
    delete_pool,
    get_price_plan,
    put_price_plan,
    update_price_plan,
    delete_price_plan,
    get_exploration,
    put_exploration,
    update_exploration,
    get_rails,
    put_rails,
    update_rails,
)
