"""Documents kept as the client gave them, with the @context of each member: subscriptions and registrations (5.5.8)."""

from collections.abc import Mapping
from typing import Any

from broker.core.model.entity import NGSILD_NULL
from broker.core.model.instant import Instant


def new(document: Mapping[str, Any], reference: Any, now: Instant, via: str | None = None) -> dict[str, Any]:
    """A document that came with the @context `reference`, as it is stored (`broker.core.model.subscription`)."""
    return {
        "id": document["id"],
        "document": document,
        "context": reference,
        "contexts": {},
        "createdAt": now,
        "modifiedAt": now,
        **({"via": via} if via else {}),
    }


def merged(stored: Mapping[str, Any], changes: Mapping[str, Any], reference: Any) -> dict[str, Any]:
    """The stored document after changes, whose names are read with the @context `reference`.

    A change replaces the whole member of that name; NGSI-LD Null and JSON null remove it.
    """
    document, contexts = dict(stored["document"]), dict(stored.get("contexts") or {})
    for name, value in changes.items():
        contexts.pop(name, None)
        if value is None or value == NGSILD_NULL:
            document.pop(name, None)
            continue
        document[name] = value
        if reference != stored["context"]:
            contexts[name] = reference
    return {**stored, "document": document, "contexts": contexts}
