"""Idempotency-Key: a repeated POST is answered as the first one was, and nothing is created twice (spec 6)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.models.base import db
from app.models.workspace import Workspace
from tests.api.conftest import Api, exact, row_counts

WORKSPACE = {"workspace_name": "Lumina", "operator_role": "founder"}
PATH = "/api/workspaces"


def test_the_same_request_again_gets_the_same_answer(api: Api) -> None:
    first = api.post(PATH, WORKSPACE, Idempotency_Key="k1")
    before = row_counts()
    again = api.post(PATH, WORKSPACE, Idempotency_Key="k1")
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert row_counts() == before


def test_the_same_json_in_another_spelling_is_the_same_request(sqlite_api: Api) -> None:
    first = sqlite_api.post(PATH, WORKSPACE, Idempotency_Key="k1")
    text = '{ "operator_role": "founder",\n "workspace_name": "Lumina" }'
    headers = {"Idempotency-Key": "k1"}
    again = sqlite_api.client.post(PATH, data=text, content_type="application/json", headers=headers)
    assert again.data == first.data


def test_another_request_under_the_same_key_is_refused(api: Api) -> None:
    api.post(PATH, WORKSPACE, Idempotency_Key="k1")
    before = row_counts()
    refused = api.post(PATH, WORKSPACE | {"workspace_name": "Other"}, 422, Idempotency_Key="k1").json
    assert refused["code"] == "idempotency_key_reused"
    assert row_counts() == before


def test_a_key_belongs_to_its_operation(studio: Api) -> None:
    unit = {"cycle_id": "cycle_1", "name": "Minute", "unit_type": "usage"}
    studio.post("/api/value-units", unit, Idempotency_Key="k1")
    studio.post("/api/value-unit-snapshots", {"cycle_id": "cycle_1"}, Idempotency_Key="k1")


def test_a_refused_request_leaves_its_key_free(api: Api) -> None:
    api.post(PATH, WORKSPACE | {"operator_role": "king"}, 422, Idempotency_Key="k1")
    api.post(PATH, WORKSPACE, Idempotency_Key="k1")


@pytest.mark.parametrize("key", ["", "x" * 201, "é"])
def test_a_key_that_cannot_be_is_refused(sqlite_api: Api, key: str) -> None:
    problem = sqlite_api.post(PATH, WORKSPACE, 400, Idempotency_Key=key).json
    assert problem["errors"][0]["pointer"] == "Idempotency-Key"


def test_concurrent_duplicates_create_one_record_and_get_one_answer(api: Api) -> None:
    def create(_: int) -> bytes:
        headers = {"Idempotency-Key": "same"}
        response = api.app.test_client().post(PATH, json=WORKSPACE, headers=headers)
        assert response.status_code == 201
        return bytes(response.data)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(create, range(8)))
    assert len(answers) == 1
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Workspace)) == 1


def test_concurrent_drafts_of_one_subject_are_numbered_one_by_one(studio: Api) -> None:
    config = {
        "workspace_id": "ws_1",
        "cycle_id": "cycle_1",
        "segment": "smb",
        "stage": "learning",
        "target_environment": "production",
    }

    def create(_: int) -> int:
        return int(exact(studio.app.test_client().post("/api/configs", json=config))["version"])

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == list(range(1, 9))


def test_two_creations_of_one_id_are_one_record_and_one_conflict(api: Api) -> None:
    def create(_: int) -> int:
        body = WORKSPACE | {"workspace_id": "ws_same"}
        return api.app.test_client().post(PATH, json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [201] + [409] * 7
