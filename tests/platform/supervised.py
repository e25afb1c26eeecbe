"""A small platform to be started, watched and killed: `python supervised.py DATA_DIR [stub …]`.

Runs the embedded mongod under the supervisor with stub children beside it, and prints `READY {"name": pid, …}`.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

from broker.platform.child import Child
from broker.platform.mongod import find_mongod, mongod_child
from broker.platform.output import Console
from broker.platform.supervisor import Supervisor

# A child that has a child of its own, as the agents have.
_STUB = """
import subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("inner", inner.pid, flush=True)
time.sleep(600)
"""


async def _main(data_directory: Path, stubs: list[str]) -> int:
    console = Console("text")
    children = [mongod_child(find_mongod(), data_directory, console)]
    for name in stubs:
        command = (sys.executable, "-c", _STUB)
        children.append(Child(name, command, console.receiver(name), depends=("mongodb",), stop_seconds=3))
    supervisor = Supervisor(children, console)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, supervisor.stop)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, supervisor.stop)
    if await supervisor.start():
        await asyncio.sleep(0.1)
        pids = {child.name: supervisor.process_id(child.name) for child in children}
        console.say("READY " + json.dumps(pids))
    return await supervisor.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(Path(sys.argv[1]), sys.argv[2:])))
