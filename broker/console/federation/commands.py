"""`eclor federation`: invite, join, status, leave, withdraw."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from broker.console.ask import RefusedError
from broker.console.federation.operator import Operator, operator_token
from broker.console.federation.options import parser, usual_directory
from broker.console.federation.wording import invitation_lines, member_lines, offer_lines, party_lines
from broker.console.running import clean, run
from broker.operations.membership.envelopes import LOOPBACK

_LISTS = ("types", "attributes", "scopes", "languages", "allow", "operations")
_LARGEST = 262_144


def main(arguments: Sequence[str]) -> int:
    """Run `eclor federation` with these arguments; its exit status."""
    options = parser().parse_args(arguments)

    def command() -> list[str]:
        return _COMMANDS[options.command](
            options, Operator(options.broker_url, operator_token(options.data_dir, usual_directory()))
        )

    return run("eclor federation", command)


def _invite(options: argparse.Namespace, operator: Operator) -> list[str]:
    body = {
        "offer": _offer(options),
        "context": options.context,
        "name": options.name,
        "seconds": options.expires,
        "allowHttp": options.allow_http,
    }
    made = operator.ask("POST", "/federation/invitations", body)
    if options.output is not None:
        _write(options.output, made["invitation"])
    if options.json:
        return [json.dumps(made, indent=2)]
    content = made["invitation"]["content"]
    lines = ["You offer, to the one broker that uses this invitation first:", *offer_lines(content["offer"])]
    lines += [f"  until        {content['expiresAt']}, to be used once", "", "Who gets this can join with"]
    lines.append(f"  eclor federation join '{made['url']}'")
    if options.output is not None:
        lines.append(f"or with the file {options.output}.")
    lines.append("It has a token in it: send it so that nobody else reads it. Over another channel, such as the")
    lines += ["telephone, tell them your fingerprint, for them to compare:", f"  {made['fingerprint']}"]
    if urlsplit(content["url"]).hostname in LOOPBACK:
        lines.append(f"\nNote: {content['url']} leads to your broker on this machine alone; see --public-url.")
    return lines


def _join(options: argparse.Namespace, operator: Operator) -> list[str]:
    letter: dict[str, Any] = {**_letter(options.invitation), "allowHttp": options.allow_http}
    invitation = operator.ask("POST", "/federation/checks", letter)
    if not options.json:
        print(
            "\n".join(["An invitation from", *party_lines(invitation), "It offers", *offer_lines(invitation["offer"])])
        )
    _confirm(options, invitation)
    offer = _offer(options) if options.offer_types else None
    if options.both:
        offer = _in_return(invitation["offer"], _offer(options))
    body = {
        **letter,
        "fingerprint": invitation["fingerprint"],
        "offer": offer,
        "context": options.context,
        "tenant": options.tenant,
        "name": options.name,
    }
    joined = operator.ask("POST", "/federation/joins", body)
    if options.json:
        return [json.dumps(joined, indent=2)]
    lines = [clean(f"Joined {joined['name']}."), "You offer", *offer_lines(joined["given"])]
    return [*lines, "`eclor federation status` shows how it goes."]


def _status(options: argparse.Namespace, operator: Operator) -> list[str]:
    found = operator.ask("GET", "/federation/status")
    if options.json:
        return [json.dumps(found, indent=2)]
    lines = [f"This broker: {found['alias']}, {found['url']}", f"  fingerprint  {found['fingerprint']}"]
    for each in found["members"]:
        lines += ["", *member_lines(each)]
    if not found["members"]:
        lines += [
            "",
            "No members. `eclor federation invite --help` and `eclor federation join --help` tell how to begin.",
        ]
    return [*lines, *([""] if found["invitations"] else []), *invitation_lines(found["invitations"])]


def _leave(options: argparse.Namespace, operator: Operator) -> list[str]:
    left = operator.ask("DELETE", f"/federation/members/{quote(options.member, safe='')}")
    lines = [clean(f"Left {left['name']}: nothing is asked of it any more, and its token opens nothing here.")]
    if left["told"]:
        return [*lines, "It was told, and has removed its side."]
    lines.append(clean(f"It could not be told: {left['problem']}"))
    return [*lines, "It is told as soon as it answers; until then its operator can also leave this broker."]


def _withdraw(options: argparse.Namespace, operator: Operator) -> list[str]:
    operator.ask("DELETE", f"/federation/invitations/{quote(options.id, safe='')}")
    return ["The invitation can't be used any more."]


_COMMANDS = {"invite": _invite, "join": _join, "status": _status, "leave": _leave, "withdraw": _withdraw}


def _offer(options: argparse.Namespace) -> dict[str, Any]:
    offer: dict[str, Any] = {}
    for name in _LISTS:
        text = getattr(options, f"offer_{name}")
        if text:
            offer[name] = [each.strip() for each in text.split(",") if each.strip()]
    if options.offer_area:
        offer["area"] = _area(options.offer_area)
    for name in ("mode", "tenant"):
        if getattr(options, f"offer_{name}"):
            offer[name] = getattr(options, f"offer_{name}")
    return offer


def _in_return(offered: Mapping[str, Any], offer: Mapping[str, Any]) -> dict[str, Any]:
    """What is offered in return for an offer: the same, but for what the operator says."""
    says_what = "allow" in offer or "operations" in offer
    same = {name: value for name, value in offered.items() if name != "operations" or not says_what}
    return {**same, "tenant": "", **offer}


def _area(name: str) -> Any:
    """The geometry in a file, also where a Feature is around it."""
    found = _json(Path(name).expanduser())
    return found.get("geometry") if found.get("type") == "Feature" else found


def _letter(text: str) -> dict[str, Any]:
    if text.startswith(("http://", "https://")):
        return {"url": text}
    return {"invitation": _json(None if text == "-" else Path(text).expanduser())}


def _json(path: Path | None) -> dict[str, Any]:
    try:
        text = sys.stdin.read(_LARGEST + 1) if path is None else path.read_text(encoding="utf-8")
        found = json.loads(text) if len(text) <= _LARGEST else None
    except OSError as error:
        raise RefusedError(f"{path}: {error.strerror}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RefusedError(f"{path or 'standard input'} has no JSON object of at most {_LARGEST} bytes")
    return found


def _confirm(options: argparse.Namespace, invitation: Mapping[str, Any]) -> None:
    """Raises RefusedError unless the operator wants to join this one."""
    own = invitation["fingerprint"]
    if options.fingerprint is not None:
        if options.fingerprint.strip().lower() != own:
            raise RefusedError(f"the fingerprint is {own}, not {options.fingerprint}: ask the one who invited you")
        return
    if options.yes:
        return
    if not sys.stdin.isatty() or options.invitation == "-":
        raise RefusedError("nobody is here to compare the fingerprint: give it with --fingerprint F, or --yes")
    if input("Is this the fingerprint that you were told, and do you want to join? [y/N] ").strip().lower() != "y":
        raise RefusedError("not joined")


def _write(path: Path, document: Mapping[str, Any]) -> None:
    try:
        descriptor = os.open(path.expanduser(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # A file that was there already may be readable by others.
        os.fchmod(descriptor, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2, ensure_ascii=False)
    except OSError as error:
        raise RefusedError(f"{path}: {error.strerror}") from None
