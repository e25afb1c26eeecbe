"""One broker process as its supervisor sees it."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _start(port: int, mongo_url: str, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "broker", "--port", str(port), "--mongo-url", mongo_url, *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _health(port: int, process: "subprocess.Popen[str]") -> dict:
    for _ in range(300):
        assert process.poll() is None, process.stderr.read()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.1)
    pytest.fail("the broker did not come up")


def test_it_tells_its_health_and_ends_in_order_when_told_to(mongo_url: str) -> None:
    port = _free_port()
    process = _start(port, mongo_url, "--alias", "villerupt")
    try:
        health = _health(port, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
    assert health["status"] == "ok"
    assert health["alias"] == "villerupt"
    assert "version" in health["mongodb"]


def test_without_a_database_it_says_what_to_do_and_ends() -> None:
    process = _start(_free_port(), "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300", "--wait-for-mongo", "0.5")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    last = json.loads(errors.strip().splitlines()[-1])
    assert last["event"] == "no database"
    assert "--mongo-url" in last["remedy"]


def test_a_wrong_password_never_reaches_the_log() -> None:
    url = "mongodb://someone:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=300"
    process = _start(_free_port(), url, "--wait-for-mongo", "0.5")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "s3cret" not in errors
