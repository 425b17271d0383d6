"""Rules about exploration: subsidised use that has a pool, a start and an end (spec 3)."""

from collections.abc import Iterator

from rules.draft import Draft, Pool, filled, is_filled
from rules.finding import Finding, Gate
from rules.lifecycle import graduation_signal_is_required
from rules.places import at_exploration
from rules.wording import THIS_CONFIG, pick, quoted

SENSIBLE_EXPIRY_DAYS = (14, 60)


def production_exploration_is_complete(draft: Draft) -> Iterator[Finding]:
    """Finds each field that an enabled exploration still lacks (production gate)."""
    if not draft.exploration.enabled:
        return
    for field, problem in _gaps(draft):
        message = f"{THIS_CONFIG}: exploration {problem}"
        yield Finding("exploration_incomplete", Gate.APPROVE, message, *at_exploration(draft, field))


def _gaps(draft: Draft) -> Iterator[tuple[str, str]]:
    """Pairs of a field and its problem with the fix, in the order of the screen's fields."""
    exploration = draft.exploration
    yield from _pool_gap(draft)
    if not filled(exploration.qualifying_events):
        choice = pick(sorted(draft.catalogs.events), "Add an event to the catalog, then pick it.")
        yield "qualifying_events", f"is on, but no event counts as exploring. {choice}"
    if exploration.expires_after_days is None:
        yield "expires_after_days", "is on, but never ends. Set the days after which it does, 30 for instance."
    if graduation_signal_is_required(draft.config.stage) and not is_filled(exploration.graduation_signal):
        fix = "Name one, or turn exploration off."
        yield "graduation_signal", f"has no graduation signal, which stage scaling requires. {fix}"


def _pool_gap(draft: Draft) -> Iterator[tuple[str, str]]:
    pools = {pool.pool_id: pool for pool in draft.pools}
    candidates = {key: pool for key, pool in pools.items() if key and pool.is_exploration_pool}
    fix = pick(map(_named, candidates.values()), "Mark a pool as exploration pool first.")
    pool_id = draft.exploration.exploration_pool_id
    if not is_filled(pool_id):
        yield "exploration_pool_id", f"is on, but no pool pays for it. {fix}"
    elif pool_id not in pools:
        yield "exploration_pool_id", f"is paid from a pool that the config does not have. {fix}"
    elif pool_id not in candidates:
        problem = f"is paid from {_named(pools[pool_id])}, which is not an exploration pool"
        yield "exploration_pool_id", f"{problem}. {fix}"


def _named(pool: Pool) -> str:
    return quoted(pool.label) if pool.label else "a pool without a name"


def exploration_ends_within_sensible_days(draft: Draft) -> Iterator[Finding]:
    """Advisory: shorter teaches little, longer gives value away. Says nothing while exploration is disabled."""
    days, (least, most) = draft.exploration.expires_after_days, SENSIBLE_EXPIRY_DAYS
    if draft.exploration.enabled and days is not None and not least <= days <= most:
        message = (
            f"{THIS_CONFIG}: exploration ends after {days} days, outside {least} to {most}. "
            "Shorter teaches little, longer gives value away."
        )
        place = at_exploration(draft, "expires_after_days")
        yield Finding("exploration_expiry_out_of_range", Gate.ADVISORY, message, *place)
