"""The document of a registration: what is kept, how it changes, how it reads (clauses 5.2.9, 5.5.7, 5.5.8, 5.9.3).

A *stored registration* has the members of a stored subscription (`broker.core.model.subscription`); its tally counts
forwarded requests.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.credentials import hidden, restored
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, format_instant
from broker.core.model.stored_document import merged
from broker.core.model.subscription import Stored

GENERATED = ("status", "timesSent", "timesFailed", "lastSuccess", "lastFailure", "createdAt", "modifiedAt")
"""Members that clients may send back and the broker ignores (Table 5.2.9-2)."""

MAX_INFORMATION = 1_000
"""Elements of `information`; each costs a look at every request, real registrations have a handful."""

KNOWN = frozenset(
    (
        *("id", "type", "endpoint", "contextSourceInfo", "information", "contextSourceAlias", "description"),
        *("datasetId", "expiresAt", "location", "management", "managementInterval", "mode", "observationInterval"),
        *("observationSpace", "operations", "operationSpace", "refreshRate", "registrationName", "scope", "tenant"),
        *GENERATED,
    )
)
"""The members of Tables 5.2.9-1 and 5.2.9-2; any other is a property of the source in the client's own terms."""

_DROPPED = frozenset(("@context", *GENERATED))


def cleaned(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without its @context and without what only the broker says."""
    return {name: value for name, value in document.items() if name not in _DROPPED}


def patched(stored: Stored, fragment: Mapping[str, Any], reference: Any, now: Instant) -> dict[str, Any]:
    """The stored registration after a fragment, whose names are read with the @context `reference`.

    A member of the fragment replaces the whole member of that name; NGSI-LD Null and JSON null remove it. Raises
    BadRequestData where the fragment has another id.
    """
    changes = dict(restored(cleaned(fragment), stored["document"]))
    if changes.pop("id", stored["id"]) != stored["id"]:
        raise BadRequestData("A registration's 'id' can't be changed; leave it out, or register the source anew.")
    # Later than the former state, whosever clock that was: it tells the two apart.
    return {**merged(stored, changes, reference), "modifiedAt": max(now, stored["modifiedAt"] + 1)}


def rendered(
    registration: Registration, reader: ActiveContext, tally: Mapping[str, Any], places: Iterable[int] | None = None
) -> dict[str, Any]:
    """The document that clients read: names as `reader` has them, what was counted, and of `information` only `places`.

    Credentials are hidden. With all of `information` where `places` is None; else the types of its entities are arrays,
    also of one.
    """
    shown: dict[str, Any] = {}
    for name, value in hidden(registration.document).items():
        given = registration.context_of(name)
        if name == "information":
            elements = value if places is None else [value[place] for place in sorted(places)]
            whole = given is reader and places is None
            shown[name] = elements if whole else [_read(each, given, reader, places is not None) for each in elements]
        elif name in KNOWN or given is reader:
            shown[name] = value
        else:
            shown[reader.compact_iri(given.expand_term(name))] = value
    return {**shown, **_counted(tally)}


def _read(element: Mapping[str, Any], given: ActiveContext, reader: ActiveContext, lists: bool) -> dict[str, Any]:
    def name(text: str) -> str:
        return reader.compact_iri(given.expand_term(text))

    def types(value: Any) -> Any:
        if isinstance(value, str):
            return [name(value)] if lists else name(value)
        return list(map(name, value))

    shown = dict(element)
    for member in ("propertyNames", "relationshipNames"):
        if member in element:
            shown[member] = [name(each) for each in element[member]]
    if "entities" in element:
        shown["entities"] = [{**each, "type": types(each["type"])} for each in element["entities"]]
    return shown


def _counted(tally: Mapping[str, Any]) -> dict[str, Any]:
    """What became of forwarded requests (Table 5.2.9-2); nothing before the first one."""
    counted: dict[str, Any] = {name: tally[name] for name in ("timesSent", "timesFailed") if tally.get(name)}
    for name in ("lastSuccess", "lastFailure"):
        if tally.get(name) is not None:
            counted[name] = format_instant(tally[name])
    if counted:
        counted["status"] = tally.get("status") or "ok"
    return counted
