"""What can be set from outside: by option, else by environment variable, else the default."""

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.core.tokens import read_tokens
from agents.core.topics import NETWORK_SUBSCRIPTIONS, SUBSCRIPTIONS
from agents.networks.downlinks import TunnelAccount
from agents.networks.lorawan import HTTP_NETWORKS

_OFF = "off"
_FITTING = r"|[!-~]{8,}"
_TUNNEL_KEY = re.compile(r"[0-9A-Fa-f]{32}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one agent process."""

    broker_url: str
    mqtt_url: str
    mongo_url: str | None
    host: str
    port: int
    tenant: str | None
    mqtt_client_id: str
    provider_url: str
    south_port: int
    iot_context: str | None
    mqtt_share: str | None
    mqtt_topics: tuple[str, ...]
    lorawan_mqtt_url: str | None
    lorawan_topics: tuple[str, ...]
    lorawan_tokens: Mapping[str, str]
    token: str
    """What those who administer have to show; empty for nothing."""
    asks_nobody: bool
    """Whether the operator said that no token is to be asked for."""
    thingpark_account: TunnelAccount | None
    data_dir: Path
    codecs_dir: Path
    spool_mb: int

    def __repr__(self) -> str:
        return f"Settings(host={self.host!r}, port={self.port})"  # URLs may hold passwords


_OPTIONS: tuple[tuple[str, str, str | None, str], ...] = (
    ("--broker-url", "ECLOR_BROKER_URL", "http://127.0.0.1:1026", "base URL of the NGSI-LD broker"),
    ("--mqtt-url", "ECLOR_MQTT_URL", "mqtt://127.0.0.1:1883", "mqtt[s]://[user:password@]host[:port]"),
    ("--mongo-url", "ECLOR_MONGO_URL", None, "MongoDB that keeps registrations; without it they end with the process"),
    ("--host", "ECLOR_AGENTS_HOST", "127.0.0.1", "address on which the agents' HTTP API listens"),
    ("--port", "ECLOR_AGENTS_PORT", "4041", "its port"),
    ("--tenant", "ECLOR_TENANT", None, "NGSI-LD tenant the entities go to"),
    ("--mqtt-client-id", "ECLOR_MQTT_CLIENT_ID", "eclor-agents", "name of the MQTT session, one per agent process"),
    ("--provider-url", "ECLOR_PROVIDER_URL", None, "where the broker reaches the agents; default http://HOST:PORT"),
    ("--south-port", "ECLOR_SOUTH_PORT", "7896", "port for devices that speak HTTP; 0 for none"),
    ("--iot-context", "ECLOR_IOT_CONTEXT", None, "URL of the JSON-LD context of what is provisioned under /iot"),
    ("--mqtt-share", "ECLOR_MQTT_SHARE", None, "group in which several agents share the messages of MQTT"),
    ("--mqtt-topics", "ECLOR_MQTT_TOPICS", ",".join(SUBSCRIPTIONS), "topic filters to subscribe to, with commas"),
    ("--lorawan-mqtt-url", "ECLOR_LORAWAN_MQTT_URL", None, "MQTT server of a LoRaWAN network server that has its own"),
    ("--lorawan-topics", "ECLOR_LORAWAN_TOPICS", ",".join(NETWORK_SUBSCRIPTIONS), "topic filters there, with commas"),
    (
        "--lorawan-tokens",
        "ECLOR_LORAWAN_TOKENS",
        "",
        "what network servers that post to /lorawan have to show: tts=TOKEN,chirpstack=TOKEN or one TOKEN for all",
    ),
    (
        "--token",
        "ECLOR_AGENTS_TOKEN",
        "",
        "what to show as Authorization: Bearer TOKEN to administer; off: nothing, though others may reach the port",
    ),
    (
        "--thingpark-account",
        "ECLOR_THINGPARK_ACCOUNT",
        "",
        "AS_ID:KEY of ThingPark's tunnel interface, for downlinks; without it they go to IoT Flow",
    ),
    ("--data-dir", "ECLOR_DATA_DIR", ".eclor", "where messages are kept until the broker has them"),
    ("--codecs-dir", "ECLOR_CODECS_DIR", None, "what `eclor codec import` took; default: codecs in the data directory"),
    ("--spool-mb", "ECLOR_SPOOL_MB", "4096", "how much of them, in megabytes"),
)


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Read options and environment; ends the process with a message where they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m agents", description="IoT agents of ECLOR")
    for option, variable, default, text in _OPTIONS:
        number = int if option in ("--port", "--south-port", "--spool-mb") else str
        parser.add_argument(
            option, type=number, default=environment.get(variable, default), help=f"{text} [{variable}]"
        )
    given = parser.parse_args(arguments)
    _check(parser, given)
    try:
        lorawan_tokens = read_tokens(given.lorawan_tokens, HTTP_NETWORKS)
    except ValueError as problem:
        parser.error(f"--lorawan-tokens: {problem}")
    return Settings(
        broker_url=given.broker_url,
        mqtt_url=given.mqtt_url,
        mongo_url=given.mongo_url or None,
        host=given.host,
        port=given.port,
        tenant=given.tenant or None,
        mqtt_client_id=given.mqtt_client_id,
        provider_url=given.provider_url or _reached_at(given.host, given.port),
        south_port=given.south_port,
        iot_context=given.iot_context or None,
        mqtt_share=given.mqtt_share or None,
        mqtt_topics=_list(given.mqtt_topics),
        lorawan_mqtt_url=given.lorawan_mqtt_url or None,
        lorawan_topics=_list(given.lorawan_topics),
        lorawan_tokens=lorawan_tokens,
        token="" if given.token == _OFF else given.token,
        asks_nobody=given.token == _OFF,
        thingpark_account=_account(given.thingpark_account),
        data_dir=Path(given.data_dir),
        codecs_dir=Path(given.codecs_dir or Path(given.data_dir) / "codecs"),
        spool_mb=given.spool_mb,
    )


def _check(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """End the process with a message where a value is none of its option's."""
    for option, port in (("--port", given.port), ("--south-port", given.south_port)):
        if not 0 <= port <= 65_535:
            parser.error(f"{option} is a number from 0 to 65535")
    if given.spool_mb < 1:
        parser.error("--spool-mb is a number from 1")
    if given.token != _OFF and not re.fullmatch(_FITTING, given.token):
        parser.error("--token is off, or at least 8 characters, none of them blank or beyond ASCII")
    identifier, _, key = given.thingpark_account.partition(":")
    if given.thingpark_account and not (identifier and _TUNNEL_KEY.fullmatch(key)):
        parser.error("--thingpark-account is AS_ID:KEY, the key 32 hexadecimal digits")


def _account(text: str) -> TunnelAccount | None:
    identifier, _, key = text.partition(":")
    return TunnelAccount(identifier, key) if identifier else None


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _reached_at(host: str, port: int) -> str:
    """The address for a broker on the same machine; `0.0.0.0` and `::` are addresses to listen on, not to call."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
