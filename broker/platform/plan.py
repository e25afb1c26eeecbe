"""From what the user asked for to the children that make it so.

Broker, agents and demo are started as programs of their own (`python -m …`): they meet over HTTP and MQTT alone.
Addresses that may carry a password travel in the environment, which, unlike a command line, other users cannot read.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from broker.platform import mongod, mqtt
from broker.platform.child import Child
from broker.platform.output import Console
from broker.platform.place import lock_data_directory, prepare_data_directory, require_free_port
from broker.platform.readiness import http_answers

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
# Longer than the broker waits for its MongoDB: it ends with a reason of its own before it is ended without one.
_START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What to run: `mongo_url` and `mqtt_url` name servers that run already, without them embedded ones are started."""

    data_directory: Path
    host: str = "127.0.0.1"
    port: int = 1026
    workers: int = 1
    alias: str | None = None
    public_url: str | None = None
    history: str | None = None
    retention: str | None = None
    temporal_page: int | None = None
    split_entities: str | None = None
    trusted_ca: Path | None = None
    cors_origins: str | None = None
    open_to: str | None = None
    seal: str | None = None
    mongo_url: str | None = None
    mqtt_url: str | None = None
    mqtt_port: int = 1883
    agents: bool = False
    agents_port: int = 4041
    south_port: int = 7896
    demo: bool = False
    demo_devices: int = 200
    demo_rate: float = 1.0

    @property
    def broker_url(self) -> str:
        """Where this machine reaches the broker."""
        return f"http://{_authority(self.host, self.port)}"

    @property
    def agents_url(self) -> str:
        """Where this machine reaches the agents' HTTP interface."""
        return f"http://127.0.0.1:{self.agents_port}"


@dataclass(slots=True)
class Plan:
    """The children to run, and for the report what stands where: pairs of a name and a text."""

    children: list[Child] = field(default_factory=list)
    places: list[tuple[str, str]] = field(default_factory=list)


def make_plan(wish: Wish, console: Console) -> Plan:
    """Check the ground (directory, ports, programs) and lay out the children. Raises StartError."""
    plan = Plan()
    _check_ports(wish)
    data_directory = wish.data_directory
    if wish.mongo_url is None or (wish.agents and wish.mqtt_url is None):
        data_directory = prepare_data_directory(data_directory)
        lock_data_directory(data_directory)
    mongo_url = _plan_mongod(wish, data_directory, plan, console)
    _plan_broker(wish, mongo_url, plan, console)
    if wish.agents:
        mqtt_url = _plan_mqtt(wish, data_directory, plan, console)
        _plan_agents(wish, mongo_url, mqtt_url, plan, console)
        if wish.demo:
            _plan_demo(wish, mqtt_url, plan, console)
    return plan


def without_secrets(url: str) -> str:
    """The URL as it may be shown: user name and password left out."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def _authority(host: str, port: int) -> str:
    reached = _ANY_ADDRESS.get(host, host)
    return f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"


def _check_ports(wish: Wish) -> None:
    require_free_port(wish.host, wish.port, "The broker", "Stop what listens there, or choose another: --port 1027.")
    if not wish.agents:
        return
    require_free_port(
        "127.0.0.1",
        wish.agents_port,
        "The IoT agents",
        "Stop what listens there, or choose another: --agents-port 4042.",
    )
    if wish.mqtt_url is None:
        advice = (
            f"If that is an MQTT server you want to use, name it: --mqtt-url mqtt://127.0.0.1:{wish.mqtt_port}. "
            "Otherwise choose another port: --mqtt-port 1884."
        )
        require_free_port(mqtt.HOST, wish.mqtt_port, "The MQTT server", advice)


def _plan_mongod(wish: Wish, data_directory: Path, plan: Plan, console: Console) -> str:
    if wish.mongo_url is not None:
        plan.places.append(("MongoDB", f"{without_secrets(wish.mongo_url)}  (yours)"))
        return wish.mongo_url
    binary = mongod.find_mongod()
    version = mongod.version(binary)
    plan.children.append(mongod.mongod_child(binary, data_directory, console))
    plan.places.append(("MongoDB", f"{version}, embedded, data in {data_directory}"))
    return mongod.url(data_directory)


def _plan_mqtt(wish: Wish, data_directory: Path, plan: Plan, console: Console) -> str:
    if wish.mqtt_url is not None:
        plan.places.append(("MQTT", f"{without_secrets(wish.mqtt_url)}  (yours)"))
        return wish.mqtt_url
    mosquitto = mqtt.find_mosquitto()
    url = f"mqtt://{mqtt.HOST}:{wish.mqtt_port}"
    plan.children.append(mqtt.mqtt_child(mosquitto, wish.mqtt_port, data_directory, console))
    plan.places.append(("MQTT", f"{url}  ({mqtt.describe(mosquitto)}, embedded)"))
    return url


def _depends(plan: Plan, *names: str) -> tuple[str, ...]:
    """Of those names, the children that are there."""
    return tuple(child.name for child in plan.children if child.name.split("-")[0] in names)


def _plan_broker(wish: Wish, mongo_url: str, plan: Plan, console: Console) -> None:
    command = [sys.executable, "-m", "broker", "--host", wish.host, "--port", str(wish.port)]
    command += ["--alias", wish.alias] if wish.alias else []
    command += ["--public-url", wish.public_url] if wish.public_url else []
    command += ["--history", wish.history] if wish.history else []
    command += ["--retention", wish.retention] if wish.retention else []
    command += ["--temporal-page", str(wish.temporal_page)] if wish.temporal_page else []
    command += ["--split-entities", wish.split_entities] if wish.split_entities else []
    command += ["--trusted-ca", str(wish.trusted_ca.resolve())] if wish.trusted_ca else []
    command += ["--cors-origins", wish.cors_origins] if wish.cors_origins else []
    command += ["--open-to", wish.open_to] if wish.open_to else []
    # An embedded MongoDB is for the brokers of this directory alone, which have one secret.
    seal = wish.seal or ("on" if wish.mongo_url is None else None)
    command += ["--seal", seal] if seal else []
    # Several processes share the port by SO_REUSEPORT: each can die and come back without the others.
    command += ["--reuse-port"] if wish.workers > 1 else []
    depends = _depends(plan, "mongodb")
    for number in range(1, wish.workers + 1):
        name = "broker" if wish.workers == 1 else f"broker-{number}"
        plan.children.append(
            Child(
                name=name,
                command=tuple(command),
                receive=console.receiver(name),
                environment={"ECLOR_MONGO_URL": mongo_url, "ECLOR_DATA_DIR": str(wish.data_directory)},
                ready=http_answers(_ANY_ADDRESS.get(wish.host, wish.host), wish.port, "/health"),
                depends=depends,
                start_seconds=_START_SECONDS,
            )
        )
    several = "" if wish.workers == 1 else f"  ({wish.workers} processes)"
    plan.places.insert(
        0, ("Broker", f"{wish.broker_url}/{several}  NGSI-LD under /ngsi-ld/v1, its documentation at /docs")
    )


def _plan_agents(wish: Wish, mongo_url: str, mqtt_url: str, plan: Plan, console: Console) -> None:
    command = (sys.executable, "-m", "agents", "--broker-url", wish.broker_url, "--data-dir", str(wish.data_directory))
    address = ("--host", "127.0.0.1", "--port", str(wish.agents_port))
    plan.children.append(
        Child(
            name="agents",
            command=(*command, *address, "--south-port", str(wish.south_port)),
            receive=console.receiver("agents"),
            environment={"ECLOR_MONGO_URL": mongo_url, "ECLOR_MQTT_URL": mqtt_url},
            ready=http_answers("127.0.0.1", wish.agents_port, "/health"),
            depends=_depends(plan, "mongodb", "mqtt", "broker"),
            start_seconds=_START_SECONDS,
        )
    )
    plan.places.insert(1, ("IoT agents", f"{wish.agents_url}/  device frames in, entities out"))


def _plan_demo(wish: Wish, mqtt_url: str, plan: Plan, console: Console) -> None:
    command = (sys.executable, "-m", "agents.demo", "--broker-url", wish.broker_url, "--agents-url", wish.agents_url)
    plan.children.append(
        Child(
            name="demo",
            command=(*command, "--devices", str(wish.demo_devices), "--rate", str(wish.demo_rate)),
            receive=console.receiver("demo"),
            environment={"ECLOR_MQTT_URL": mqtt_url},
            depends=_depends(plan, "agents"),
        )
    )
    plan.places.append(("Demo", f"{wish.demo_devices} simulated devices, and a subscriber that prints what it is told"))
