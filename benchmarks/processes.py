"""What a server costs: memory and processor time of all its processes, as the kernel counts them."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """Resident bytes, and seconds of processor time so far."""

    resident: int
    processor: float


def usage(pid: int) -> Usage:
    """Of a process and all that it started."""
    server = psutil.Process(pid)
    processes = [server, *server.children(recursive=True)]
    times = [process.cpu_times() for process in processes]
    resident = sum(process.memory_info().rss for process in processes)
    return Usage(resident, sum(spent.user + spent.system for spent in times))
