"""Invitations, members and offers in words, for a terminal. What others wrote is shown without control characters."""

from collections.abc import Mapping, Sequence
from typing import Any

from broker.console.running import clean
from broker.core.federate.names import EVOLUTION_CHANGES, GROUPS
from broker.core.federate.offer import WORDS

_DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
_COLUMN = 13
_SAID = (
    (WORDS["read"], "read entities"),
    (GROUPS["retrieveOps"], "read entities"),
    (WORDS["discover"], "discover types and attributes"),
    (WORDS["histories"], "read histories"),
    (WORDS["subscribe"], "subscribe"),
    (WORDS["maps"], "use entity maps"),
    (WORDS["write"], "change entities"),
    (EVOLUTION_CHANGES, "change histories"),
)
"""Operations that go together, and what that is for people; those first that have others in them."""


def offer_lines(offer: Mapping[str, Any] | None, indent: str = "  ") -> list[str]:
    """What is offered, a line for each thing."""
    if not offer:
        return [f"{indent}nothing"]
    lines = [_line(indent, "types", _names(offer["types"]))]
    lines.append(_line(indent, "attributes", _names(offer.get("attributes") or []) or "all"))
    if offer.get("scopes"):
        lines.append(_line(indent, "scopes", ", ".join(offer["scopes"])))
    if offer.get("area"):
        lines.append(_line(indent, "area", _area(offer["area"])))
    if offer.get("languages"):
        lines.append(_line(indent, "languages", ", ".join(offer["languages"])))
    if offer.get("tenant"):
        lines.append(_line(indent, "tenant", offer["tenant"]))
    lines.append(_line(indent, "operations", _operations(offer["operations"])))
    if offer.get("mode", "inclusive") != "inclusive":
        lines.append(_line(indent, "mode", offer["mode"]))
    return lines


def party_lines(party: Mapping[str, Any], indent: str = "  ") -> list[str]:
    """Who it is."""
    return [
        _line(indent, "name", party["name"]),
        _line(indent, "alias", party["alias"]),
        _line(indent, "broker", party["url"]),
        _line(indent, "fingerprint", party["fingerprint"]),
    ]


def member_lines(member: Mapping[str, Any]) -> list[str]:
    """One member of `status`."""
    if member["state"] == "leaving":
        head = f"{member['name']}: was left at {_time(member['since'])}, and is told so as soon as it answers"
        return [clean(head), _line("  ", "broker", member["url"])]
    lines = [clean(f"{member['name']}: {_health(member)}"), *party_lines(member)[1:]]
    lines.append(_line("  ", "since", _time(member["since"])))
    if member.get("lastError"):
        lines.append(_line("  ", "last error", member["lastError"]))
    if trouble := member.get("lastTrouble"):
        text = f"{_time(trouble['at'])}, {trouble['operation']}: {trouble['problem']}"
        lines.append(_line("  ", "last trouble", text))
    if member["taken"]:
        lines.append(_line("  ", "requests", _requests(member)))
    for title, offer in (("we get:", member["taken"]), ("they get:", member["given"])):
        lines += [f"  {title}", *offer_lines(offer, "    ")]
    return lines


def invitation_lines(invitations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Open invitations of `status`."""
    return [
        clean(f"invitation {each['id']}: {_names(each['offer']['types'])}, until {each['expiresAt']}")
        for each in invitations
    ]


def _line(indent: str, name: str, text: str) -> str:
    return clean(f"{indent}{name:<{_COLUMN}}{text}")


def _health(member: Mapping[str, Any]) -> str:
    if member["health"] == "ok":
        return f"ok, {member['latencyMs']:g} ms"
    return "FAILING"


def _requests(member: Mapping[str, Any]) -> str:
    if "registration" in member:
        return str(member["registration"])
    text = f"{member.get('timesSent', 0)} sent, {member.get('timesFailed', 0)} failed"
    for name, words in (("lastSuccess", "last answered"), ("lastFailure", "last failed")):
        if member.get(name):
            text += f", {words} {_time(member[name])}"
    return text


def _time(text: str) -> str:
    """To the second, as `2026-11-24T00:33:20Z`."""
    return text[:19] + "Z"


def _names(names: Sequence[str]) -> str:
    return ", ".join(each.removeprefix(_DEFAULT) for each in names)


def _operations(names: Sequence[str]) -> str:
    others = set(names) - {"retrieveContextSourceIdentity"}
    said = []
    for together, words in _SAID:
        if together <= others:
            said.append(words)
            others -= together
    return ", ".join([*said, *sorted(others)])


def _area(area: Mapping[str, Any]) -> str:
    rings = (
        area["coordinates"] if area["type"] == "Polygon" else [ring for part in area["coordinates"] for ring in part]
    )
    points = [point for ring in rings for point in ring]
    west, south = (min(point[axis] for point in points) for axis in (0, 1))
    east, north = (max(point[axis] for point in points) for axis in (0, 1))
    return f"{area['type']} within {west:g}, {south:g} and {east:g}, {north:g} (longitude, latitude)"
