"""`eclor device`: what became of a device's messages, who is silent, what was rejected."""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

_EXAMPLES = """\
examples:
  eclor device trace 24e124713c000001   its last messages: the frame, what the codec and the mapping made of it,
                                        and whether the broker has it
  eclor device silent                   devices quiet for longer than they usually are
  eclor device silent --seconds 3600    devices not heard for an hour
  eclor device rejected                 messages that did not become measures, with the reason
  eclor device replay 4711              take a rejected message in again, once its codec has been mended
"""
_TIMEOUT = 10.0


class _RefusedError(Exception):
    """The agents did not do what was asked; the text says why."""


def main(arguments: Sequence[str]) -> int:
    """Run `eclor device` with these arguments; its exit status."""
    options = _parser().parse_args(arguments)
    try:
        for line in _COMMANDS[options.command](options):
            print(line)
        sys.stdout.flush()
    except _RefusedError as refused:
        print(f"eclor device: {refused}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Nobody reads any more (`eclor device rejected | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="eclor device",
        description="Look at devices and their messages through the IoT agents that run.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", required=True)
    trace = commands.add_parser("trace", help="the last messages of a device with every step's result")
    trace.add_argument("id", metavar="ID")
    silent = commands.add_parser("silent", help="devices that are not heard any more")
    silent.add_argument("--seconds", type=float, metavar="N", help="not heard for so long")
    commands.add_parser("rejected", help="messages that did not become measures")
    replay = commands.add_parser("replay", help="take a rejected message in again")
    replay.add_argument("id", type=int, metavar="NUMBER")
    url = os.environ.get("ECLOR_AGENTS_URL", "http://127.0.0.1:4041")
    for command in commands.choices.values():
        command.add_argument(
            "--agents-url", default=url, metavar="URL", help=f"where the agents answer (default {url})"
        )
        command.add_argument("--json", action="store_true", help="the answer as it came")
    return parser


def _trace(options: argparse.Namespace) -> list[str]:
    answer = _ask(options, f"/devices/{quote(options.id, safe='')}/trace")
    if options.json:
        return [json.dumps(answer, indent=2)]
    lines = [f"{options.id}: {_words(answer.get('health') or {}) or 'never heard'}"]
    for message in answer["messages"]:
        lines += _steps(message)
    if not answer["messages"]:
        lines.append("No messages since the agents started.")
    return lines


def _steps(message: Mapping[str, Any]) -> list[str]:
    lines = ["", f"received {message['received']}, observed {message['observed']}"]
    lines.append(f"  frame    {_words(message['frame'])}")
    if "decoded" in message:
        lines.append(f"  decoded  {json.dumps(message['decoded'])}")
    for entity in message.get("mapped", ()):
        lines.append(f"  mapped   {entity['id']}: {_words(_values(entity))}")
    if "error" in message:
        lines.append(f"  failed   {message['error']['reason']}: {message['error']['detail']}")
    else:
        lines.append("  stored")
    return lines


def _silent(options: argparse.Namespace) -> list[str]:
    query = urlencode({"silent": "true" if options.seconds is None else options.seconds, "limit": 1000})
    answer = _ask(options, f"/devices?{query}")
    if options.json:
        return [json.dumps(answer, indent=2)]
    lines = [
        f"{each['id']:<24} {each.get('health', {}).get('lastSeen', 'never heard'):<26} {each['model']}"
        for each in answer["devices"]
    ]
    return [*lines, f"{answer['count']} silent"]


def _rejected(options: argparse.Namespace) -> list[str]:
    answer = _ask(options, "/rejected")
    if options.json:
        return [json.dumps(answer, indent=2)]
    lines = []
    for each in answer:
        sender = each["deviceId"] or each["topic"]
        lines.append(f"{each['id']:>8}  {sender}  {each['reason']}: {each['detail']}  {each['payload'][:80]}")
    return lines


def _replay(options: argparse.Namespace) -> list[str]:
    _ask(options, f"/rejected/{options.id}/replay", "POST")
    return [f"{options.id} is on its way again; `eclor device rejected` lists it if it fails anew."]


_COMMANDS = {"trace": _trace, "silent": _silent, "rejected": _rejected, "replay": _replay}


def _ask(options: argparse.Namespace, path: str, method: str = "GET") -> Any:
    url = options.agents_url.rstrip("/") + path
    if not url.startswith(("http://", "https://")):
        raise _RefusedError("--agents-url begins with http:// or https://")
    token = os.environ.get("ECLOR_AGENTS_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310  checked above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310  as above
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        raise _RefusedError(_detail(refused)) from None
    except (OSError, ValueError) as problem:
        raise _RefusedError(f"no agents answer at {options.agents_url} ({problem}); see --agents-url") from None


def _detail(refused: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(refused)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the agents answered {refused.code}"


def _values(entity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: each.get("value", each.get("object"))
        for name, each in entity.items()
        if isinstance(each, Mapping) and name != "@context"
    }


def _words(members: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in members.items())
