"""A link can be made from ids alone, and a finding about the same record has the same one."""

import pytest

from rules.draft import Config, Cycle, Draft, ValueUnit
from rules.places import (
    at_config,
    at_cycle,
    at_exploration,
    at_rails,
    at_unit,
    link_to_config,
    link_to_cycle,
    link_to_unit,
)

DRAFT = Draft(cycle=Cycle(cycle_id="cycle_1"), config=Config(config_version_id="cfg_1"))


def test_a_link_to_a_cycle_names_it_and_the_field() -> None:
    assert link_to_cycle("cycle_1", "goal_type") == "/cycles/new/north-star?cycle=cycle_1#goal_type"
    assert link_to_cycle(None, "goal_type") == "/cycles/new/north-star#goal_type"


def test_a_link_to_a_unit_opens_its_pane() -> None:
    link = "/cycles/cycle_1/value-units?unit=vu_hd#event_mapping.filters"
    assert link_to_unit("cycle_1", "vu_hd", "event_mapping.filters") == link
    assert link_to_unit("cycle_1", None, "name") == "/cycles/cycle_1/value-units?unit=new#name"


def test_a_link_to_a_config_names_the_screen_and_the_field() -> None:
    assert link_to_config("cfg_1", "pools", "segment") == "/configs/cfg_1/pools#segment"


@pytest.mark.parametrize(
    ("link", "path"),
    [
        (link_to_cycle("a/b c", "name"), "/cycles/new/north-star?cycle=a%2Fb%20c#name"),
        (link_to_unit("a/b", "c?d", "name"), "/cycles/a%2Fb/value-units?unit=c%3Fd#name"),
        (link_to_config("a/b", "rails", "margin_floor"), "/configs/a%2Fb/rails#margin_floor"),
    ],
)
def test_ids_are_quoted_in_links(link: str, path: str) -> None:
    assert link == path


def test_findings_have_the_links_of_their_records() -> None:
    unit = ValueUnit(value_unit_id="vu_hd")
    assert at_cycle(DRAFT, "goal_type").deep_link == link_to_cycle("cycle_1", "goal_type")
    assert at_unit(DRAFT, unit, "name").deep_link == link_to_unit("cycle_1", "vu_hd", "name")
    assert at_config(DRAFT, "segment", "pools").deep_link == link_to_config("cfg_1", "pools", "segment")
    assert at_rails(DRAFT, "margin_floor").deep_link == link_to_config("cfg_1", "rails", "margin_floor")
    assert at_exploration(DRAFT, "expires_after_days").deep_link == link_to_config(
        "cfg_1", "exploration", "expires_after_days"
    )
