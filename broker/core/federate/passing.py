"""Which context sources a subscription is passed on to (clauses 5.8.1.4, 5.12)."""

from dataclasses import replace

from broker.core.federate.loop import is_loop, read_via
from broker.core.federate.match import Wanted, matching, wanted_by
from broker.core.federate.registration import AUXILIARY, Information, Registration
from broker.core.model.instant import Instant
from broker.core.subscribe.subscription import Subscription

CREATE, UPDATE, DELETE = "createSubscription", "updateSubscription", "deleteSubscription"
_MEMBERS = frozenset(("id", "type", "scope"))

Names = frozenset[str]


def wanted_of(subscription: Subscription) -> Wanted:
    """The registrations that concern the subscription, as a subscription to registrations of its content has them.

    The attributes of its notifications count only where they are named, together with those it watches (clause 5.12).
    """
    shown = (subscription.representation.pick or frozenset()) - _MEMBERS
    attributes = frozenset(shown | (subscription.watched or frozenset())) if shown else frozenset()
    return wanted_by(
        replace(subscription.query, q=None), attributes=attributes, source_filter=subscription.source_filter
    )


def concerned(
    registration: Registration, subscription: Subscription, wanted: Wanted, alias: str, now: Instant
) -> tuple[Information, ...]:
    """The elements of the registration for which its source gets a copy of the subscription; none: it gets none."""
    if (
        subscription.is_local_only
        or registration.mode == AUXILIARY
        or CREATE not in registration.operations
        or registration.is_expired(now)
        or is_loop(registration, read_via(subscription.via), alias)
    ):
        return ()
    found = matching(registration, wanted)
    if subscription.watched is None:
        return found
    # Of attributes that the source does not have it can tell no changes.
    return tuple(
        each for each in found if each.attributes is None or not each.attributes.isdisjoint(subscription.watched)
    )


def reduced(wanted: Names | None, information: tuple[Information, ...]) -> Names | None:
    """The attributes wanted (None: all), as far as these elements of a registration have them; None: all."""
    if any(each.attributes is None for each in information):
        return wanted
    registered = frozenset[str]().union(*(each.attributes or () for each in information))
    return registered if wanted is None else wanted & registered
