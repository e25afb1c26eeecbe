"""`eclor index`: what queries are prepared for."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from broker.console.ask import ask
from broker.console.running import add_broker_url, run

_DESCRIPTION = """\
Queries by an attribute's value find their entities through an index. What is asked for often (20 times in ten minutes,
where there are a thousand entities) gets one by itself, and loses it when nobody asks for a day. An index declared here
is there from the first query, and stays. Each makes updates of its attribute somewhat dearer; 12 can be declared for a
tenant.
"""
_EXAMPLES = """\
examples:
  eclor index list                               what is indexed, and how often it was of use
  eclor index declare serialNumber               for q=serialNumber=="S17"
  eclor index declare address[postalCode]        for q=address[postalCode]=="54400"
  eclor index declare temperature.observedAt     for q=temperature.observedAt>2026-11-01T00:00:00Z
  eclor index declare district --kind Relationship --tenant bees
                                                 before any entity has it, in another tenant
  eclor index drop serialNumber

Names are meant in the @context that --context gives, as in queries.
"""
_BUILDING = 3_600.0
"""Seconds to wait for an index to be built: a million entities take about a minute."""


def main(arguments: Sequence[str]) -> int:
    """Run `eclor index` with these arguments; its exit status."""
    options = _parser().parse_args(arguments)
    return run("eclor index", lambda: _COMMANDS[options.command](options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="eclor index",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", required=True)
    commands.add_parser("list", help="what is indexed").add_argument("--json", action="store_true", help="as JSON")
    declare = commands.add_parser("declare", help="have an index built, and wait for it")
    declare.add_argument("path", metavar="PATH", help="what queries ask about, as in q")
    declare.add_argument("--kind", metavar="KIND", help="kind of the attribute, where no entity has it yet (Property)")
    drop = commands.add_parser("drop", help="withdraw a declared index")
    drop.add_argument("path", metavar="PATH", help="what it was declared for")
    for command in commands.choices.values():
        add_broker_url(command)
        command.add_argument("--tenant", default="", metavar="NAME", help="the tenant, if not the default one")
        command.add_argument("--context", metavar="URL", help="the @context of the names, if not the core one")
    return parser


def _list(options: argparse.Namespace) -> list[str]:
    found = ask(options.broker_url, f"/indexes{_query(options)}", tenant=options.tenant)
    if options.json:
        return [json.dumps(found, indent=2)]
    if not found:
        return ["No attribute is indexed. `eclor index declare PATH` does it."]
    width = max(len(each["path"]) for each in found)
    return [f"{'PATH':<{width}}  {'BY':<8}  {'USED':>8}  SIZE"] + [
        f"{each['path']:<{width}}  {'operator' if each['declared'] else 'demand':<8}  {each['uses']:>8}  "
        f"{each['bytes'] / 1e6:.1f} MB"
        for each in found
    ]


def _declare(options: argparse.Namespace) -> list[str]:
    body: dict[str, Any] = {"path": options.path}
    if options.kind:
        body["kind"] = options.kind
    if options.context:
        body["@context"] = options.context
    print("Building it; large tenants take a minute or more.", file=sys.stderr)
    found = ask(options.broker_url, "/indexes", "POST", body, tenant=options.tenant, timeout=_BUILDING)
    return [f"{found['path']} is indexed as a {found['kind']} ({found['attribute']})."]


def _drop(options: argparse.Namespace) -> list[str]:
    ask(options.broker_url, f"/indexes{_query(options, path=options.path)}", "DELETE", tenant=options.tenant)
    return [f"{options.path} is not declared any more."]


def _query(options: argparse.Namespace, **parameters: str) -> str:
    if options.context:
        parameters["context"] = options.context
    return f"?{urlencode(parameters)}" if parameters else ""


_COMMANDS = {"list": _list, "declare": _declare, "drop": _drop}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
