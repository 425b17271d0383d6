"""The place to publish to is in trouble, or the server dies between a decision and its publication."""

from tests.faults.lumina import CANDIDATE, approve, config, sending, simulate
from tests.faults.publishing import folder_of, pointer, until_published
from tests.faults.running import Server, eventually


def test_a_decision_is_published_once_its_place_can_be_written_again(server: Server) -> None:
    server.start()
    published = folder_of(server)
    eventually(lambda: pointer(server) is not None)
    before = pointer(server)
    aside = published.rename(published.with_name("aside"))
    published.write_text("in the way")
    with sending(server, "publishing") as usage:
        decision = approve(server, simulate(server).json()["simulation_run_id"])
        assert decision.status_code == 201, decision.text
        assert config(server).json()["config_version_id"] == CANDIDATE
    published.unlink()
    aside.rename(published)
    assert pointer(server) == before != CANDIDATE
    heal_seconds = until_published(server)
    assert usage.acknowledged
    assert usage.lost() == set()
    print(f"publishing: {len(usage.acknowledged)} events, 1 decision, 0 lost, published {heal_seconds:.1f} s later")


def test_a_decision_is_published_after_the_server_died_with_it(server: Server) -> None:
    server.start()
    simulation_run_id = simulate(server).json()["simulation_run_id"]
    decision = approve(server, simulation_run_id)
    server.kill()
    assert decision.status_code == 201, decision.text
    start_seconds = server.start()
    heal_seconds = until_published(server)
    print(f"killed after a decision: published {heal_seconds:.1f} s after a start of {start_seconds:.1f} s")
