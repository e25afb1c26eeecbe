"""Notifications that need more than what changed: linked entities, all that matches (clauses 4.5.23, 5.8.6)."""

from collections.abc import Sequence
from typing import Any

import structlog

from broker.core.model.change import Change
from broker.core.model.entity import Entity
from broker.core.model.errors import TooManyResults
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.core.represent import feature, represent
from broker.core.subscribe.message import Message
from broker.core.subscribe.notification import (
    GEOJSON,
    known_entities,
    notification_message,
    shown_entities,
    told_entities,
)
from broker.core.subscribe.subscription import Subscription
from broker.operations.distributed.uniting import united_entities
from broker.operations.linked import Linking, inline, reachable
from broker.operations.ports import Ports

_log = structlog.get_logger("eclor.notifications")

PAGE = 1_000
"""Entities in one notification of a timeInterval subscription at most, about a megabyte; more go in further ones."""


async def joined_message(
    ports: Ports, tenant: str, subscription: Subscription, changes: Sequence[Change], now: Instant, seed: str
) -> Message:
    """As `notification_of_changes`, with the linked entities that the subscription asks for (clause 4.5.23).

    They are told as they are when the notification is built. Raises what the store raises.
    """
    shown = await _shown(ports, tenant, subscription, told_entities(subscription, changes))
    return notification_message(subscription, shown, now, seed, tenant)


async def periodic_messages(ports: Ports, tenant: str, subscription: Subscription, now: Instant) -> list[Message]:
    """The notifications of a subscription with a timeInterval: all entities that match; none where none does.

    Where it splits entities, those held here are put together with the parts that sources have, before the filters
    decide. What only sources have they tell themselves.
    """
    messages = []
    offset, more = 0, True
    query = subscription.query if subscription.whole is None else EntityQuery(selectors=subscription.query.selectors)
    while more:
        page = await ports.entities.find(tenant, query, PageRequest(PAGE, offset))
        offset, more = offset + PAGE, page.more
        entities = page.entities
        if subscription.whole is None:
            # A query has one geoquery; the area that a member's subscription is kept within is part of `satisfied`.
            entities = list(filter(subscription.satisfied, entities))
        elif entities:
            entities = await united_entities(ports, tenant, subscription, entities)
        if entities:
            shown = await _shown(ports, tenant, subscription, known_entities(subscription, entities))
            seed = f"{now} {entities[0].id}"
            messages.append(notification_message(subscription, shown, now, seed, tenant))
    return messages


async def _shown(
    ports: Ports, tenant: str, subscription: Subscription, entities: Sequence[Entity]
) -> list[dict[str, Any]]:
    shown = shown_entities(subscription, entities)
    if not subscription.join:
        return shown
    linking = Linking(subscription.join, subscription.join_level)
    context, asked = subscription.context, subscription.representation
    is_geo = subscription.endpoint.accept == GEOJSON
    try:
        found = await reachable(ports, tenant, entities, linking, asked)
    except TooManyResults as error:
        _log.warning("linked entities left out", tenant=tenant, subscription=subscription.id, reason=error.detail)
        return shown
    if subscription.join == "flat":
        show = feature if is_geo else represent
        linked = known_entities(subscription, [each.entity for each in found.values()])
        asked_of = [each.representation for each in found.values()]
        return shown + [show(entity, context, form) for entity, form in zip(linked, asked_of, strict=True)]
    for target, each in found.items():
        (known,) = known_entities(subscription, [each.entity])
        found[target] = each._replace(entity=known)
    documents = [inline(entity, found, context, asked, linking) for entity in entities]
    if is_geo:
        return [{**each, "properties": document} for each, document in zip(shown, documents, strict=True)]
    return documents
