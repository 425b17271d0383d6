"""Lists, search, filters, order, details and CSV, the same on both engines."""

import csv
import io
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from admin_views.grids.spec import GridSpec
from admin_views.grids.specs import GRIDS
from app.models.base import Model, db
from app.models.config_version import ConfigVersion
from app.models.product_event import ProductEvent
from tests.admin_views.rows import ACTIVE, DRAFT, NOW, enforcement_event
from tests.present import present


def add(*rows: Model) -> None:
    db.session.add_all(rows)
    db.session.commit()


def export(client: FlaskClient, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(f"/admin/{path}").text)))


def found(client: FlaskClient, grid: str, search: str) -> list[str]:
    """The first column of what a search of the grid gives, through its CSV."""
    rows = csv.reader(io.StringIO(client.get(f"/admin/{grid}/export/csv/", query_string={"search": search}).text))
    next(rows)
    return [row[0] for row in rows]


@pytest.mark.parametrize("spec", GRIDS, ids=lambda spec: spec.slug)
def test_every_grid_lists_sorts_filters_shows_and_exports(sqlite_grids: FlaskClient, spec: GridSpec) -> None:
    answer = sqlite_grids.get(f"/admin/{spec.slug}/")
    assert answer.status_code == 200
    assert "data-copy=" in answer.text
    for column in range(len(spec.columns) + 2):
        for desc in ("", "1"):
            assert sqlite_grids.get(f"/admin/{spec.slug}/?sort={column}&desc={desc}").status_code == 200
    row = present(db.session.execute(sa.select(spec.table)).mappings().first())
    for index, name in enumerate(spec.filters):
        assert sqlite_grids.get(f"/admin/{spec.slug}/?flt{index}_{name}={row[name]}").status_code == 200
    identifier = ",".join(str(row[name]) for name in spec.key)
    details = sqlite_grids.get(f"/admin/{spec.slug}/details/", query_string={"id": identifier})
    assert details.status_code == 200
    assert str(row[spec.identifier]) in details.text
    exported = export(sqlite_grids, f"{spec.slug}/export/csv/")
    assert str(row[spec.key[0]]) in {line[spec.key[0]] for line in exported}


def test_a_page_shows_25_rows_and_whether_more_follow_without_counting(grids: FlaskClient) -> None:
    add(*(enforcement_event(number, occurred_at=NOW + timedelta(minutes=number)) for number in range(2, 61)))
    first = grids.get("/admin/enforcement-events/").text
    assert "1–25, more follow" in first
    assert first.index("enf_000060") < first.index("enf_000059")
    last = grids.get("/admin/enforcement-events/?page=2").text
    assert "51–60" in last
    assert "more follow" not in last
    assert "There is no page 10" in grids.get("/admin/enforcement-events/?page=9").text


@pytest.mark.parametrize("page", ["-3", "999999999999999999999", "x"])
def test_an_odd_page_number_is_no_error(grids: FlaskClient, page: str) -> None:
    assert grids.get(f"/admin/enforcement-events/?page={page}").status_code == 200


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("pioneer", ["cust_2001"]),
        ("PIO stu", ["cust_2001"]),
        ("cust_20", ["cust_2001"]),
        ("2001", ["cust_2001"]),
        ("cust-2001", ["cust_2001"]),
        ("ioneer", []),
        ("pioneer absent", []),
        ('"; DROP TABLE customers --', []),
        ("* AND ( ' \\ & | ! :", []),
        ("ünï", ["cust_u"]),
        ("渲染", ["cust_u"]),
    ],
)
def test_search_finds_words_and_beginnings_of_words(grids: FlaskClient, search: str, expected: list[str]) -> None:
    from app.models.catalog import Customer

    add(Customer(customer_id="cust_u", name="ÜNÏCODE 渲染工作室", segment="smb"))
    assert found(grids, "customers", search) == expected


def test_search_follows_edits_and_deletions(grids: FlaskClient) -> None:
    from app.models.catalog import Customer

    customer = db.session.scalars(sa.select(Customer).filter_by(customer_id="cust_2001")).one()
    customer.name = "Northwind Media"
    db.session.commit()
    assert found(grids, "customers", "pioneer") == []
    assert found(grids, "customers", "northwind") == ["cust_2001"]
    db.session.delete(customer)
    db.session.commit()
    assert found(grids, "customers", "northwind") == []


def test_a_search_with_very_many_hits_keeps_the_order_and_the_filters(grids: FlaskClient) -> None:
    add(*(enforcement_event(n, occurred_at=NOW + timedelta(minutes=n)) for n in range(2, 2500)))
    add(enforcement_event(9999, event_type="hard_cap_blocked", occurred_at=NOW - timedelta(days=1)))
    page = grids.get("/admin/enforcement-events/?search=pool_core").text
    assert page.index("enf_002499") < page.index("enf_002498")
    page = grids.get("/admin/enforcement-events/?search=pool_core&flt3_event_type=hard_cap_blocked").text
    assert "enf_009999" in page
    assert "enf_002499" not in page


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("cfg_smb", ["pe_3", "pe_2"]),
        ("config_activated", ["pe_3"]),
        ("config_", ["pe_4", "pe_3", "pe_2"]),
        ("Ther cfg_smb_v1", ["pe_2"]),
        ("theresa", []),
        ("smb", []),
        ("cfg%smb cfg_", []),
        ("Zoë", ["pe_4"]),
    ],
)
def test_product_events_are_found_by_how_a_record_a_name_or_an_actor_begins(
    grids: FlaskClient, search: str, expected: list[str]
) -> None:
    add(
        product_event("pe_2", "config_approved", "cfg_smb_v1", "Theresa"),
        product_event("pe_3", "config_activated", "cfg_smb_v2", "operator"),
        product_event("pe_4", "config_draft_created", "Cfg_Smb", "Zoë"),
    )
    assert [row for row in found(grids, "product-events", search) if row != "pe_1"] == expected


def test_a_product_event_search_with_very_many_hits_keeps_the_order(grids: FlaskClient) -> None:
    add(*(product_event(f"pe_{n:06}", "config_approved", f"cfg_{n}", "Theresa", n) for n in range(2, 2500)))
    page = grids.get("/admin/product-events/?search=cfg_").text
    assert page.index("pe_002499") < page.index("pe_002498")
    assert "1–25, more follow" in page


def product_event(product_event_id: str, event_name: str, entity_id: str, actor: str, minute: int = 0) -> ProductEvent:
    return ProductEvent(
        product_event_id=product_event_id,
        workspace_id="ws_1",
        event_name=event_name,
        actor=actor,
        entity_id=entity_id,
        detail={},
        occurred_at=NOW + timedelta(days=1, minutes=minute),
    )


def test_search_survives_a_vacuum_of_the_sqlite_file(sqlite_grids: FlaskClient) -> None:
    add(*(enforcement_event(number, customer_id=f"cust_{number}") for number in range(10, 200)))
    db.session.execute(sa.text("DELETE FROM enforcement_repeats"))
    db.session.execute(sa.text("DELETE FROM enforcement_events WHERE enforcement_event_id < 'enf_000100'"))
    db.session.commit()
    db.session.remove()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw = present(connection.connection.dbapi_connection)
        connection.rollback()
        raw.execute("VACUUM")
    assert found(sqlite_grids, "enforcement-events", "cust_150") == ["enf_000150"]


def test_postgresql_searches_through_the_index(app: Flask, grids: FlaskClient) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no other way to answer MATCH")
    from app.services.search import matching

    db.session.execute(sa.text("SET enable_seqscan = off"))
    for spec in GRIDS:
        statement = sa.select(sa.func.count()).select_from(spec.table).where(matching(db.session, spec.table, "a_b"))
        compiled = statement.compile(db.engine)
        lines = db.session.connection().exec_driver_sql(f"EXPLAIN {compiled}", compiled.params)
        plan = "\n".join(line[0] for line in lines)
        assert f"ix_{spec.table.name}_" in plan
        assert "Seq Scan" not in plan


def test_a_day_filter_includes_both_of_its_days(grids: FlaskClient) -> None:
    add(
        enforcement_event(2, occurred_at=NOW - timedelta(seconds=1)),
        enforcement_event(3, occurred_at=NOW + timedelta(hours=23, minutes=59)),
        enforcement_event(4, occurred_at=NOW + timedelta(days=1)),
    )
    query = "flt4_occurred_at_from=2026-01-15&flt5_occurred_at_to=2026-01-15"
    rows = export(grids, f"enforcement-events/export/csv/?{query}")
    assert sorted(row["enforcement_event_id"] for row in rows) == ["enf_000001", "enf_000003"]


@pytest.mark.parametrize("value", ["nonsense", "9999-12-31", "2026-02-30", "%00"])
def test_a_filter_value_that_makes_no_sense_is_named_and_left_out(grids: FlaskClient, value: str) -> None:
    answer = grids.get(f"/admin/enforcement-events/?flt5_occurred_at_to={value}&flt3_event_type={value}")
    assert answer.status_code == 200
    assert "cannot be filtered by" in answer.text
    assert "enf_000001" in answer.text


def test_values_are_exact_in_utc_and_missing_ones_say_so(grids: FlaskClient) -> None:
    units = grids.get("/admin/value-units/").text
    assert ">0.0000025<" in units
    assert '<td class="num">' in units
    assert "2026-01-15 00:00 UTC" in grids.get("/admin/cycles/").text
    assert "not set" in grids.get("/admin/configs/").text
    assert ">1,234.5<" in grids.get("/admin/pools/").text
    details = grids.get("/admin/simulation-runs/details/?id=sim_1").text
    assert "revenue_usd&#34;: 7.8" in details


def test_rows_link_to_the_rows_that_they_name_and_back(grids: FlaskClient) -> None:
    decision = grids.get("/admin/decision-records/details/?id=dec_1").text
    assert f'href="/admin/configs/details/?id={ACTIVE}"' in decision
    assert 'href="/admin/segments/?flt0_segment_id=smb"' in decision  # its own and the shared one may both be there
    config = grids.get(f"/admin/configs/details/?id={ACTIVE}").text
    assert 'href="/admin/decision-records/details/?id=dec_1"' in config
    assert f'href="/admin/pools/details/?id={ACTIVE},pool_core"' in config


def test_stored_markup_is_shown_and_never_interpreted(grids: FlaskClient) -> None:
    page = grids.get("/admin/workspaces/").text
    assert "Lumina &lt;Demo&gt;" in page
    assert "Lumina <Demo>" not in page


def test_csv_holds_plain_exact_values_and_no_formula(grids: FlaskClient) -> None:
    unit = export(grids, "value-units/export/csv/")[0]
    assert unit["avg_cost_per_unit_usd"] == "0.0000025"
    assert unit["created_at"] == "2026-01-15T00:00:00Z"
    assert unit["quality_note"] == ""
    assert unit["metrics_intent"] == '[{"expected_impact":"positive","metric_id":"gross_margin"}]'
    assert export(grids, "decision-records/export/csv/")[0]["rationale"] == "'=Margin holds"


def test_csv_is_the_whole_list_in_its_order_under_its_filters(grids: FlaskClient) -> None:
    add(*(enforcement_event(number, occurred_at=NOW + timedelta(minutes=number)) for number in range(2, 1200)))
    rows = export(grids, "enforcement-events/export/csv/?sort=2&search=enf_000")
    assert [row["enforcement_event_id"] for row in rows] == [f"enf_{number:06d}" for number in range(1, 1000)]


def test_a_record_that_is_not_there_is_a_404_that_names_it(grids: FlaskClient) -> None:
    for path in ("cycles/details/?id=cycle_9", "pools/details/?id=cfg_draft", "cycles/details/", "cycles/edit/?id=%00"):
        answer = grids.get(f"/admin/{path}")
        assert answer.status_code == 404
    assert "cycle_9" in grids.get("/admin/cycles/details/?id=cycle_9").text


def test_odd_arguments_of_an_address_are_ignored(grids: FlaskClient) -> None:
    query = "endpoint=x&export_type=y&_external=1&_scheme=javascript&sort=999&desc=x&self=1"
    answer = grids.get(f"/admin/cycles/?{query}")
    assert answer.status_code == 200
    assert 'href="javascript' not in answer.text


def test_an_empty_grid_says_what_will_be_here(sqlite_grids: FlaskClient) -> None:
    db.session.execute(sa.text("DELETE FROM learning_log_entries"))
    db.session.commit()
    assert "Nothing learnt yet" in sqlite_grids.get("/admin/learning-log/").text
    assert "No record matches" in sqlite_grids.get("/admin/cycles/?search=absent").text


def test_drafts_say_why_they_are_frozen(grids: FlaskClient) -> None:
    assert "immutable: fork it" in grids.get(f"/admin/configs/details/?id={ACTIVE}").text
    assert "immutable" not in grids.get(f"/admin/configs/details/?id={DRAFT}").text


def test_a_list_begins_with_the_workspace_in_which_the_operator_works(sqlite_grids: FlaskClient) -> None:
    with sqlite_grids.session_transaction() as browser:
        browser["workspace_id"] = "ws_elsewhere"
    own = sqlite_grids.get("/admin/configs/").text
    assert "No record matches." in own
    assert "flt0_workspace_id=every" in own
    everywhere = sqlite_grids.get("/admin/configs/?flt0_workspace_id=every").text
    assert DRAFT in everywhere
    assert "Workspace: <b>" not in everywhere


@pytest.mark.parametrize("grid", ["value-units", "pools", "rails", "exploration-rules"])
def test_rows_without_a_workspace_of_their_own_belong_to_that_of_their_cycle_or_config(
    sqlite_grids: FlaskClient, grid: str
) -> None:
    with sqlite_grids.session_transaction() as browser:
        browser["workspace_id"] = "ws_elsewhere"
    assert "No record matches." in sqlite_grids.get(f"/admin/{grid}/").text
    assert "No record matches." not in sqlite_grids.get(f"/admin/{grid}/?flt9_workspace_id=every").text


def test_a_row_and_a_record_lead_to_their_screen(sqlite_grids: FlaskClient) -> None:
    assert f'href="/configs/{DRAFT}/pools"' in sqlite_grids.get("/admin/configs/").text
    assert (
        f'href="/configs/{DRAFT}/pools">Open in its screen</a>'
        in sqlite_grids.get(f"/admin/configs/details/?id={DRAFT}").text
    )


def test_a_config_is_found_by_its_name(grids: FlaskClient) -> None:
    search = "configs/export/csv/?search=december"
    assert export(grids, search) == []
    db.session.get_one(ConfigVersion, DRAFT).config_name = "Team plan, December price rise"
    db.session.commit()
    assert [row["config_version_id"] for row in export(grids, search)] == [DRAFT]
