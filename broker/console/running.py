"""What commands that ask a broker have in common: the option that names it, and how they end."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable

from broker.console.ask import RefusedError


def add_broker_url(command: argparse.ArgumentParser) -> None:
    """Give a command the option --broker-url."""
    url = os.environ.get("ECLOR_BROKER_URL") or "http://127.0.0.1:1026"
    command.add_argument("--broker-url", default=url, metavar="URL", help=f"your running broker (default {url})")


def run(program: str, command: Callable[[], Iterable[str]]) -> int:
    """Print the lines that a command gives, or why it was refused; the exit status."""
    try:
        for line in command():
            print(line)
    except RefusedError as refused:
        print(f"{program}: {clean(str(refused))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Nobody reads any more (`eclor federation status | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def clean(text: str) -> str:
    """The text without what could move a terminal's cursor or change its colours."""
    return "".join(each if each.isprintable() else "?" for each in text)
