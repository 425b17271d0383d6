"""Workspaces through the API: the plain case of every resource."""

from tests.api.conftest import Api

WORKSPACE = {"workspace_name": "Lumina", "operator_role": "founder"}


def test_a_created_workspace_is_read_at_its_location(api: Api) -> None:
    created = api.post("/api/workspaces", WORKSPACE)
    read = api.get(created.headers["Location"])
    assert read.json == created.json
    assert read.json["data_mode"] == "mocked"
    assert read.headers["ETag"] == created.headers["ETag"]


def test_a_given_id_is_kept_and_taken_once(api: Api) -> None:
    api.post("/api/workspaces", WORKSPACE | {"workspace_id": "ws_1049"})
    refused = api.post("/api/workspaces", WORKSPACE | {"workspace_id": "ws_1049"}, 409)
    assert refused.json["code"] == "already_exists"


def test_a_workspace_is_changed_and_deleted(api: Api) -> None:
    path = api.post("/api/workspaces", WORKSPACE).headers["Location"]
    assert api.patch(path, {"data_mode": "csv_upload"}).json["data_mode"] == "csv_upload"
    assert api.get(path).json["workspace_name"] == "Lumina"
    api.delete(path)
    assert api.get(path, 404).json["code"] == "not_found"
