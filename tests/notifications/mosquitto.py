"""A real MQTT broker for tests."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.chaos.platform_under_test import free_ports


class Mosquitto:
    """An MQTT broker that can be stopped and started again on the same port."""

    def __init__(self, binary: str, directory: Path, *more: str) -> None:
        (self.port,) = free_ports(1)
        self._binary = binary
        self._config = directory / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", *(more or ("allow_anonymous true",))]
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [self._binary, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "mosquitto did not start"
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


def mosquitto_in(directory: Path, *more: str) -> Mosquitto:
    """One that is not started yet; `more` are lines of its configuration in place of letting everybody in."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if binary is None:
        pytest.skip("no mosquitto on PATH: tests of MQTT notifications need one")
    return Mosquitto(binary, directory, *more)
