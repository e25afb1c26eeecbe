"""The embedded MQTT server: Mosquitto where it is installed, else amqtt in a process of its own.

Both listen on the loopback address alone, which is why they may accept clients without a password.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from broker.platform.child import Child
from broker.platform.output import Console
from broker.platform.readiness import mqtt_answers

HOST = "127.0.0.1"

# Debian installs Mosquitto where only root's PATH looks.
_ALSO_IN = "/usr/local/sbin:/usr/sbin:/opt/homebrew/sbin"
# Bytes of one message: a LoRaWAN uplink event has a few kB, a camera's JSON tens of them.
_LARGEST_MESSAGE = 1_048_576
# Messages kept for a client that is away, and their bytes: an hour of 27 a second. Whatever is kept is written anew
# each time the store is saved, which sets the limit: at worst 64 MB every five seconds.
_MESSAGES_KEPT = 100_000
_BYTES_KEPT = 67_108_864
# Seconds between two savings: what waits for a client that is away and came later is lost when the server is killed.
# What is on its way to the agents hardly waits there at all, as they take it into their own spool.
_SAVED_EVERY = 5
# Messages on their way to one client at once: as many as the agents put into their spool in one go, so that little
# waits in the server's memory.
_ON_THEIR_WAY = 1_000


def find_mosquitto() -> Path | None:
    """The mosquitto on PATH or where system packages put it, or None."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=_ALSO_IN)
    return None if found is None else Path(found)


def describe(mosquitto: Path | None) -> str:
    """Which MQTT server runs, with its version."""
    if mosquitto is None:
        return f"amqtt {importlib.metadata.version('amqtt')}"
    # Its help ends with status 3 on some versions: only the words count.
    answer = subprocess.run([mosquitto, "-h"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 (the binary found above)
    found = re.search(r"version (\S+)", answer.stdout + answer.stderr)
    return "Mosquitto" if found is None else f"Mosquitto {found[1]}"


def mosquitto_configuration(port: int, store: Path) -> str:
    """The text of mosquitto.conf(5) for a server on the loopback address that keeps its messages in `store`."""
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {store}/",
        f"autosave_interval {_SAVED_EVERY}",
        f"max_packet_size {_LARGEST_MESSAGE}",
        f"max_queued_messages {_MESSAGES_KEPT}",
        f"max_queued_bytes {_BYTES_KEPT}",
        f"max_inflight_messages {_ON_THEIR_WAY}",
        "queue_qos0_messages true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_timestamp false",
        "connection_messages false",
    ]
    if os.getuid() == 0:
        # As root it would change to a user that may not write here, and forget the signal for its parent's death.
        lines.append("user root")
    return "\n".join(lines) + "\n"


def mqtt_child(mosquitto: Path | None, port: int, data_directory: Path, console: Console) -> Child:
    """The embedded MQTT server as a child named `mqtt`."""
    command: tuple[str, ...]
    if mosquitto is None:
        command = (sys.executable, "-m", "broker.platform.amqtt_server", "--host", HOST, "--port", str(port))
    else:
        store = data_directory / "mqtt"
        store.mkdir(mode=0o700, exist_ok=True)
        configuration = data_directory / "mosquitto.conf"
        configuration.write_text(mosquitto_configuration(port, store))
        command = (str(mosquitto), "-c", str(configuration))
    return Child(name="mqtt", command=command, receive=console.receiver("mqtt"), ready=mqtt_answers(HOST, port))
