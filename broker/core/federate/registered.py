"""Types and attributes that sources may have, as far as registrations tell (clause 5.7.11)."""

from collections.abc import Iterable

from broker.core.federate.registration import Registration
from broker.core.model.instant import Instant


def registered_names(registrations: Iterable[Registration], now: Instant) -> dict[str, set[str]]:
    """Entity type to the attributes registered with it, of sources of latest state."""
    found: dict[str, set[str]] = {}
    for registration in registrations:
        if registration.is_temporal or registration.is_expired(now):
            continue
        for information in registration.information:
            for name in {name for info in information.entities for name in info.types}:
                found.setdefault(name, set()).update(information.attributes or ())
    return found
