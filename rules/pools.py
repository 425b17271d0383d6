"""Rules about pools: there is one, and each rests on a unit of the snapshot (spec 3)."""

from collections.abc import Iterable, Iterator

from rules.draft import Draft, Pool
from rules.finding import Finding, Gate
from rules.places import at_config, at_pool
from rules.wording import THIS_CONFIG, pick, quoted, this_pool

MAX_POOLS = 50


def config_has_a_pool(draft: Draft) -> Iterator[Finding]:
    """Without a pool there is nothing to enforce, and nothing to simulate (simulation gate)."""
    if not draft.pools:
        message = f"{THIS_CONFIG} has no pool. Add one; the stage suggests some."
        yield Finding("config_pools_missing", Gate.SIMULATE, message, *at_config(draft, "pools", "pools"))


def pools_name_units_of_the_snapshot(draft: Draft) -> Iterator[Finding]:
    """Each pool meters one frozen unit (simulation gate). Without a snapshot that alone is the finding."""
    if draft.units is None:
        return
    known = {unit.value_unit_id: unit.name or unit.value_unit_id for unit in draft.units if unit.value_unit_id}
    for pool in draft.pools:
        if pool.value_unit_id not in known:
            message = _counts_no_known_unit(draft, pool, known.values())
            yield Finding("pool_value_unit_unknown", Gate.SIMULATE, message, *at_pool(draft, pool, "value_unit_id"))


def _counts_no_known_unit(draft: Draft, pool: Pool, names: Iterable[str]) -> str:
    version = draft.config.value_unit_snapshot_version
    snapshot = "the snapshot" if version is None else f"snapshot {version}"
    problem = f"counts a value unit that is not in {snapshot}" if pool.value_unit_id else "counts no value unit"
    return f"{this_pool(pool)} {problem}. {pick(map(quoted, names), 'Submit a snapshot that has units.')}"
