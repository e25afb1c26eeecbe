"""The command line of `eclor federation`."""

import argparse
import os
import re
from pathlib import Path

from broker.console.running import add_broker_url
from broker.core.federate.offer import WORDS

_EXAMPLES = """\
examples:
  eclor federation invite --types AirQualityObserved,Event --expires 14d
                                       makes an invitation; give it to the city you invite, and tell it the
                                       fingerprint over another channel, such as the telephone
  eclor federation join 'https://broker.city-a.example/federation/invitations/x1#ecm_y2'
                                       shows who invites and to what, asks, and joins
  eclor federation join invitation.json --both
                                       ... and offers the same kind of data in return
  eclor federation status              who answers, how fast, and what is exchanged
  eclor federation leave city-a        ends it on both sides

It speaks to the running broker, beside which it runs, and proves itself with the secret in the broker's data
directory. docs/federation.md tells how it works, and what an invitation does not protect from.
"""
_INVITE = """\
examples:
  eclor federation invite --types AirQualityObserved
  eclor federation invite --types Vehicle,BusStop --attributes name,location --context https://example.org/bus.jsonld
  eclor federation invite --types Event --scopes '/culture/#' --languages fr,de --expires 30d -o invitation.json
  eclor federation invite --types ParkingSpot --area centre.geojson --allow read,subscribe
                                       to find entities, and to be told of changes
  eclor federation invite --types Event --allow read,histories,write
                                       to read and change them, and how they were in the past
  eclor federation invite --types Event --operations federationOps
                                       what the standard takes sources to offer
"""
_JOIN = """\
examples:
  eclor federation join 'https://broker.city-a.example/federation/invitations/x1#ecm_y2'
  eclor federation join invitation.json --fingerprint 7f3a-91c2-0d5e-44b1-a0c9-3e7d-5b26-f8d4
                                       for scripts: joins only if this is who invites
  eclor federation join invitation.json --offer-types Event --offer-languages lb,fr
                                       offers something of its own in return
"""
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parser() -> argparse.ArgumentParser:
    """The whole command line, with defaults from the environment as it is now."""
    command = argparse.ArgumentParser(
        prog="eclor federation",
        description="Join other cities' brokers, see how they are, and leave them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = command.add_subparsers(dest="command", metavar="COMMAND", title="commands", required=True)
    _add_invite(commands)
    _add_join(commands)
    status = _command(commands, "status", "show the members: health, latency, last error, what is exchanged")
    status.add_argument("--json", action="store_true", help="as JSON")
    leave = _command(commands, "leave", "end a membership here, and tell the other side")
    leave.add_argument("member", metavar="MEMBER", help="its alias, name, URL or fingerprint")
    withdraw = _command(commands, "withdraw", "make an invitation useless that nobody has used")
    withdraw.add_argument("id", metavar="ID", help="as `eclor federation status` shows it")
    return command


def usual_directory() -> Path:
    """The data directory where none is named."""
    return Path(os.environ.get("ECLOR_DATA_DIR") or ".eclor")


def duration(text: str) -> int:
    """Seconds of a text such as 90m, 12h, 14d or 2w. Raises argparse's error for any other."""
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90m, 12h, 14d or 2w")
    return int(match[1]) * _SECONDS[match[2]]


def _add_invite(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "invite", "make an invitation that one broker can use once", _INVITE)
    _add_offer(command, "", required=True)
    command.add_argument("--expires", type=duration, default="7d", metavar="TIME", help="90m, 12h, 14d, 2w (7d)")
    command.add_argument("--name", metavar="NAME", help="of your city, for people (the broker's alias)")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it to a file, too, for you alone")
    command.add_argument("--json", action="store_true", help="the invitation, its URL and the fingerprint as JSON")
    command.add_argument("--allow-http", action="store_true", help="tokens may travel without TLS: they can be read")


def _add_join(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "join", "join the broker that sent an invitation", _JOIN)
    command.add_argument("invitation", metavar="URL|FILE", help="as you got it; - reads a file from standard input")
    command.add_argument("--fingerprint", metavar="F", help="of the one who invites: join without asking if it is this")
    command.add_argument("--yes", action="store_true", help="join without asking, whoever it is")
    command.add_argument("--both", action="store_true", help="offer in return what is offered")
    _add_offer(command, "offer-", required=False)
    command.add_argument("--tenant", default="", metavar="NAME", help="tenant here in which the offer is to be found")
    command.add_argument("--name", metavar="NAME", help="of your city, for people (the broker's alias)")
    command.add_argument("--json", action="store_true", help="what was agreed, as JSON")
    command.add_argument("--allow-http", action="store_true", help="tokens may travel without TLS: they can be read")


def _add_offer(command: argparse.ArgumentParser, prefix: str, *, required: bool) -> None:
    offer = command.add_argument_group("what you offer")

    def add(name: str, metavar: str, text: str, *, needed: bool = False) -> None:
        offer.add_argument(f"--{prefix}{name}", dest=f"offer_{name}", metavar=metavar, help=text, required=needed)

    add("types", "TYPE,...", "entity types: names in the @context, or IRIs", needed=required)
    add("attributes", "NAME,...", "attributes of them (all)")
    add("scopes", "SCOPE,...", "only entities of these scopes, as /culture or /culture/#")
    add("area", "FILE", "only entities in the GeoJSON Polygon or MultiPolygon of this file")
    add("languages", "TAG,...", "languages of its texts, to be told")
    add("allow", "WORD,...", f"what may be done with it: {', '.join(WORDS)} (reading entities)")
    add("operations", "NAME,...", "the same in names of operations and groups of clause 4.20, as in retrieveOps")
    add("mode", "MODE", "how it is registered there: inclusive, auxiliary or redirect (inclusive)")
    add("tenant", "NAME", "the tenant that has it (the default one)")
    offer.add_argument("--context", metavar="URL", help="JSON-LD @context of the names above (the core context)")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, more: str = ""
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_broker_url(command)
    text = f"data directory of your running broker (default {usual_directory()})"
    command.add_argument("--data-dir", type=Path, metavar="DIR", help=text)
    return command
