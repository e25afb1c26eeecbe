"""Notifications about registrations (clauses 5.3.2, 5.3.3, 5.11.7)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import uuid4

import orjson

from broker.core.federate.loop import read_via
from broker.core.federate.match import Wanted, matching, source_filter, wanted_by
from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, format_instant
from broker.core.ql.temporal import TemporalQuery, parse_temporal
from broker.core.subscribe import members
from broker.core.subscribe.message import Message
from broker.core.subscribe.notification import link_value
from broker.core.subscribe.subscription import Subscription

_MEMBERS = frozenset(("id", "type", "scope"))


class Reason(StrEnum):
    """Clause 5.3.3."""

    NEWLY_MATCHING = "newlyMatching"
    UPDATED = "updated"
    NO_LONGER_MATCHING = "noLongerMatching"


@dataclass(frozen=True, slots=True, eq=False)
class RegistrationSubscription:
    """A subscription to registrations: the subscription itself, and which registrations concern it (clause 5.11.2)."""

    subscription: Subscription
    wanted: Wanted

    @property
    def id(self) -> str:
        """Its IRI."""
        return self.subscription.id

    @property
    def modified_at(self) -> Instant:
        """When this state was made."""
        return self.subscription.modified_at

    def places(self, registration: Registration | None) -> list[int]:
        """The elements of a registration's information that concern the subscription; none: it does not match."""
        if registration is None or registration.alias in read_via(self.subscription.via):
            return []
        return [each.place for each in matching(registration, self.wanted)]


def subscription_to_registrations(
    subscription: Subscription, document: Mapping[str, Any], context_of: Callable[[str], ActiveContext]
) -> RegistrationSubscription:
    """Work out which registrations a parsed subscription is about. Raises BadRequestData for a wrong temporalQ or csf.

    The attributes of its notifications count only where they are named, together with those it watches (clause 5.12).
    """
    query = subscription.query
    shown = (subscription.representation.pick or frozenset()) - _MEMBERS
    attributes = frozenset(shown | (subscription.watched or frozenset())) if shown else frozenset()
    wanted = wanted_by(
        replace(query, q=None),
        attributes=attributes,
        temporal=_temporal(document),
        source_filter=source_filter(members.text(document, "csf"), context_of("csf")),
    )
    return RegistrationSubscription(subscription, wanted)


def reason_of(before: bool, after: bool) -> Reason | None:
    """Why to tell of a registration that matched before, after, or both; None: there is nothing to tell."""
    if after:
        return Reason.UPDATED if before else Reason.NEWLY_MATCHING
    return Reason.NO_LONGER_MATCHING if before else None


def notification_of_registrations(
    subscription: Subscription, registrations: list[dict[str, Any]], reason: Reason, now: Instant
) -> Message:
    """A notification of registrations as they are rendered, in the @context of the subscription."""
    is_inside = subscription.endpoint.accept == "application/ld+json"
    context = subscription.context
    if is_inside:
        registrations = [{**each, "@context": context.reference} for each in registrations]
    body = {
        "id": f"urn:ngsi-ld:ContextSourceNotification:{uuid4()}",
        "type": "ContextSourceNotification",
        "subscriptionId": subscription.id,
        "notifiedAt": format_instant(now),
        "triggerReason": reason.value,
        "data": registrations,
    }
    content_type = "application/ld+json" if is_inside else "application/json"
    link = None if is_inside else link_value(context)
    return Message(content_type, orjson.dumps(body), link, subscription.endpoint.receiver_info)


def _temporal(document: Mapping[str, Any]) -> TemporalQuery | None:
    given = members.mapping(document, "temporalQ")
    if given is None:
        return None
    relation = members.text(given, "timerel")
    if relation is None:
        raise BadRequestData("'temporalQ' needs 'timerel' and 'timeAt'.")
    end, name = members.text(given, "endTimeAt"), members.text(given, "timeproperty")
    return parse_temporal(relation, members.text(given, "timeAt"), end, name or "observedAt")
