"""A threshold that is a share of the monthly spend cap needs one; the simulation says that it counts by pools."""

from dataclasses import replace
from decimal import Decimal

from rules.counting import every_scope_is_of_a_threshold, the_simulation_counts_as_apps_do
from rules.draft import Delivery, Draft
from tests.rules.lumina import CANDIDATE

OF_SPEND = Delivery(threshold_scopes=((70, "spend"),))


def with_cap(cap: int | None) -> Draft:
    rails = replace(CANDIDATE.rails, monthly_spend_cap_usd=None if cap is None else Decimal(cap))
    return replace(CANDIDATE, rails=rails, delivery=OF_SPEND)


def test_a_share_of_no_spend_cap_is_said_where_the_cap_is_set() -> None:
    (finding,) = every_scope_is_of_a_threshold(with_cap(None))
    assert finding.code == "threshold_scope_unmatched"
    assert "at 70 % of the monthly spend cap, and has no such cap" in finding.message
    assert finding.deep_link.endswith("/rails#monthly_spend_cap_usd")
    assert not list(every_scope_is_of_a_threshold(with_cap(500)))


def test_the_simulation_says_that_it_counts_by_pools() -> None:
    (finding,) = the_simulation_counts_as_apps_do(with_cap(500))
    assert "70 % as the share of the monthly spend cap" in finding.message
