"""What one broker process is told: options, each also as an environment variable `ECLOR_…`."""

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeAlias, TypeVar

from broker.core.model.errors import BadRequestData
from broker.core.temporal.aggregate import Period
from broker.core.temporal.policy import Policy, parse_history, parse_retention

T = TypeVar("T")
Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one broker process. See `parser` for what each means."""

    host: str
    port: int
    mongo_url: str
    alias: str
    public_url: str
    reuse_port: bool
    max_body: int
    retry_for: float
    wait_for_mongo: float
    log_level: str
    trusted_ca: Path | None
    cors_origins: tuple[str, ...]
    history: Policy[bool]
    retention: Policy[Period | None]
    temporal_page: int
    max_batch: int
    split_entities: bool
    data_dir: Path | None = None
    database: str = "eclor"
    seal: bool = False
    open_to: tuple[Network, ...] | None = None


def parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """The command line of `python -m broker`; `eclor broker` passes its options on to it."""
    command = argparse.ArgumentParser(
        prog="python -m broker",
        description="Serve the NGSI-LD API from a MongoDB server that is already running.",
    )

    def option(name: str, default: str, text: str, **more: object) -> None:
        variable = "ECLOR_" + name.upper().replace("-", "_")
        text = f"{text} ({variable}; default: {default or 'none'})"
        command.add_argument(f"--{name}", default=environment.get(variable, default), help=text, **more)  # type: ignore[arg-type]  # argparse converts a textual default by `type`

    option("host", "127.0.0.1", "address to listen on; 0.0.0.0 opens the broker to the network")
    option("port", "1026", "port to listen on", type=int)
    option("mongo-url", "mongodb://127.0.0.1:27017", "the MongoDB server, from 4.4 to 8.x")
    text = "name of the databases, followed by those of tenants: brokers with another one share nothing"
    option("database", "eclor", text, type=_database)
    option("public-url", "", "the URL under which others reach this broker")
    option("max-body", "16000000", "largest request body accepted, in bytes", type=int)
    option("retry-for", "3600", "seconds for which a failed notification is tried again", type=float)
    option("wait-for-mongo", "60", "seconds to wait for MongoDB at the start", type=float)
    option("history", "on", "on, off, or by tenant and type: on,tenant/Type=off,/Type=off", type=_policy(parse_history))
    option("retention", "forever", "how long histories are kept: P2Y,/Vehicle=P30D", type=_policy(parse_retention))
    option("temporal-page", "1000", "instances of an attribute in one answer about histories", type=_positive)
    text = "entities that one batch may create; other batches take half as many"
    option("max-batch", "10000", text, type=_positive)
    text = "PEM file of certificate authorities to trust besides the system's, for receivers of notifications"
    option("trusted-ca", "", text)
    text = (
        "web pages' origins that may read and write, separated by commas, * for all; "
        "without it every page may read, and only the broker's own may write"
    )
    option("cors-origins", "", text)
    _add_joining(option, has_secret=bool(environment.get("ECLOR_SECRET_KEY")))
    option("log-level", "info", "debug, info, warning or error")
    reuse = environment.get("ECLOR_REUSE_PORT", "") not in ("", "0")
    text = "share the port with other broker processes of this machine (ECLOR_REUSE_PORT)"
    command.add_argument("--reuse-port", action="store_true", default=reuse, help=text)
    return command


def _add_joining(option: Callable[..., None], *, has_secret: bool) -> None:
    """What concerns other brokers: those that are sources, and those that join this one."""
    option("alias", "", "the name of this broker among others (Context Source alias, clause 5.15)")
    option("split-entities", "off", "on: an entity may be at several sources in parts (4.3.6.7)", choices=("on", "off"))
    option("data-dir", "", "where the broker keeps its secret, without which it can't join others")
    text = "on: headers for sources and receivers are stored encrypted; brokers that share data then need one secret"
    option("seal", "on" if has_secret else "off", text, choices=("on", "off"))
    text = "networks that need no token, as in 127.0.0.0/8,10.0.0.0/8; others then need that of a federation member"
    option("open-to", "everyone", text, type=_networks)


def read(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from command line and environment; exits with a message where they are wrong."""
    given = parser(os.environ if environment is None else environment).parse_args(arguments)
    host = f"[{given.host}]" if ":" in given.host else given.host
    reachable = "localhost" if host in ("127.0.0.1", "0.0.0.0", "[::]", "[::1]") else host
    return Settings(
        host=given.host,
        port=given.port,
        mongo_url=given.mongo_url,
        alias=given.alias or f"eclor-{given.port}",
        public_url=(given.public_url or f"http://{reachable}:{given.port}").rstrip("/"),
        reuse_port=given.reuse_port,
        max_body=given.max_body,
        retry_for=given.retry_for,
        wait_for_mongo=given.wait_for_mongo,
        log_level=given.log_level,
        trusted_ca=Path(given.trusted_ca) if given.trusted_ca else None,
        cors_origins=tuple(each.strip() for each in given.cors_origins.split(",") if each.strip()),
        history=given.history,
        retention=given.retention,
        temporal_page=given.temporal_page,
        max_batch=given.max_batch,
        split_entities=given.split_entities == "on",
        data_dir=Path(given.data_dir).expanduser() if given.data_dir else None,
        open_to=given.open_to,
        database=given.database,
        seal=given.seal == "on",
    )


def _policy(parse: Callable[[str], Policy[T]]) -> Callable[[str], Policy[T]]:
    def read(text: str) -> Policy[T]:
        try:
            return parse(text)
        except BadRequestData as error:
            raise argparse.ArgumentTypeError(error.detail) from None

    return read


def _database(text: str) -> str:
    # A tenant's name of 50 characters and `-t-` go behind it, and MongoDB takes 63 bytes.
    if not re.fullmatch(r"[a-z0-9_]{1,10}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of databases: 1 to 10 of a-z, 0-9 and _")
    return text


def _networks(text: str) -> tuple[Network, ...] | None:
    if text == "everyone":
        return None
    try:
        return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; networks look like 127.0.0.0/8,::1/128") from None


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
