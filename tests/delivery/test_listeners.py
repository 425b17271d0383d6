"""As many apps may listen to one server as open files allow, not as many as granian would hold by itself."""

import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from flask import Flask

from app.models.base import db
from app.models.transactions import write
from tests import factories as f
from tests.delivery.conftest import CONFIG, STREAM
from tests.delivery.test_server import free_port, wait_until_ready

pytestmark = pytest.mark.own_database

LISTENERS = 1_200
"""More than the 1,024 connections that granian holds unless told."""


def test_a_poll_is_answered_while_more_apps_listen_than_granian_holds_unless_told(
    sqlite_app: Flask, tmp_path: Path
) -> None:
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session)
    port, log = free_port(), tmp_path / "server.log"
    command = [sys.executable, "-m", "app.serving", "--port", str(port), "--workers", "1"]
    known = {
        "DATABASE_URL": sqlite_app.config["SQLALCHEMY_DATABASE_URI"],
        "AVS_DATA_DIR": str(sqlite_app.config["DATA_DIR"]),
    }
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    with log.open("wb") as file, ExitStack() as held:
        process = subprocess.Popen(command, env=os.environ | known, stdout=file, stderr=file)
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        held.callback(process.wait, 60)
        held.callback(process.terminate)
        wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        request = f"GET {STREAM}?{urlencode(f.SUBJECT)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for _ in range(LISTENERS):
            listener = held.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            listener.sendall(request)
            assert listener.recv(15) == b"HTTP/1.1 200 OK"
        assert httpx.get(f"http://127.0.0.1:{port}{CONFIG}", params=f.SUBJECT, timeout=60).status_code == 200
