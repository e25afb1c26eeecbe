"""What the demonstration is told: command line, else environment (`ECLOR_…`), else these defaults."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

REPORT_SECONDS = 30.0
MAX_DEVICES = 10_000
MAX_RATE = 100.0


@dataclass(frozen=True, slots=True)
class Settings:
    """`rate` 2 makes every device report twice as often as each 30 s."""

    broker_url: str
    mqtt_url: str
    agents_url: str
    devices: int
    rate: float
    seed: int
    host: str
    notify_host: str

    @property
    def period(self) -> float:
        """Seconds between two reports of one device."""
        return REPORT_SECONDS / self.rate


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """Where the MQTT broker is, and as whom to speak to it."""

    host: str
    port: int
    username: str | None
    password: str | None


def mqtt_address(url: str) -> MqttAddress:
    """Read `mqtt://[user:password@]host[:port]`. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme != "mqtt" or not parts.hostname:
        raise ValueError("the MQTT address must look like mqtt://host:1883")
    return MqttAddress(
        parts.hostname,
        parts.port or 1883,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def read_settings(arguments: Sequence[str] | None = None) -> Settings:
    """Settings from the command line and the environment; ends the program with a message where they are wrong."""
    parser = argparse.ArgumentParser(prog="agents.demo", description="A simulated territory that reports over MQTT")
    _option(parser, "--broker-url", "http://127.0.0.1:1026", "the NGSI-LD broker")
    _option(parser, "--mqtt-url", "mqtt://127.0.0.1:1883", "the MQTT broker that the agents listen to")
    _option(parser, "--agents-url", "http://127.0.0.1:4041", "the agents' HTTP API, where devices are registered")
    _option(parser, "--devices", "200", f"how many devices, at most {MAX_DEVICES}")
    _option(parser, "--rate", "1.0", f"1 reports each 30 s, 2 each 15 s; at most {MAX_RATE:g}")
    _option(parser, "--seed", "1", "another number gives another territory")
    _option(parser, "--host", "127.0.0.1", "where to listen for notifications")
    _option(parser, "--notify-host", "", "under which name the broker reaches this program (default: --host)")
    given = parser.parse_args(arguments)
    try:
        mqtt_address(given.mqtt_url)
        settings = Settings(
            broker_url=given.broker_url.rstrip("/"),
            mqtt_url=given.mqtt_url,
            agents_url=given.agents_url.rstrip("/"),
            devices=int(given.devices),
            rate=float(given.rate),
            seed=int(given.seed),
            host=given.host,
            notify_host=given.notify_host or given.host,
        )
    except ValueError as error:
        parser.error(str(error))
    if not 1 <= settings.devices <= MAX_DEVICES:
        parser.error(f"--devices must be 1 to {MAX_DEVICES}")
    if not 0 < settings.rate <= MAX_RATE:
        parser.error(f"--rate must be above 0 and at most {MAX_RATE:g}")
    return settings


def _option(parser: argparse.ArgumentParser, name: str, default: str, help_text: str) -> None:
    variable = "ECLOR_" + ("DEMO_" if name in {"--host", "--rate", "--seed", "--devices", "--notify-host"} else "")
    variable += name.removeprefix("--").replace("-", "_").upper()
    parser.add_argument(name, default=os.environ.get(variable, default), help=f"{help_text} [{variable}]")
