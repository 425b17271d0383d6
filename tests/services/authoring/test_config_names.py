"""A config is called by its name, or by its subject and number, and a fork keeps the name until it gets another."""

import pytest

from app.models.base import AnySession
from app.models.transactions import write
from app.services.authoring import fork as forks
from app.services.authoring.configs import update_config
from app.services.configs.lookup import get_config
from app.services.guidance.lists import Listing, configs_page
from tests import factories as f

TEAM = "Team plan, December price rise"


def test_without_a_name_a_config_is_called_by_its_subject_and_number(empty: AnySession) -> None:
    with write(empty):
        config = f.config(empty)
    assert config.display_name == "smb · learning · production v1"


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_name_is_none(empty: AnySession, blank: str | None) -> None:
    with write(empty):
        config = f.config(empty, config_name=blank)
    assert (config.config_name, config.display_name) == (None, "smb · learning · production v1")


def test_a_name_is_no_content(ready: AnySession) -> None:
    before = get_config(ready, "cfg_1").content_hash
    with write(ready):
        config = update_config(ready, "cfg_1", {"config_name": TEAM}, actor=f.OPERATOR, now=f.NOW)
    assert (config.content_hash, config.status, config.display_name) == (before, "simulated", TEAM)


@pytest.mark.parametrize(("given", "name"), [(None, TEAM), ("Second try", "Second try")])
def test_a_fork_keeps_the_name_of_its_source_until_it_gets_one(empty: AnySession, given: str | None, name: str) -> None:
    with write(empty):
        f.simulated(empty, config_name=TEAM)
        decision = f.approve(empty)
        target = forks.Target(f.CYCLE, "production", config_name=given)
        draft = forks.fork(empty, decision.decision_id, target, actor=f.OPERATOR, now=f.NOW)
    assert draft.config_name == name


def test_a_config_is_found_by_its_name(empty: AnySession) -> None:
    with write(empty):
        f.config(empty, config_name=TEAM)
        f.config(empty, "cfg_2")
    found = configs_page(empty, f.WORKSPACE, Listing({}, "december", "config", 1))
    assert [config.config_version_id for config in found.rows] == ["cfg_1"]
