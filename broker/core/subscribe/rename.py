"""Names in a subscription's document, from the @context they were given with to a reader's (clause 5.5.7).

`q` stays as it was given: it is a text in the terms of who wrote it.
"""

from collections.abc import Mapping
from typing import Any

from broker.core.jsonld.context import ActiveContext

_PLAIN = frozenset({"id", "type", "scope", "*"})
_SEPARATORS = frozenset(",;|(){}")


def renamed(document: Mapping[str, Any], member: str, given: ActiveContext, reader: ActiveContext) -> dict[str, Any]:
    """The document with the names inside one first-level member as `reader` has them."""

    def name(text: str) -> str:
        if text in _PLAIN or not _SEPARATORS.isdisjoint(text):
            return text
        return reader.compact_iri(given.expand_term(text))

    value = document[member]
    if member == "watchedAttributes":
        value = [name(each) for each in value]
    elif member == "entities":
        value = [{**each, "type": name(each["type"])} for each in value]
    elif member == "geoQ" and "geoproperty" in value:
        value = {**value, "geoproperty": name(value["geoproperty"])}
    elif member == "notification":
        lists = {each: list(map(name, value[each])) for each in ("attributes", "pick", "omit") if each in value}
        value = {**value, **lists}
    return {**document, member: value}
