"""References between configs, runs, patches and decisions, and to the rows that they stand on (spec 1 and 2)."""

from collections.abc import Iterator

from app.models.config_version import SUBJECT_FIELDS
from rules.enums import ConfigStatus, DecisionStatus, SimulationStatus
from seed.problems import SeedProblem
from seed.reading import SeedFiles, SeedRow, Values
from seed.references import differs, repeated, unknown, unknown_value


def decision_problems(files: SeedFiles) -> Iterator[SeedProblem]:
    """Problems of configs, simulation runs, billing patches and decision records."""
    configs = files.rows["configs.json"]
    for row in configs:
        yield from _config(files, row)
    yield from repeated(configs, (*SUBJECT_FIELDS, "version"))
    active = [row for row in configs if row.values["status"] == ConfigStatus.ACTIVE]
    yield from repeated(active, (*SUBJECT_FIELDS, "status"))
    for row in active if "decision_records.json" not in files.bad else ():
        yield from _stands_on_one_decision(files, row)
    for row in files.rows["simulation_runs.json"]:
        yield from _run(files, row)
    for row in files.rows["billing_patches.json"]:
        yield from _of_config(files, row, "config_version_id")
    for row in files.rows["decision_records.json"]:
        yield from _decision(files, row)


def _config(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    yield from unknown(files, row, "workspace_id", "workspaces.json")
    yield from unknown(files, row, "segment", "segment_catalog.json")
    yield from unknown(files, row, "metric_lenses", "metric_catalog.json")
    yield from unknown(files, row, "cycle_id", "cycles.json")
    cycle = files.find("cycles.json", row.values["cycle_id"])
    if cycle is not None:
        yield from differs(row, "workspace_id", cycle["workspace_id"], "its cycle")
    yield from _baseline(files, row)
    yield from _pools(files, row)
    yield from _exploration(files, row)


def _baseline(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    """A baseline is another version of the workspace, and no chain of baselines leads back."""
    field = "baseline_config_version_id"
    yield from unknown(files, row, field, "configs.json")
    chain = {row.values["config_version_id"]}
    baseline = files.find("configs.json", row.values[field])
    if baseline is not None and baseline["workspace_id"] != row.values["workspace_id"]:
        yield row.problem(field, f"{row.values[field]!r} belongs to workspace {baseline['workspace_id']}")
    while baseline is not None:
        if baseline["config_version_id"] in chain:
            yield row.problem(field, "the chain of baselines leads back to itself")
            return
        chain.add(baseline["config_version_id"])
        baseline = files.find("configs.json", baseline[field])


def _pools(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    units = _snapshot_units(files, row)
    if units is None and "value_unit_snapshots.json" not in files.bad:
        version = row.values["value_unit_snapshot_version"]
        yield row.problem("value_unit_snapshot_version", f"{row.values['cycle_id']} has no snapshot {version}")
    pool_ids: set[str] = set()
    for index, pool in enumerate(row.values["pools"]):
        if units is not None and pool["value_unit_id"] not in units:
            yield row.problem(f"pools[{index}].value_unit_id", f"{pool['value_unit_id']!r} is not in the snapshot")
        if pool["pool_id"] in pool_ids:
            yield row.problem(f"pools[{index}].pool_id", f"{pool['pool_id']!r} stands twice in this config")
        pool_ids.add(pool["pool_id"])


def _snapshot_units(files: SeedFiles, row: SeedRow) -> list[str] | None:
    key = (row.values["cycle_id"], row.values["value_unit_snapshot_version"])
    for snapshot in files.rows["value_unit_snapshots.json"]:
        if (snapshot.values["cycle_id"], snapshot.values["snapshot_version"]) == key:
            ids: list[str] = snapshot.values["value_unit_ids"]
            return ids
    return None


def _exploration(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    rule = row.values["exploration"]
    for index, event_type in enumerate(rule["qualifying_events"]):
        field = f"exploration.qualifying_events[{index}]"
        yield from unknown_value(files, row, field, event_type, "event_catalog.json")
    pool_id = rule["exploration_pool_id"]
    pools = [pool["pool_id"] for pool in row.values["pools"] if pool["is_exploration_pool"]]
    if pool_id is not None and pool_id not in pools:
        yield row.problem("exploration.exploration_pool_id", f"{pool_id!r} is no exploration pool of this config")


def _stands_on_one_decision(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    """A problem when an active config has no active decision, or several: apps enforce what was decided once."""
    config_id = row.values["config_version_id"]
    count = sum(
        decision.values["config_version_id"] == config_id and decision.values["status"] == DecisionStatus.ACTIVE
        for decision in files.rows["decision_records.json"]
    )
    if count != 1:
        yield row.problem("status", f"an active config stands on one active decision, {config_id} has {count}")


def _of_config(files: SeedFiles, row: SeedRow, field: str) -> Iterator[SeedProblem]:
    """Problems of a row that belongs to a config, and so to its cycle and its workspace."""
    yield from unknown(files, row, field, "configs.json")
    config = files.find("configs.json", row.values[field])
    if config is not None:
        yield from differs(row, "workspace_id", config["workspace_id"], row.values[field])
        yield from differs(row, "cycle_id", config["cycle_id"], row.values[field])


def _run(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    yield from _of_config(files, row, "candidate_config_version_id")
    yield from unknown(files, row, "baseline_config_version_id", "configs.json")
    if row.values["status"] == SimulationStatus.COMPLETED:
        for name in ("outputs", "completed_at"):
            if row.values[name] is None:
                yield row.problem(name, "is required for a completed run")


def _decision(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    decision = row.values
    yield from _of_config(files, row, "config_version_id")
    yield from unknown(files, row, "baseline_config_version_id", "configs.json")
    yield from unknown(files, row, "simulation_run_id", "simulation_runs.json")
    yield from unknown(files, row, "billing_patch_id", "billing_patches.json")
    config = files.find("configs.json", decision["config_version_id"])
    if config is not None:
        subject = {name: config[name] for name in SUBJECT_FIELDS}
        yield from differs(row, "subject_resolution", subject, decision["config_version_id"])
        yield from _active_decision(row, config)
    run = files.find("simulation_runs.json", decision["simulation_run_id"])
    if run is not None and run["candidate_config_version_id"] != decision["config_version_id"]:
        yield row.problem("simulation_run_id", f"that run simulated {run['candidate_config_version_id']}")
    patch = files.find("billing_patches.json", decision["billing_patch_id"])
    if patch is not None and patch["config_version_id"] != decision["config_version_id"]:
        yield row.problem("billing_patch_id", f"that patch is of {patch['config_version_id']}")


def _active_decision(row: SeedRow, config: Values) -> Iterator[SeedProblem]:
    decided = (ConfigStatus.ACTIVE, ConfigStatus.APPROVED)
    if row.values["status"] == DecisionStatus.ACTIVE and config["status"] not in decided:
        yield row.problem("status", f"an active decision needs an active or approved config, it is {config['status']}")
