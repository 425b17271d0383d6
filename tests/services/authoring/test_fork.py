"""A fork of a decision: a draft of the same content, in its cycle or in another one (spec 6)."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.errors import Invalid
from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services.authoring import config_parts
from app.services.authoring.fork import Target, fork
from app.services.configs.lookup import get_config
from app.services.decisions import activation
from tests import factories as f
from tests.present import present


def forked(session: AnySession, decision_id: str = "dec_1", **target: Any) -> ConfigVersion:
    with write(session):
        to = Target(**{"cycle_id": f.CYCLE, "target_environment": "production"} | target)
        return fork(session, decision_id, to, actor=f.OPERATOR, now=f.NOW)


def test_a_fork_is_a_draft_with_everything_that_the_source_enforces(log: AnySession) -> None:
    new, source = forked(log), get_config(log, "cfg_1")
    assert (new.status, new.version) == ("draft", 3)
    assert new.baseline_config_version_id == "cfg_1"
    assert new.content_hash == source.content_hash
    assert new.value_unit_snapshot_version == source.value_unit_snapshot_version


def test_a_fork_can_go_to_another_segment_stage_and_environment(log: AnySession) -> None:
    new = forked(log, segment="enterprise", stage="scaling", target_environment="sandbox")
    assert new.subject_resolution == {
        "workspace_id": "ws_1",
        "segment": "enterprise",
        "stage": "scaling",
        "target_environment": "sandbox",
    }
    assert present(new.exploration).enabled  # the source's, not the stage's default


def test_editing_a_fork_leaves_the_source_alone(log: AnySession) -> None:
    new, before = forked(log), get_config(log, "cfg_1").content_hash
    with write(log):
        config_parts.delete_pool(log, new.config_version_id, "pool_core", actor=f.OPERATOR, now=f.NOW)
    assert get_config(log, "cfg_1").content_hash == before
    assert len(get_config(log, "cfg_1").pools) == 2


def test_a_fork_keeps_its_snapshot_in_the_same_cycle_although_there_is_a_newer_one(log: AnySession) -> None:
    with write(log):
        f.snapshot(log, f.CYCLE, f.HD_MINUTE | {"value_unit_id": "vu_more"})
    assert forked(log).value_unit_snapshot_version == 1


@pytest.fixture
def next_cycle(log: AnySession) -> AnySession:
    """cycle_2 has units of the same names under ids of its own."""
    with write(log):
        f.cycle(log, "cycle_2")
        units = [unit | {"value_unit_id": unit["value_unit_id"] + "_q2"} for unit in (f.HD_MINUTE, f.DRAFT_EXPORT)]
        f.snapshot(log, "cycle_2", *units)
    return log


def test_in_the_next_cycle_pools_count_the_units_of_the_same_name(next_cycle: AnySession) -> None:
    new = forked(next_cycle, cycle_id="cycle_2")
    assert [pool.value_unit_id for pool in new.pools] == ["vu_hd_minute_q2", "vu_draft_export_q2"]
    assert (new.cycle_id, new.value_unit_snapshot_version) == ("cycle_2", 1)


def test_a_pool_whose_unit_the_target_cycle_lacks_is_named(log: AnySession) -> None:
    with write(log):
        f.cycle(log, "cycle_2")
        f.snapshot(log, "cycle_2", f.HD_MINUTE | {"value_unit_id": "vu_hd_q2"})
    count = log.scalar(sa.select(sa.func.count()).select_from(ConfigVersion))
    with pytest.raises(Invalid) as refusal:
        forked(log, cycle_id="cycle_2")
    assert [error.code for error in refusal.value.errors] == ["pool_value_unit_unknown"]
    assert "“Exploration”" in refusal.value.detail
    assert log.scalar(sa.select(sa.func.count()).select_from(ConfigVersion)) == count


def test_two_units_of_one_name_are_not_guessed_between(next_cycle: AnySession) -> None:
    with write(next_cycle):
        f.snapshot(next_cycle, "cycle_2", f.HD_MINUTE | {"value_unit_id": "vu_twin"})
    with pytest.raises(Invalid):
        forked(next_cycle, cycle_id="cycle_2")


def test_a_fork_into_another_workspaces_cycle_is_refused(log: AnySession) -> None:
    with write(log):
        f.workspace(log, "ws_2")
        f.cycle(log, "cycle_ws_2", workspace_id="ws_2")
    with pytest.raises(Invalid) as refusal:
        forked(log, cycle_id="cycle_ws_2")
    assert refusal.value.errors[0].pointer == "/cycle_id"


def test_a_fork_is_in_the_product_event_log(log: AnySession) -> None:
    new = forked(log)
    row = log.scalars(sa.select(ProductEvent).filter_by(event_name="decision_forked")).one()
    assert (row.entity_id, row.detail) == ("dec_1", {"config_version_id": new.config_version_id})


def test_a_fork_can_be_approved_and_replaces_its_baseline(log: AnySession) -> None:
    new = forked(log)
    with write(log):
        f.run(log, get_config(log, new.config_version_id), "sim_fork")
        decision = activation.approve(
            log,
            new.config_version_id,
            "sim_fork",
            f.APPROVAL,
            actor=f.OPERATOR,
            now=f.NOW + timedelta(seconds=90),
            baseline_config_version_id="cfg_1",
        )
    assert decision.diff["changes"] == []
