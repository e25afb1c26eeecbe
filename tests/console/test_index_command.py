"""`eclor index` and `/indexes`, on a real broker process."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from pymongo import MongoClient

Eclor = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def broker(mongo_url: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "broker", "--port", str(port), "--mongo-url", mongo_url])
    try:
        for _ in range(300):
            assert process.poll() is None
            try:
                urllib.request.urlopen(f"{url}/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def eclor(broker: str) -> Eclor:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "broker.cli", "index", *arguments]
        environment = {**os.environ, "ECLOR_BROKER_URL": broker}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)

    return run


def _post(url: str, body: bytes, content_type: str = "application/json") -> int:
    request = urllib.request.Request(url, body, {"Content-Type": content_type}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _indexes(mongo_url: str) -> set[str]:
    with MongoClient(mongo_url) as client:
        name = next(each for each in client.list_database_names() if each.startswith("eclor"))
        return {each for each in client[name]["entities"].index_information() if each.startswith("asked ")}


def test_a_declared_index_is_built_listed_and_dropped(eclor: Eclor, mongo_url: str) -> None:
    assert "No attribute is indexed" in eclor("list").stdout
    declared = eclor("declare", "serialNumber")
    assert (declared.returncode, declared.stdout) == (
        0,
        "serialNumber is indexed as a Property (https://uri.etsi.org/ngsi-ld/default-context/serialNumber).\n",
    )
    assert any("serialNumber.value" in name for name in _indexes(mongo_url))
    assert eclor("declare", "address[postalCode]").returncode == 0
    assert eclor("declare", "temperature.observedAt").returncode == 0
    listed = eclor("list").stdout
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["address[postalCode]", "operator"],
        ["serialNumber", "operator"],
        ["temperature.observedAt", "operator"],
    ]
    for path in ("serialNumber", "address[postalCode]", "temperature.observedAt"):
        assert eclor("drop", path).returncode == 0
    assert not _indexes(mongo_url)


def test_the_kind_is_that_of_the_entities_that_are_there(broker: str, eclor: Eclor, mongo_url: str) -> None:
    entity = {
        "id": "urn:ngsi-ld:Bin:1",
        "type": "Bin",
        "isIn": {"type": "Relationship", "object": "urn:ngsi-ld:Place:1"},
        "area": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5.9, 49.5]}},
    }
    assert _post(f"{broker}/ngsi-ld/v1/entities", json.dumps(entity).encode()) == 201
    assert "as a Relationship" in eclor("declare", "isIn").stdout
    assert "as a GeoProperty" in eclor("declare", "area").stdout
    assert any(name.endswith("area.geometry") for name in _indexes(mongo_url))
    assert eclor("drop", "isIn").returncode == eclor("drop", "area").returncode == 0


def test_what_can_not_be_indexed_is_refused_with_the_reason(eclor: Eclor) -> None:
    for arguments, reason in (
        (("declare", "a.b"), "can't have an index"),
        (("declare", "a==1"), "can't have an index"),
        (("declare", "a", "--kind", "Colour"), "expected one of Property"),
        (("drop", "a"), "No index was declared"),
        (("list", "--tenant", "nowhere"), "nowhere"),
        (("list", "--broker-url", "http://127.0.0.1:9"), "eclor run"),
        (("list", "--broker-url", "file:///etc/passwd"), "is no URL of a broker"),
    ):
        refused = eclor(*arguments)
        assert refused.returncode == 1
        assert reason in refused.stderr, arguments
        assert "Traceback" not in refused.stderr


def test_no_more_than_twelve_can_be_declared(eclor: Eclor, broker: str) -> None:
    answers = [_post(f"{broker}/indexes", json.dumps({"path": f"p{number}"}).encode()) for number in range(13)]
    assert answers == [201] * 12 + [400]
    assert _post(f"{broker}/indexes", b'{"path":"p3"}') == 200
    for number in range(12):
        assert eclor("drop", f"p{number}").returncode == 0


def test_a_body_that_a_web_page_may_send_to_another_origin_is_not_taken(broker: str) -> None:
    assert _post(f"{broker}/indexes", b'{"path":"p"}', "text/plain") == 415
    for body in (b"[]", b"{", b'{"path":1}', b'{"pfad":"p"}', b"[" * 60_000):
        assert _post(f"{broker}/indexes", body) == 400
