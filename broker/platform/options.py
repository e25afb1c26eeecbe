"""The command line of `eclor`: its commands, their options, and what `--help` tells of them."""

import argparse
import difflib
import os
import sys
from pathlib import Path
from typing import NoReturn

from broker.core.temporal.policy import parse_history, parse_retention
from broker.platform.argument_types import checked, existing_file, number, port, port_or_none, whole_number
from broker.platform.run import release

USAGE_ERROR = 2
"""The exit status where a command line can't be understood."""

HANDED_OVER = {
    "index": ("broker.console.indexes", "see and declare what queries are prepared for"),
    "codec": ("agents.codecs", "test and import codecs of LoRaWAN devices"),
    "federation": ("broker.console.federation", "join other cities' brokers, see how they are, leave them"),
    "device": ("agents.console", "see what became of a device's messages, and who is silent"),
}
"""Commands whose options the named module reads."""

_DESCRIPTION = "ECLOR: the open data platform of a territory. An NGSI-LD context broker and its IoT agents."
_EXAMPLES = """\
examples:
  eclor run --demo                     everything, with simulated devices: the way to see it at work
  eclor run                            everything, for your own devices
  eclor run --mongo-url mongodb://db:27017 --mqtt-url mqtt://mqtt:1883
                                       with the MongoDB and the MQTT server you have
  eclor broker --port 1026             the NGSI-LD broker alone
  eclor agents --broker-url http://127.0.0.1:1026
                                       the IoT agents alone, for a broker that runs elsewhere
  eclor codec import ~/lorawan-devices
                                       take makers' codecs for LoRaWAN devices; `eclor codec` tells more
  eclor index declare serialNumber     prepare for queries by an attribute; `eclor index --help` tells more
  eclor device trace 24e124713c000001  what became of a device's last messages; `eclor device --help` tells more
  eclor federation join invitation.json
                                       join another city's broker; `eclor federation --help` tells more

Options with a value can also be set in the environment: --mongo-url as ECLOR_MONGO_URL, and so on.
`eclor COMMAND --help` tells more about one command.
"""
_RUN_EXAMPLES = """\
Starts MongoDB and an MQTT server of its own unless told which to use, then the broker, the IoT agents and, with
--demo, simulated devices. What dies is started again. All data is kept in the data directory.

examples:
  eclor run --demo
  eclor run --data-dir /srv/eclor --port 8080
"""
_BROKER_EXAMPLES = """\
Serves NGSI-LD (ETSI GS CIM 009). Without --mongo-url it starts an embedded MongoDB in the data directory.

examples:
  eclor broker
  eclor broker --mongo-url mongodb://db.example.org:27017 --workers 4 --public-url https://broker.example.org
"""
_AGENTS_EXAMPLES = """\
Turns what devices send over MQTT into NGSI-LD entities at the broker. Without --mongo-url, devices are remembered
only until it stops.

example:
  eclor agents --broker-url http://127.0.0.1:1026 --mqtt-url mqtt://127.0.0.1:1883
"""
_DEMO_EXAMPLES = """\
Simulated devices of a territory send readings to a running platform, and a subscriber prints what it is told.

With --federation it needs no platform: it runs three territories with a broker each, lets them join each other by
invitations, and asks one of them across the border.

examples:
  eclor demo --devices 500 --rate 2
  eclor demo --federation --port 2026
"""

# More processes than a large machine has cores to give them.
_MOST_WORKERS = 64
# What fits into an answer that a browser can still draw.
_LARGEST_PAGE = 1_000_000
# What the demo accepts.
_MOST_DEVICES = 10_000
_FASTEST = 100


class _Parser(argparse.ArgumentParser):
    """A parser that says what to type instead."""

    known: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and what may have been meant; exit with status 2."""
        lines = [f"eclor: {message}"]
        wrong = [word for word in sys.argv[1:] if word.partition("=")[0] in message]
        for word in wrong:
            close = difflib.get_close_matches(word.partition("=")[0], self.known, n=1)
            if close and close[0] != word:
                lines.append(f"Did you mean {close[0]}?")
        lines.append(f"See {self.prog} --help")
        self.exit(USAGE_ERROR, "\n".join(lines) + "\n")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, with defaults from the environment as it is now."""
    parser = _Parser(
        prog="eclor",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"eclor {release()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_run(commands)
    broker = _command(commands, "broker", "run the NGSI-LD broker alone", _BROKER_EXAMPLES)
    _add_broker_options(broker)
    _add_agents(commands)
    _add_demo(commands)
    _add_handed_over(commands)
    options = {
        text for command in commands.choices.values() for action in command._actions for text in action.option_strings
    }
    for taught in (parser, *commands.choices.values()):
        taught.known = (*commands.choices, *sorted(options))
    return parser


def _add(parser: argparse.ArgumentParser, option: str, text: str, variable: str = "", **settings: object) -> None:
    """An option that the environment can set as well. An empty variable counts as absent."""
    given = os.environ.get(variable or "ECLOR_" + option.removeprefix("--").replace("-", "_").upper())
    if given:
        # argparse applies the option's type to a default that is text, and names the option when it does not fit.
        settings["default"] = given
    shown = "" if settings.get("default") is None or given else f" (default {settings['default']})"
    parser.add_argument(option, help=f"{text}{shown}", **settings)  # type: ignore[arg-type]  # passed through


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _command(commands, "run", "run the whole platform", _RUN_EXAMPLES)
    _add_broker_options(parser)
    _add(parser, "--mqtt-url", "the MQTT server to use instead of an embedded one", metavar="URL")
    _add(parser, "--mqtt-port", "port of the embedded MQTT server", type=port, default=1883, metavar="PORT")
    text = "port for devices that speak HTTP, 0 for none"
    _add(parser, "--south-port", text, type=port_or_none, default=7896, metavar="PORT")
    _add(parser, "--agents-port", "port of the IoT agents' HTTP interface", type=port, default=4041, metavar="PORT")
    parser.add_argument("--demo", action="store_true", help="with simulated devices and a subscriber that prints")
    _add_demo_options(parser)


def _add_broker_options(parser: argparse.ArgumentParser) -> None:
    _add(parser, "--host", "address the broker listens on", default="127.0.0.1", metavar="ADDRESS")
    _add(parser, "--port", "port the broker listens on", type=port, default=1026, metavar="PORT")
    _add(parser, "--data-dir", "where data is kept", type=Path, default=".eclor", metavar="DIR")
    _add(parser, "--mongo-url", "the MongoDB to use instead of an embedded one", metavar="URL")
    _add(
        parser,
        "--workers",
        "broker processes to share the work",
        type=whole_number(_MOST_WORKERS),
        default=1,
        metavar="N",
    )
    _add(parser, "--alias", "name of this broker among brokers that federate", metavar="NAME")
    _add(parser, "--public-url", "where clients reach the broker, if not at its own address", metavar="URL")
    text = "record histories: on, off, or by tenant and type as in on,tenant/Type=off"
    _add(parser, "--history", text, type=checked(parse_history), metavar="{on,off,...}")
    text = "how long histories are kept, as in P2Y,/Vehicle=P30D"
    _add(parser, "--retention", text, type=checked(parse_retention), metavar="DURATION")
    text = "instances of an attribute in one answer about histories (1000)"
    _add(parser, "--temporal-page", text, type=whole_number(_LARGEST_PAGE), metavar="N")
    text = "whether an entity may be in parts at several sources, where a request doesn't say (off)"
    _add(parser, "--split-entities", text, choices=("on", "off"), metavar="{on,off}")
    text = "PEM file of certificate authorities that receivers of notifications may rely on"
    _add(parser, "--trusted-ca", text, type=existing_file, metavar="FILE")
    text = "web pages (origins, * for all) that may write; without it the broker's own alone"
    _add(parser, "--cors-origins", text, metavar="ORIGINS")
    text = "store headers for sources and receivers encrypted (on with an embedded MongoDB or ECLOR_SECRET_KEY)"
    _add(parser, "--seal", text, choices=("on", "off"), metavar="{on,off}")
    text = "networks that need no token, as in 127.0.0.0/8; others then need a federation member's (everyone)"
    _add(parser, "--open-to", text, metavar="NETWORKS")
    _add(parser, "--log", "how to print: for people or for programs", choices=("text", "json"), metavar="{text,json}")


def _add_demo_options(parser: argparse.ArgumentParser) -> None:
    _add(parser, "--devices", "how many simulated devices", type=whole_number(_MOST_DEVICES), default=200, metavar="N")
    _add(
        parser,
        "--rate",
        "how often they report, 1 being every 30 s",
        type=number(_FASTEST),
        default=1.0,
        metavar="X",
    )


def _add_agents(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _command(commands, "agents", "run the IoT agents alone", _AGENTS_EXAMPLES)
    _add(parser, "--broker-url", "the NGSI-LD broker", default="http://127.0.0.1:1026", metavar="URL")
    _add(parser, "--mqtt-url", "the MQTT server", default="mqtt://127.0.0.1:1883", metavar="URL")
    _add(parser, "--mongo-url", "the MongoDB that remembers the devices", metavar="URL")
    _add(parser, "--data-dir", "where messages are kept until the broker has them", default=".eclor", metavar="DIR")
    # The broker has ECLOR_HOST and ECLOR_PORT, and one environment may serve both.
    text = "address of the HTTP interface (ECLOR_AGENTS_HOST)"
    _add(parser, "--host", text, "ECLOR_AGENTS_HOST", default="127.0.0.1", metavar="ADDRESS")
    text = "port of the HTTP interface (ECLOR_AGENTS_PORT)"
    _add(parser, "--port", text, "ECLOR_AGENTS_PORT", type=port, default=4041, metavar="PORT")
    text = "port for devices that speak HTTP, 0 for none"
    _add(parser, "--south-port", text, type=port_or_none, default=7896, metavar="PORT")
    _add(parser, "--provider-url", "where the broker reaches this HTTP interface, for commands", metavar="URL")
    _add(parser, "--iot-context", "JSON-LD context of what is provisioned under /iot", metavar="URL")
    _add(parser, "--mqtt-share", "group in which several agents share the messages of MQTT", metavar="NAME")


def _add_demo(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _command(commands, "demo", "send simulated readings to a running platform", _DEMO_EXAMPLES)
    _add(parser, "--broker-url", "the NGSI-LD broker", default="http://127.0.0.1:1026", metavar="URL")
    _add(parser, "--agents-url", "the IoT agents", default="http://127.0.0.1:4041", metavar="URL")
    _add(parser, "--mqtt-url", "the MQTT server", default="mqtt://127.0.0.1:1883", metavar="URL")
    _add_demo_options(parser)
    alone = parser.add_argument_group("three territories")
    alone.add_argument("--federation", action="store_true", help="run three brokers that join each other")
    alone.add_argument("--port", type=port, default=1026, metavar="PORT", help="first of their three ports (1026)")
    place = ".eclor/territories"
    alone.add_argument("--data-dir", type=Path, default=place, metavar="DIR", help=f"where they keep data ({place})")
    alone.add_argument("--mongo-url", metavar="URL", help="the MongoDB to use instead of an embedded one")


def _add_handed_over(commands: "argparse._SubParsersAction[_Parser]") -> None:
    for name, (_, text) in HANDED_OVER.items():
        parser = commands.add_parser(name, help=text, add_help=False, prefix_chars="\0")
        parser.add_argument("arguments", nargs=argparse.REMAINDER)


def _command(commands: "argparse._SubParsersAction[_Parser]", name: str, text: str, more: str) -> _Parser:
    return commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
