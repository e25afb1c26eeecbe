"""Runs the demonstration in the foreground until Ctrl-C or SIGTERM."""

import asyncio
import signal
from pathlib import Path

from broker.console.ask import RefusedError
from broker.platform.output import Console
from broker.platform.supervisor import Supervisor
from broker.platform.territories.plan import plan
from broker.platform.territories.tour import tour


def run(data_directory: Path, port: int, mongo_url: str | None, console: Console) -> int:
    """Start three brokers from that port on, join them, ask; the exit status. Raises StartError."""
    return asyncio.run(_run(data_directory, port, mongo_url, console))


async def _run(data_directory: Path, port: int, mongo_url: str | None, console: Console) -> int:
    found, children = plan(data_directory, port, mongo_url, console)
    supervisor = Supervisor(children, console)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, supervisor.stop)
    console.say("Starting three brokers, those of two French territories and a Luxembourgish one …")
    failed = False
    if await supervisor.start():
        try:
            await asyncio.to_thread(tour, found, console.say)
        except (RefusedError, OSError) as error:
            console.event("eclor", "error", f"the demonstration failed: {error}")
            failed = True
            supervisor.stop()
    status = await supervisor.finish()
    return 1 if failed else status
