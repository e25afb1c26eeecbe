"""Changing the document of a subscription (clauses 5.8.1, 5.8.2 with 5.5.8)."""

from collections.abc import Mapping
from typing import Any

from broker.core.model.credentials import restored
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant
from broker.core.model.stored_document import merged
from broker.core.model.subscription import GENERATED, GENERATED_IN_NOTIFICATION, Stored, status_of
from broker.core.subscribe.parse import expiry

_KEPT_ELSEWHERE = ("@context", *GENERATED)


def cleaned(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without its @context and without what only the broker says."""
    kept = {name: value for name, value in document.items() if name not in _KEPT_ELSEWHERE}
    notification = kept.get("notification")
    if isinstance(notification, dict):
        kept["notification"] = {
            name: value for name, value in notification.items() if name not in GENERATED_IN_NOTIFICATION
        }
    return kept


def check_expiry(document: Mapping[str, Any], now: Instant) -> None:
    """Refuse an `expiresAt` that has passed already."""
    expires_at = expiry(document)
    if expires_at is not None and expires_at <= now:
        raise BadRequestData(f"'expiresAt' is {document['expiresAt']}, which has passed already.")


def patched(stored: Stored, fragment: Mapping[str, Any], reference: Any, now: Instant) -> dict[str, Any]:
    """The stored subscription after a Subscription Fragment, whose names are read with the @context `reference`.

    A member of the fragment replaces the whole member of that name; NGSI-LD Null and JSON null remove it. Whether the
    result is a valid subscription is for `parse_subscription` to say. Raises BadRequestData.
    """
    changes = dict(restored(cleaned(fragment), stored["document"]))
    if changes.pop("id", stored["id"]) != stored["id"]:
        raise BadRequestData("A subscription's 'id' can't be changed; leave it out, or create another subscription.")
    if changes.get("expiresAt") not in (None, NGSILD_NULL):
        check_expiry(changes, now)
    merged_state = merged(stored, changes, reference)
    if "expiresAt" in changes and "isActive" not in changes and status_of(stored["document"], now) == "expired":
        # A new end alone makes active what had expired, also what had been paused before (clause 5.8.2.4).
        merged_state["document"].pop("isActive", None)
    # Later than the former state, whosever clock that was: it tells the two apart.
    return {**merged_state, "modifiedAt": max(now, stored["modifiedAt"] + 1)}
