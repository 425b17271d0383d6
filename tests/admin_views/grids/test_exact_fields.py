"""Numbers typed into forms: exact for whatever simulations calculate with, refused by name beyond it."""

from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from wtforms import Form

from admin_views.forms import ExactField, PercentField, percent_text
from app.models.base import db
from app.models.config_version import RailRule
from app.models.transactions import write
from simulation.numbers import fits
from tests import factories as f
from tests.admin_views.screens.draft_pages import post

AMOUNT = ExactField().bind(Form(), "monthly_spend_cap_usd")
SHARE = PercentField().bind(Form(), "margin_floor")
LONGEST = "9" * 14 + "." + "9" * 12


@given(st.integers(0, 10**38 - 1), st.integers(0, 12))
def test_every_number_that_simulations_take_reads_back_as_it_was(digits: int, places: int) -> None:
    value = Decimal((0, tuple(map(int, str(digits))), -places))
    if not fits(value):
        with pytest.raises(ValueError, match="below"):
            AMOUNT.read(AMOUNT.write(value))
    else:
        assert AMOUNT.read(AMOUNT.write(value)).as_tuple() == value.as_tuple()


@given(st.integers(1 - 10**14, 10**12), st.integers(0, 12))
def test_every_share_is_shown_as_per_cent_and_read_back(digits: int, places: int) -> None:
    share = Decimal(digits).scaleb(-places)
    if share <= 1:
        assert SHARE.read(SHARE.write(share)) == share


@pytest.mark.parametrize(
    ("share", "text"), [("0.68", "68 %"), ("0.7000", "70 %"), ("1", "100 %"), ("0", "0 %"), ("-12.5", "-1,250 %")]
)
def test_per_cent_has_every_place_and_no_more(share: str, text: str) -> None:
    assert percent_text(Decimal(share)) == text


@pytest.mark.parametrize("typed", ["9" * 15, "1" + "0" * 14, "1e400", "0." + "0" * 12 + "1", "1e-400", "9" * 500])
def test_what_no_simulation_takes_is_refused_with_the_limit(typed: str) -> None:
    with pytest.raises(ValueError, match=r"below 10\^14 with at most 12 decimal places"):
        AMOUNT.read(typed)


@pytest.mark.parametrize("typed", ["NaN", "Infinity", "-Infinity", "1e", "0x1F", "1,23", ""])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        AMOUNT.read(typed)


def test_a_number_may_have_an_exponent() -> None:
    assert AMOUNT.read("1e5") == Decimal(100_000)
    assert AMOUNT.read("1e-12") == Decimal("0.000000000001")


def test_a_refusal_does_not_repeat_a_page_of_what_was_typed() -> None:
    with pytest.raises(ValueError, match="is not a number") as refusal:
        AMOUNT.read("x" * 5000)
    assert len(str(refusal.value)) < 100


def test_zeros_that_say_nothing_do_not_count() -> None:
    assert AMOUNT.read("0" * 30 + "1." + "0" * 30) == 1


def test_the_longest_amount_is_stored_to_the_last_digit(client: FlaskClient) -> None:
    with write(db.session):
        f.foundation(db.session)
        f.config(db.session)
    rails = "/configs/cfg_1/rails"
    answer: Any = post(client, rails, {"monthly_spend_cap_usd": LONGEST})
    assert answer.status_code == 303, answer.text
    db.session.rollback()
    assert db.session.get_one(RailRule, "cfg_1").monthly_spend_cap_usd == Decimal(LONGEST)
    assert f"{Decimal(LONGEST):,f}" in client.get(rails).text
