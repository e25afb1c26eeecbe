"""`make bench-agents`: messages of devices through Mosquitto and one agent process into the broker, with history.

For each load: messages per second from the first sent to the last stored, and CPU seconds per 1,000 messages of agent
(with its codec worker), broker, mongod and Mosquitto apart. At last the time from publishing to the notification.
"""

import argparse
import asyncio
import base64
import getpass
import json
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.client import Receiver, request, run
from benchmarks.mqtt import Publisher
from benchmarks.processes import Stack, _cpu, _free_port, _wait, stack

_DEVICES = 2_000
_FRAME = bytes.fromhex("01755c0367010104824408050000")
"""em400-mud: battery, temperature, distance, position."""


@dataclass(frozen=True)
class Field:
    """The processes that devices reach, beside the broker's."""

    on: Stack
    agent: int
    mosquitto: int
    mqtt_port: int
    url: str

    def cpu(self) -> tuple[float, ...]:
        """CPU seconds used so far by agent, broker, mongod and Mosquitto."""
        return (_cpu(self.agent), *self.on.cpu(), _cpu(self.mosquitto))

    def counts(self) -> dict[str, int]:
        """What the agent counted."""
        with urllib.request.urlopen(f"{self.url}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        found = [line.partition('{kind="')[2].split('"} ') for line in lines if '{kind="' in line]
        return {name: int(count) for name, count in found}


@contextmanager
def field_of(on: Stack) -> Iterator[Field]:
    """Mosquitto and an agent for a running broker."""
    directory = Path(tempfile.mkdtemp(prefix="eclor-bench-agents-"))
    mqtt_port, port = _free_port(), _free_port()
    configuration = directory / "mosquitto.conf"
    configuration.write_text(
        f"listener {mqtt_port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
        f"persistence_location {directory}/\nuser {getpass.getuser()}\n"
        "max_queued_messages 100000\nmax_inflight_messages 1000\n"
    )
    mosquitto = subprocess.Popen(["mosquitto", "-c", str(configuration)], stderr=subprocess.DEVNULL)
    command = [sys.executable, "-m", "agents", "--broker-url", on.url, "--mqtt-url", f"mqtt://127.0.0.1:{mqtt_port}"]
    command += ["--port", str(port), "--data-dir", str(directory)]
    agent = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{url}/health", agent)
        yield Field(on, agent.pid, mosquitto.pid, mqtt_port, url)
    finally:
        for process in (agent, mosquitto):
            process.terminate()
            process.wait(20)


def register(field: Field) -> None:
    """Stations that send JSON, and waste containers that send LoRaWAN frames."""
    stations = [{"id": f"air{n}", "model": "generic/air-quality-station", "apiKey": "k"} for n in range(_DEVICES)]
    bins = [{"id": f"{n:016x}", "model": "milesight-iot/em400-mud"} for n in range(_DEVICES)]
    body = json.dumps(stations + bins).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{field.url}/devices", body, method="POST")) as answer:
        assert answer.status == 201


def measures(count: int, chance: random.Random) -> list[tuple[str, bytes]]:
    """JSON with three values and no time, 50 bytes."""
    return [
        (
            f"/k/air{n % _DEVICES}/attrs",
            b'{"no2":%.1f,"humidity":%d,"pm10":%d}' % (chance.random() * 90, n % 100, n % 50),
        )
        for n in range(count)
    ]


def frames(count: int) -> list[tuple[str, bytes]]:
    """ChirpStack events of some 500 bytes."""
    began = time.time()
    made = []
    for n in range(count):
        eui = f"{n % _DEVICES:016x}"
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began + n // _DEVICES)) + f".{n % 1000:03}Z"
        event = {
            "deduplicationId": f"{eui}-{n}-{began}",
            "time": moment,
            "deviceInfo": {"tenantName": "City", "applicationName": "bins", "devEui": eui, "tags": {"area": "north"}},
            "devAddr": "00189440",
            "dr": 5,
            "fCnt": n // _DEVICES + 1,
            "fPort": 85,
            "data": base64.b64encode(_FRAME).decode(),
            "rxInfo": [{"gatewayId": "0016c001f153a14c", "uplinkId": n, "rssi": -57, "snr": 9.5}],
            "txInfo": {"frequency": 868100000},
        }
        made.append((f"application/bins/device/{eui}/event/up", json.dumps(event).encode()))
    return made


async def load(field: Field, name: str, messages: list[tuple[str, bytes]], rate: float) -> None:
    """Publish at a rate and wait until all is stored."""
    publisher = await Publisher.connect(field.mqtt_port)
    before, cpu = field.counts().get("stored", 0), field.cpu()
    began = time.perf_counter()
    await publisher.publish(messages, rate)
    published = time.perf_counter() - began
    while (counts := await asyncio.to_thread(field.counts)).get("stored", 0) - before < len(messages):
        assert not any(kind.startswith("rejected") for kind in counts), counts
        await asyncio.sleep(0.1)
        assert time.perf_counter() - began < 300, counts
    took = time.perf_counter() - began
    per = 1000 / len(messages)
    used = [(after - was) * per for was, after in zip(cpu, field.cpu(), strict=True)]
    print(
        f"| {name:<30} | {len(messages) / published:>7,.0f} | {len(messages) / took:>7,.0f} | "
        + " | ".join(f"{each:>6.3f}" for each in used)
        + f" | {sum(used):>6.3f} |",
        flush=True,
    )
    await publisher.close()


async def latency(field: Field, count: int, rate: float) -> None:
    """From publishing a measure to the notification about it."""
    sent: dict[float, float] = {}
    took: list[float] = []
    everything = asyncio.Event()

    def received(body: bytes) -> None:
        now = time.perf_counter()
        for each in json.loads(body)["data"]:
            if (was := sent.pop(next(iter(_values(each))), None)) is not None:
                took.append(now - was)
        if len(took) >= count:
            everything.set()

    server = await asyncio.get_running_loop().create_server(lambda: Receiver(received), "127.0.0.1", 0)
    subscription = {
        "type": "Subscription",
        "entities": [{"type": "AirQualityObserved"}],
        "watchedAttributes": ["no2"],
        "notification": {
            "attributes": ["no2"],
            "endpoint": {
                "uri": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/",
                "accept": "application/json",
            },
        },
        "@context": "https://raw.githubusercontent.com/smart-data-models/dataModel.Environment/master/context.jsonld",
    }
    body = json.dumps(subscription).encode()
    created = await run(field.on.url, [request("POST", "/ngsi-ld/v1/subscriptions", body, "application/ld+json")], 1)
    assert created.statuses == {201: 1}, created.statuses
    publisher = await Publisher.connect(field.mqtt_port, "bench-02")
    began = time.perf_counter()
    for n in range(count):
        if (ahead := began + n / rate - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        sent[1000.0 + n] = time.perf_counter()
        await publisher.publish([(f"/k/air{n % _DEVICES}/attrs", b'{"no2":%d}' % (1000 + n))], 1e9)
    try:
        await asyncio.wait_for(everything.wait(), 30)
    except TimeoutError:
        print(f"  {count - len(took)} notifications did not come")
    took.sort()
    p50, p95, p99 = (1000 * took[int(len(took) * share)] for share in (0.5, 0.95, 0.99))
    print(f"publish to notification at {rate:.0f}/s: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    server.close()
    await publisher.close()


def _values(entity: dict[str, object]) -> Iterator[float]:
    for attribute in entity.values():
        if isinstance(attribute, dict) and isinstance(attribute.get("value"), int | float):
            yield float(attribute["value"])


async def main(seconds: float, history: str) -> None:
    """Every load in turn."""
    print("|                                |  sent/s | stored/s | agent | broker | mongod | mosquitto | total |")
    print("|--------------------------------|--------:|--------:|-------:|-------:|-------:|-------:|-------:|")
    with stack("--history", history) as on, field_of(on) as field:
        register(field)
        chance = random.Random(1)
        await load(field, "first messages of 2,000 devices", measures(_DEVICES, chance), 1_000)
        await load(field, "JSON at 3,000/s", measures(int(3_000 * seconds), chance), 3_000)
        await load(field, "JSON as fast as it goes", measures(int(5_000 * seconds), chance), 20_000)
        await load(field, "first frames of 2,000 devices", frames(_DEVICES), 1_000)
        await load(field, "LoRaWAN at 1,500/s", frames(int(1_500 * seconds)), 1_500)
        await load(field, "LoRaWAN as fast as it goes", frames(int(3_000 * seconds)), 20_000)
        await latency(field, int(500 * seconds), 500)
        counts = field.counts()
        print(f"requests that failed: {counts.get('broker_failures', 0)}, batches: {counts['batches']}")
    print("CPU columns: seconds per 1,000 messages.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each load (default 10)")
    parser.add_argument("--history", choices=("on", "off"), default="on", help="whether the broker records histories")
    given = parser.parse_args()
    uvloop.run(main(given.seconds, given.history))
