"""All processes of the server are killed at once while it works: what it acknowledged is there after the next start."""

from tests.faults.lumina import CANDIDATE, approve, config, sending, simulate
from tests.faults.publishing import until_published
from tests.faults.running import Server

KILLS = 2


def test_nothing_acknowledged_is_lost_when_every_process_is_killed(server: Server) -> None:
    server.start()
    with sending(server, "killed") as usage:
        simulation_run_id = simulate(server).json()["simulation_run_id"]
        server.kill()
        for _ in range(KILLS):
            heal_seconds = server.start()
            assert server.get(f"/api/simulations/{simulation_run_id}").status_code == 200
            server.kill()
        server.start()
        again = simulate(server).json()["simulation_run_id"]
        decision = approve(server, again)
        assert decision.status_code == 201, decision.text
        server.kill()
    server.start()
    assert config(server).json()["config_version_id"] == CANDIDATE
    until_published(server)
    assert usage.acknowledged
    assert usage.lost() == set()
    print(f"killed: {len(usage.acknowledged)} events acknowledged, 0 lost, up again in {heal_seconds:.1f} s")
