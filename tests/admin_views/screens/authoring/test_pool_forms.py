"""The rows of the pools table: the ids that new pools get."""

from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import Form

from admin_views.screens.authoring.pool_forms import KEY, PoolsField


class Rows(Form):  # type: ignore[misc]  # WTForms has no types
    pools = PoolsField("Pools")


def rows(labels: list[str]) -> PoolsField:
    pairs = [("pools", f"new_{at}") for at in range(len(labels))]
    form = Rows(MultiDict(pairs + [(f"new_{at}.label", label) for at, label in enumerate(labels)]))
    pools: PoolsField = form.pools
    return pools


@given(st.lists(st.text(max_size=40), max_size=12))
def test_every_new_pool_gets_an_id_of_its_own_that_the_api_takes_too(labels: list[str]) -> None:
    ids = [pool_id for pool_id, _ in rows(labels).identified()]
    assert len(set(ids)) == len(labels)
    assert all(KEY.fullmatch(pool_id) for pool_id in ids)
    assert ids == [pool_id for pool_id, _ in rows(labels).identified()]


def test_an_id_that_another_pool_has_gets_a_number() -> None:
    assert [pool_id for pool_id, _ in rows(["4K Pro", "4k pro!", "日本", "日本"]).identified()] == [
        "pool_4k_pro",
        "pool_4k_pro_2",
        "pool_3",
        "pool_4",
    ]


def test_keys_that_no_page_of_ours_has_are_left_out() -> None:
    field = Rows(MultiDict([("pools", "a b"), ("pools", '"><script>'), ("pools", "ok"), ("pools", "ok")])).pools
    assert [row.key for row in field.rows] == ["ok"]
