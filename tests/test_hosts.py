"""Whoever is addressed by another name does not answer: a page of another site cannot make itself this one."""

import json
import re

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadSetting
from app.hosts import TRUSTED_HOSTS, TrustedHosts, trusted_hosts
from tests.present import present

OWN = ("localhost", "LOCALHOST:5000", "127.0.0.1", "127.0.0.1:5001", "[::1]", "[::1]:5000", "[0:0:0:0:0:0:0:1]:80")
FOREIGN = (
    "evil.example",
    "evil.example:5000",
    "localhost.evil.example",
    "evil-localhost",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "evil.example@localhost",
    "localhost,evil.example",
    "localhost evil.example",
    "localhost:5000:evil",
    "localhost:",
    "[::1",
    "::1",
    "[::2]",
    "[localhost]",
    "10.0.0.1",
    "127.0.0.2",
    "0.0.0.0",
    "bücher.example",
    "",
)


@pytest.mark.parametrize("host", OWN)
def test_a_server_of_this_machine_answers_to_its_own_names(host: str) -> None:
    assert trusted_hosts({}).admit(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_it_answers_to_no_other(host: str) -> None:
    assert not trusted_hosts({}).admit(host)


def test_the_setting_adds_names_addresses_and_all_below_a_name() -> None:
    hosts = trusted_hosts(
        {"AVS_TRUSTED_HOSTS": "avs.example.com:8443, .Internal.example 10.0.0.7,[fd00::7],bücher.example"}
    )
    for host in ("avs.example.com", "AVS.example.com:443", "a.b.internal.example", "10.0.0.7:80", "[fd00:0::7]:80"):
        assert hosts.admit(host), host
    assert hosts.admit("xn--bcher-kva.example")
    assert hosts.admit("localhost:5000"), "this machine's own names stay"
    for host in ("internal.example", "notinternal.example", "x.avs.example.com", "10.0.0.8", "[fd00::8]"):
        assert not hosts.admit(host), host


@pytest.mark.parametrize("served_on", ["192.168.1.5", "avs.internal", "fd00::5"])
def test_the_address_that_is_served_on_is_a_name_of_the_server(served_on: str) -> None:
    hosts = trusted_hosts({"HOST": served_on})
    assert hosts.admit(f"[{served_on}]:5000" if ":" in served_on else f"{served_on}:5000")
    assert hosts.admit("localhost")
    assert not hosts.admit("192.168.1.6")


@pytest.mark.parametrize("served_on", ["0.0.0.0", "::"])
def test_a_server_on_every_address_answers_to_addresses_and_to_no_unknown_name(served_on: str) -> None:
    hosts = trusted_hosts({"HOST": served_on})
    assert hosts.admit("192.168.1.5:5000")
    assert hosts.admit("[fd00::5]:5000")
    assert not hosts.admit("evil.example")


@pytest.mark.parametrize(
    "entry", ["https://avs.example.com", "*", "*.example.com", "avs.example.com/x", ".", "a b!", "-x/..", "a" * 300]
)
def test_an_entry_that_is_no_host_is_refused_at_the_start(entry: str) -> None:
    with pytest.raises(BadSetting, match=r"AVS_TRUSTED_HOSTS has .* which is no host"):
        trusted_hosts({"AVS_TRUSTED_HOSTS": f"good.example,{entry}"})


@given(st.text(max_size=40))
def test_whatever_the_header_holds_is_this_server_or_it_is_not(host: str) -> None:
    hosts = TrustedHosts()
    name = re.sub(r":\d{1,5}$", "", host.lower())
    assert hosts.admit(host) is (name in ("localhost", "127.0.0.1", "[::1]"))


def address(rule: str) -> str:
    return re.sub(r"<[^>]+>", "x", rule)


def test_no_route_answers_or_writes_for_a_foreign_host(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    paths = {address(rule.rule): present(rule.methods) for rule in sqlite_app.url_map.iter_rules()}
    for path, methods in [*paths.items(), ("/nothing", {"GET"}), ("/api/nothing", {"GET"})]:
        for method in methods:
            answer = client.open(path, method=method, headers={"Host": "evil.example:5000"})
            assert answer.status_code == 421, f"{method} {path}"
            assert "Set-Cookie" not in answer.headers
            assert method == "HEAD" or "AVS_TRUSTED_HOSTS" in answer.text, f"{method} {path}"


def test_the_refusal_is_a_plain_sentence_and_for_programs_a_problem(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    page = client.get("/", headers={"Host": "evil.example"})
    assert page.mimetype == "text/plain"
    assert page.text == (
        "This server is not called 'evil.example', so it does not answer. "
        "If people reach it by that name, add the name to the setting AVS_TRUSTED_HOSTS and start it again.\n"
    )
    problem = client.get("/api/workspaces", headers={"Host": "evil.example"})
    assert problem.mimetype == "application/problem+json"
    assert json.loads(problem.text)["code"] == "host_not_trusted"


@pytest.mark.parametrize("host", ["evil\u00e4.example", "<script>alert(1)</script>", "x" * 5000, "a:b:c", "%0d%0a"])
def test_a_header_that_is_no_host_at_all_is_refused_and_not_echoed_as_markup(sqlite_app: Flask, host: str) -> None:
    answer = sqlite_app.test_client().get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert answer.mimetype == "text/plain"
    assert len(answer.text) < 400


def test_a_name_of_the_setting_gets_the_product(sqlite_app: Flask) -> None:
    sqlite_app.config[TRUSTED_HOSTS] = trusted_hosts({"AVS_TRUSTED_HOSTS": "avs.example.com"})
    client = sqlite_app.test_client()
    assert client.get("/", headers={"Host": "avs.example.com"}).status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_a_name_that_a_proxy_passes_on_beside_the_host_changes_nothing(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    for name in ("X-Forwarded-Host", "Forwarded", "X-Host", "X-Original-Host"):
        told = {"Host": "evil.example", name: "host=localhost" if name == "Forwarded" else "localhost"}
        assert client.get("/", headers=told).status_code == 421
