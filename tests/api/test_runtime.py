"""What customer apps read: the stored bytes, cheap to revalidate, promoted on time (spec 2, 5 and 6)."""

from datetime import UTC, datetime, timedelta

import pytest

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.transactions import write
from app.services.catalogs.kinds import EVENTS
from app.services.decisions import activation
from app.services.delivery import current
from tests import factories as f
from tests.api.conftest import Api

WHERE = "/api/runtime/config"
SUBJECT = f"{WHERE}?workspace_id=ws_1&segment=smb&stage=learning&target_environment=production"


def moments_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


@pytest.fixture
def active(studio: Api) -> Api:
    with write(db.session):
        f.active(db.session)
    return studio


def test_the_stored_bytes_are_served_as_they_are(active: Api) -> None:
    answer = active.get(SUBJECT)
    stored = current.read(db.session, f.SUBJECT, now=f.NOW)
    assert answer.data == stored.document
    assert answer.headers["ETag"] == f'"{stored.digest}"'
    assert answer.mimetype == "application/json"


def test_a_copy_is_kept_but_revalidated(active: Api) -> None:
    answer = active.get(SUBJECT)
    assert "no-cache" in answer.headers["Cache-Control"] or "must-revalidate" in answer.headers["Cache-Control"]
    again = active.get(SUBJECT, 304, If_None_Match=answer.headers["ETag"])
    assert again.data == b""
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert active.get(SUBJECT, 304, If_None_Match=f'W/"old", {answer.headers["ETag"]}')
    assert active.get(SUBJECT, 200, If_None_Match='"old"')


def test_another_decision_is_another_etag(active: Api) -> None:
    before = active.get(SUBJECT).headers["ETag"]
    with write(db.session):
        f.active(db.session, "cfg_2", later=60)
    assert active.get(SUBJECT, 200, If_None_Match=before).json["config_version_id"] == "cfg_2"


def test_nothing_active_is_said_as_such(studio: Api) -> None:
    refusal = studio.get(SUBJECT, 404).json
    assert refusal["code"] == "no_active_config"
    assert "ws_1" in refusal["detail"]


def test_each_missing_or_bad_parameter_is_named(studio: Api) -> None:
    refusal = studio.get(f"{WHERE}?stage=growing&segment=&colour=red", 400).json
    named = {error["pointer"] for error in refusal["errors"]}
    assert named == {"workspace_id", "segment", "stage", "target_environment", "colour"}
    assert "learning" in refusal["detail"]


def test_a_parameter_given_twice_is_refused(studio: Api) -> None:
    assert studio.get(f"{SUBJECT}&stage=scaling", 400).json["errors"][0]["pointer"] == "stage"


def test_a_read_after_the_moment_promotes_what_was_approved(active: Api) -> None:
    with write(db.session):
        f.simulated(db.session, "cfg_2")
        f.approve(db.session, "cfg_2", later=60, effective_at=moments_ago())
    assert db.session.get_one(ConfigVersion, "cfg_2").status == "approved"
    assert active.get(SUBJECT).json["config_version_id"] == "cfg_2"
    assert active.get("/api/configs/cfg_1").json["status"] == "archived"


def test_a_read_before_the_moment_promotes_nothing(active: Api) -> None:
    with write(db.session):
        f.simulated(db.session, "cfg_2")
        f.approve(db.session, "cfg_2", later=60, effective_at=datetime.now(UTC) + timedelta(days=1))
    assert active.get(SUBJECT).json["config_version_id"] == "cfg_1"


def test_a_read_does_not_wait_for_what_a_gate_holds_back(active: Api) -> None:
    with write(db.session):
        f.simulated(db.session, "cfg_2")
        f.approve(db.session, "cfg_2", later=60, effective_at=moments_ago())
        db.session.delete(f.entry(db.session, EVENTS, "video_render_completed"))
    assert active.get(SUBJECT).json["config_version_id"] == "cfg_1"
    assert not activation.something_is_due(db.session, now=datetime.now(UTC), subject=f.SUBJECT)


def test_the_document_names_no_other_subjects_config(active: Api) -> None:
    with write(db.session):
        f.active(db.session, "cfg_enterprise", segment="enterprise")
    assert active.get(SUBJECT.replace("smb", "enterprise")).json["config_version_id"] == "cfg_enterprise"
    assert active.get(SUBJECT).json["config_version_id"] == "cfg_1"
