"""What held under attack goes on holding, on every page and every address: markup in names, forged forms, paths."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from admin_views.grids.specs import GRIDS
from app.models.base import Model, db
from simulation.canonical import Json
from tests.admin_views.demo import CANDIDATE, CYCLE, addresses
from tests.admin_views.test_surface import everything, first_id
from tests.present import present

MARKUP = """"'><img src=x onerror=alert(1)></script>{{7*7}}"""
RAW = re.compile(r"<img src=x|onerror=alert\(1\)></script>", re.IGNORECASE)
FREE_TEXT = re.compile(r"(name|label|narrative|rationale|description|definition|note|title|role)$")
"""The fields that people fill in as they like; ids, event types and values of enums have alphabets of their own."""
DECIDED = ("dec_sandbox_v1_active", "dec_prod_v1_active")
PARAMETERS = (
    "q",
    "id",
    "tab",
    "unit",
    "workspace",
    "cycle",
    "run",
    "left",
    "right",
    "search",
    "page",
    "file",
    "next",
    "url",
)
PARTS = {
    "cycle_id": CYCLE,
    "config_version_id": CANDIDATE,
    "decision_id": DECIDED[1],
    "kind": "usage",
    "table_name": "pools",
    "what": "evidence",
    "format_name": "csv",
}


def address(rule: Rule, **parts: str) -> str:
    """The rule's address with the demo's own ids, or others."""
    return re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", lambda part: (PARTS | parts).get(part[1], "x"), rule.rule)


def rules_of_pages(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/api")]


# Markup in names


def with_markup(value: Json, field: str = "") -> Json:
    """A JSON value with markup in each free text."""
    if isinstance(value, dict):
        return {key: with_markup(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [with_markup(item, field) for item in value]
    return MARKUP if isinstance(value, str) and FREE_TEXT.search(field) else value


def put_markup_into_every_free_text() -> set[str]:
    """Write markup past every check of the product; the columns that took it."""
    changed = set()
    for table in Model.metadata.sorted_tables:
        for column in table.columns:
            if column.primary_key or column.foreign_keys:
                continue
            try:
                with db.session.begin_nested():
                    if _put_markup_into(table, column):
                        changed.add(f"{table.name}.{column.name}")
            except sa.exc.DBAPIError:  # a column of an enum, or a record that nothing may change
                continue
    db.session.commit()
    return changed


def _put_markup_into(table: sa.Table, column: sa.Column[Any]) -> bool:
    if isinstance(column.type, sa.String):
        if not FREE_TEXT.search(column.name):
            return False
        return bool(db.session.execute(sa.update(table).values({column.name: MARKUP})).rowcount)  # type: ignore[attr-defined]
    keys = list(table.primary_key.columns)
    rows = db.session.execute(sa.select(*keys, column)).all()
    stored = [(row[:-1], row[-1]) for row in rows if isinstance(row[-1], (dict, list))]
    for identity, value in stored:
        if (marked := with_markup(value, column.name)) != value:
            its_own = [key == part for key, part in zip(keys, identity, strict=True)]
            db.session.execute(sa.update(table).where(*its_own).values({column.name: marked}))
    return bool(stored)


def pages_of_tables() -> Iterator[str]:
    for spec in GRIDS:
        yield f"/admin/{spec.slug}/"
        if db.session.execute(sa.select(spec.table.c[spec.key[0]])).first() is None:
            continue
        identifier = quote(first_id(db.session, spec), safe="")
        yield f"/admin/{spec.slug}/details/?id={identifier}"
        if spec.editing:
            yield from (f"/admin/{spec.slug}/{way}/?id={identifier}" for way in ("edit", "delete"))


def test_markup_in_any_text_is_shown_on_every_page_and_interpreted_on_none(demo: FlaskClient) -> None:
    changed = put_markup_into_every_free_text()
    for column in (
        "workspaces.workspace_name",
        "cycles.cycle_name",
        "value_unit_definitions.name",
        "config_versions.config_name",
        "pools.label",
        "decision_records.rationale",
        "metric_catalog.label",
    ):
        assert column in changed, f"{column} is not tried: {sorted(changed)}"
    screens = [*addresses(CYCLE, (CANDIDATE, "cfg_smb_learning_prod_v1"), DECIDED), "/catalogs?tab=metrics"]
    showing = 0
    for page in (*screens, *pages_of_tables()):
        answer = demo.get(page, follow_redirects=True)
        assert answer.status_code in (200, 404, 409), f"{page}: {answer.status}"
        assert not RAW.search(answer.text), page
        showing += "onerror=alert(1)&gt;" in answer.text
    assert showing > 40, "the names are on the pages"


def test_markup_in_an_address_is_not_given_back_as_markup(demo: FlaskClient) -> None:
    for rule in rules_of_pages(demo.application):
        if "GET" in present(rule.methods):
            with demo.get(address(rule), query_string=dict.fromkeys(PARAMETERS, MARKUP)) as answer:
                assert answer.mimetype != "text/html" or not RAW.search(answer.get_data(as_text=True)), rule.rule
    whole, part = quote(MARKUP), quote(MARKUP, safe="")
    for path in (f"/{whole}", f"/configs/{part}/pools", f"/decision-log/{part}"):
        answer = demo.get(path)
        assert answer.status_code == 404
        assert not RAW.search(answer.text)


# Forged forms


FORM = re.compile(r'<form\b[^>]*method="post"[^>]*>.*?</form>', re.DOTALL | re.IGNORECASE)
INPUT = re.compile(r'<input\b[^>]*name="([^"]+)"[^>]*>')
VALUE = re.compile(r'\bvalue="([^"]*)"')


def sent_by(page: str) -> dict[str, str]:
    """What the forms of a page would send, but for the token."""
    inputs = {match[1]: VALUE.search(match[0]) for form in FORM.findall(page) for match in INPUT.finditer(form)}
    return {name: value[1] if value else "x" for name, value in inputs.items() if name != "csrf_token"}


@pytest.mark.parametrize("token", [{}, {"csrf_token": ""}, {"csrf_token": "20990101000000##forged"}], ids=str)
def test_no_form_of_another_site_can_write_through_a_page(demo: FlaskClient, token: dict[str, str]) -> None:
    typed = {
        "approver_name": "Mallory",
        "approver_role": "CEO",
        "rationale": "One click.",
        "workspace_name": "Forged",
        "operator_role": "founder",
        "when": "now",
    }
    before = everything(db.session)
    tried = 0
    for rule in rules_of_pages(demo.application):
        if "POST" not in present(rule.methods):
            continue
        for config in (CANDIDATE, "cfg_smb_learning_prod_v1"):
            where = address(rule, config_version_id=config)
            page = demo.get(where)
            own = sent_by(page.text) if page.mimetype == "text/html" else {}
            answer = demo.post(where, data=own | typed | {"id": CYCLE} | token)
            assert answer.status_code not in range(300, 400), f"POST {where} goes on: {answer.status}"
            assert answer.status_code < 500, f"POST {where}: {answer.status}"
            tried += 1
    assert tried > 100
    assert _but_for_views(everything(db.session)) == _but_for_views(before)


def _but_for_views(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The tables without the log of what was looked at."""
    return {name: rows for name, rows in tables.items() if name != "product_events"}


# Paths


SECRET = "only the server reads this"
OUT = ("..", "../secret_key", "../../secret_key", "../../../secret_key", "..\\secret_key", "/etc/passwd", "%00")


def test_no_address_leads_out_of_its_folder(demo: FlaskClient) -> None:
    (demo.application.config["DATA_DIR"] / "secret_key").write_text(SECRET)
    for rule in demo.application.url_map.iter_rules():
        if not rule.arguments or "GET" not in present(rule.methods):
            continue
        for way in OUT:
            for written in {way, quote(way, safe="")}:
                with demo.get(address(rule, **dict.fromkeys(rule.arguments, written))) as answer:
                    assert SECRET.encode() not in answer.data, f"{rule.rule} {written}"
                    assert b"root:" not in answer.data, f"{rule.rule} {written}"
                    assert answer.status_code in (308, 400, 404, 405, 422), f"{rule.rule} {written}: {answer.status}"


def test_no_parameter_of_an_address_names_a_file_or_another_site(demo: FlaskClient) -> None:
    (demo.application.config["DATA_DIR"] / "secret_key").write_text(SECRET)
    for rule in rules_of_pages(demo.application):
        if "GET" not in present(rule.methods):
            continue
        for value in ("../../secret_key", "//evil.example/"):
            with demo.get(address(rule), query_string=dict.fromkeys(PARAMETERS, value)) as answer:
                assert SECRET.encode() not in answer.data, rule.rule
                assert "evil.example" not in answer.headers.get("Location", "").split("?")[0], rule.rule
