"""Real brokers, each a process of its own, with databases and secrets of their own on one mongod."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from broker.adapters.membership.keys import SecretKeys, kept_secret

_PATIENCE_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class City:
    name: str
    port: int
    directory: Path
    mongo_url: str
    options: tuple[str, ...]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    @property
    def operator_token(self) -> str:
        return SecretKeys(kept_secret(self.directory, make=False)).operator_token

    def start(self) -> None:
        self.directory.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "broker", "--port", str(self.port), "--alias", self.name]
        command += ["--data-dir", str(self.directory), "--database", self.name, "--public-url", self.url]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--log-level", "debug", *self.options],
                stderr=log,
                stdout=log,
                env={**os.environ, "ECLOR_MONGO_URL": self.mongo_url},
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"the broker did not come up:\n{self.log[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
            self.process = None

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        content = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, content, timeout=20) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text else None

    def operate(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return self.ask(method, path, body, Authorization=f"Bearer {self.operator_token}")

    def create(self, entity_id: str, entity_type: str, **attributes: Any) -> None:
        status, answer = self.ask("POST", "/ngsi-ld/v1/entities", {"id": entity_id, "type": entity_type, **attributes})
        assert status == 201, answer

    def eclor(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        own = ["--broker-url", self.url, "--data-dir", str(self.directory)]
        command = [sys.executable, "-m", "broker.cli", "federation", *arguments, *own]
        return subprocess.run(command, capture_output=True, text=True, input=given, timeout=60, check=False)

    def invite(self, types: str = "Event", *more: str) -> dict[str, Any]:
        done = self.eclor("invite", "--types", types, "--json", *more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def join(self, invited: dict[str, Any], *more: str) -> "subprocess.CompletedProcess[str]":
        return self.eclor("join", invited["url"], "--fingerprint", invited["fingerprint"], *more)

    def status(self) -> dict[str, Any]:
        done = self.eclor("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def token_of(city: City, other: City) -> str:
    """The token with which one goes to the other, as only who has its secret can read it."""
    with MongoClient(city.mongo_url) as client:
        (member,) = client[city.name]["members"].find({"alias": other.name})
    token = SecretKeys(kept_secret(city.directory)).open(member["sealed"], member["credential"])
    assert token is not None
    return token


@pytest.fixture
def found_city(mongo_url: str, tmp_path: Path) -> Iterator[Callable[..., City]]:
    """Start a city; its name is at most ten small letters."""
    cities: list[City] = []

    def found(name: str, *options: str) -> City:
        # Tests must not find each other's members in the one server.
        unique = f"{name}{os.urandom(2).hex()}"
        city = City(unique, free_port(), tmp_path / unique, mongo_url, options)
        cities.append(city)
        city.start()
        return city

    yield found
    for each in cities:
        each.stop()


@pytest.fixture
def pair(found_city: Callable[..., City]) -> tuple[City, City]:
    """One that invites and one that is invited."""
    return found_city("alba"), found_city("brume")
