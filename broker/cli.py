"""The command `eclor`."""

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from typing import NoReturn

from broker.platform.child import StartError
from broker.platform.options import HANDED_OVER, USAGE_ERROR, build_parser
from broker.platform.output import Console, Format
from broker.platform.plan import Wish
from broker.platform.run import run
from broker.platform.territories.run import run as run_territories

_FOR_TERRITORIES = ("federation", "port", "data_dir", "mongo_url")
"""Options of `eclor demo` that only `--federation` has a use for."""


def _wish(options: argparse.Namespace) -> Wish:
    whole = options.command == "run"
    return Wish(
        data_directory=options.data_dir,
        host=options.host,
        port=options.port,
        workers=options.workers,
        alias=options.alias,
        public_url=options.public_url,
        history=options.history,
        retention=options.retention,
        temporal_page=options.temporal_page,
        split_entities=options.split_entities,
        trusted_ca=options.trusted_ca,
        cors_origins=options.cors_origins,
        open_to=options.open_to,
        seal=options.seal,
        mongo_url=options.mongo_url,
        mqtt_url=options.mqtt_url if whole else None,
        mqtt_port=options.mqtt_port if whole else 1883,
        agents=whole,
        agents_port=options.agents_port if whole else 4041,
        south_port=options.south_port if whole else 0,
        demo=whole and options.demo,
        demo_devices=options.devices if whole else 200,
        demo_rate=options.rate if whole else 1.0,
    )


def _become(module: str, options: argparse.Namespace, without: Collection[str] = ()) -> NoReturn:
    """Turn this process into `python -m module` with the same options, but for some; addresses by the environment."""
    command = [sys.executable, "-m", module]
    for name, value in vars(options).items():
        if name == "command" or name in without or value is None:
            continue
        if name in {"mongo_url", "mqtt_url"}:
            # They may carry a password, and a command line is readable by other users.
            os.environ[f"ECLOR_{name.upper()}"] = value
        else:
            command += [f"--{name.replace('_', '-')}", str(value)]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 (our own modules, started by the interpreter that runs this)


def _hand_over(module: str, arguments: Sequence[str]) -> NoReturn:
    """Turn this process into `python -m module`, which reads the rest of the command line itself."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 (a module of ours)


def _demo(options: argparse.Namespace) -> int:
    if options.federation:
        try:
            return run_territories(options.data_dir, options.port, options.mongo_url, Console("text"))
        except StartError as problem:
            print(f"eclor: {problem}", file=sys.stderr)
            return 1
    _become("agents.demo", options, _FOR_TERRITORIES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `eclor` with the arguments given (those of the process by default); its exit status."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command in HANDED_OVER:
        _hand_over(HANDED_OVER[options.command][0], options.arguments)
    if options.command is None:
        parser.print_help()
        return USAGE_ERROR
    if options.command == "agents":
        _become("agents", options)
    if options.command == "demo":
        return _demo(options)
    for_people = options.command == "run" or sys.stdout.isatty()
    style: Format = options.log or ("text" if for_people else "json")
    try:
        return run(_wish(options), Console(style))
    except StartError as problem:
        print(f"eclor: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
