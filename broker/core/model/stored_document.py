"""Documents kept as the client gave them, with the @context of each member: subscriptions and registrations (5.5.8)."""

from collections.abc import Mapping
from typing import Any

from broker.core.model.entity import NGSILD_NULL


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
