"""Runs a plan in the foreground: starts it, reports, waits for Ctrl-C or SIGTERM, stops it."""

import asyncio
import importlib.metadata
import signal

from broker.platform.output import Console
from broker.platform.plan import Plan, Wish, make_plan
from broker.platform.supervisor import Supervisor

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_COLUMN = 12


def run(wish: Wish, console: Console) -> int:
    """Run what was wished for until told to stop; the exit status. Raises StartError when it cannot be started."""
    plan = make_plan(wish, console)
    return asyncio.run(_run(wish, plan, console))


async def _run(wish: Wish, plan: Plan, console: Console) -> int:
    supervisor = Supervisor(plan.children, console)
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, supervisor.stop)
    names = ", ".join(child.name for child in plan.children)
    console.event("eclor", "info", f"starting {names} …")
    if await supervisor.start():
        console.say(report(wish, plan))
    status = await supervisor.finish()
    console.event("eclor", "info" if status == 0 else "error", "stopped")
    return status


def release() -> str:
    """The version installed, `0` when the package runs uninstalled from its source."""
    try:
        return importlib.metadata.version("eclor")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def report(wish: Wish, plan: Plan) -> str:
    """What runs where and how to try it, for a terminal of 100 columns or more."""
    lines = ["", f"ECLOR {release()} is running. Ctrl-C stops it.", ""]
    lines += [f"  {name:<{_COLUMN}}{text}" for name, text in plan.places]
    lines += ["", "Try it:", f"  open {wish.broker_url}/ in a browser", f"  curl '{wish.broker_url}/ngsi-ld/v1/types'"]
    if wish.agents and not wish.demo:
        lines.append("  eclor demo                   (in another terminal: simulated devices send their readings)")
    return "\n".join([*lines, ""])
