"""The copy of a subscription that a context source gets (clause 5.8.1.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.core.federate.match import Wanted
from broker.core.federate.passing import reduced
from broker.core.federate.plan import narrowed
from broker.core.federate.registration import Information, Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.subscription import Stored
from broker.core.ql.ast import EntitySelector
from broker.core.subscribe.subscription import Subscription
from broker.operations.distributed.asking import written_types
from broker.operations.ports import ContextLoader

_KEPT = (
    *("description", "subscriptionName", "notificationTrigger", "expiresAt", "isActive", "throttling", "timeInterval"),
    "splitEntities",
)
_FILTERS = ("q", "expandValues", "jsonKeys", "scopeQ")
_MEMBERS = frozenset(("id", "type", "scope"))


@dataclass(frozen=True, slots=True)
class Copy:
    """A subscription as a source gets it, without id and endpoint, in names of `context`.

    `filters_here`: whether what the source tells has still to be filtered, since the copy leaves filters out.
    """

    document: dict[str, Any]
    context: ActiveContext
    filters_here: bool


async def copy_for(
    loader: ContextLoader,
    stored: Stored,
    subscription: Subscription,
    registration: Registration,
    wanted: Wanted,
    information: tuple[Information, ...],
) -> Copy:
    """The stored subscription, reduced to what these elements of the registration have.

    Where it unites entities (`Subscription.whole`), filters and projections stay here; also where `q` can't be written
    in the words that the source wants. Raises LdContextNotAvailable.
    """
    document = stored["document"]
    own = await loader.load(stored["context"])
    context = registration.context or own
    given_with = (stored.get("contexts") or {}).get("q", stored["context"])
    is_readable = "q" not in document or (registration.context is None and given_with == stored["context"])
    filters_here = subscription.whole is not None or not is_readable
    copy: dict[str, Any] = {"type": "Subscription", **{name: document[name] for name in _KEPT if name in document}}
    copy.update(_entities(narrowed(information, wanted), context))
    watched = reduced(subscription.watched, information)
    if watched is not None and subscription.time_interval is None:
        copy["watchedAttributes"] = _names(watched, context)
    if not filters_here:
        copy.update({name: document[name] for name in _FILTERS if name in document})
        copy.update(_geo_query(document, subscription, context))
    copy.update(_datasets(subscription, registration))
    if registration.is_local_only:
        copy["localOnly"] = True
    copy["notification"] = _notification(document["notification"], subscription, information, context, filters_here)
    return Copy(copy, context, filters_here)


def _entities(selectors: list[EntitySelector], context: ActiveContext) -> dict[str, Any]:
    if selectors == [EntitySelector()]:
        return {}
    written = []
    for each in selectors:
        element: dict[str, Any] = {"type": "*" if each.types is None else written_types(each.types, context) or "*"}
        if each.ids:
            element["id"] = each.ids[0] if len(each.ids) == 1 else list(each.ids)
        elif each.id_pattern is not None:
            element["idPattern"] = each.id_pattern
        written.append(element)
    return {"entities": written}


def _geo_query(document: Mapping[str, Any], subscription: Subscription, context: ActiveContext) -> dict[str, Any]:
    if subscription.query.geo is None:
        return {}
    given = dict(document["geoQ"])
    if "geoproperty" in given:
        given["geoproperty"] = context.compact_iri(subscription.query.geo.geoproperty)
    return {"geoQ": given}


def _datasets(subscription: Subscription, registration: Registration) -> dict[str, Any]:
    wanted, registered = subscription.representation.dataset_ids, registration.dataset_ids
    if registered is None:
        return {} if wanted is None else {"datasetId": sorted(wanted)}
    found = registered if wanted is None else wanted & registered
    return {"datasetId": sorted(found or registered)}


def _notification(
    given: Mapping[str, Any],
    subscription: Subscription,
    information: tuple[Information, ...],
    context: ActiveContext,
    filters_here: bool,
) -> dict[str, Any]:
    """Always normalized, the form that every source knows (clause 4.3.6.1); the subscriber's own is made here."""
    notification: dict[str, Any] = {}
    if given.get("showChanges"):
        notification["showChanges"] = True
    if given.get("sysAttrs") or filters_here:
        # What tells which of two versions is newer (clause 4.5.5.3).
        notification["sysAttrs"] = True
    if filters_here:
        return notification
    picked = subscription.representation.pick or frozenset()
    attributes = reduced((picked - _MEMBERS) or None, information)
    if attributes and "pick" in given:
        # Without id and type nobody could tell whose attributes they are.
        notification["pick"] = ["id", "type", *(("scope",) if "scope" in picked else ()), *_names(attributes, context)]
    elif attributes:
        notification["attributes"] = _names(attributes, context)
    return notification


def _names(names: frozenset[str], context: ActiveContext) -> list[str]:
    return sorted(map(context.compact_iri, names))
