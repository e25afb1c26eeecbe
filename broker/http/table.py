"""All routes of the NGSI-LD API (Table 6.2-1): a new resource is a module here."""

from broker.http.route import Route
from broker.http.routes import (
    discovery,
    entities,
    entity_attributes,
    entity_maps,
    entity_operations,
    entity_queries,
    jsonld_contexts,
    registration_subscriptions,
    registrations,
    remote_notifications,
    snapshots,
    source_identity,
    subscriptions,
    temporal_entities,
    temporal_maps,
    temporal_queries,
)

ROUTES: tuple[Route, ...] = (
    *entities.ROUTES,
    *entity_queries.ROUTES,
    *entity_attributes.ROUTES,
    *entity_operations.ROUTES,
    *entity_maps.ROUTES,
    *discovery.ROUTES,
    *subscriptions.ROUTES,
    *temporal_entities.ROUTES,
    *temporal_maps.ROUTES,
    *temporal_queries.ROUTES,
    *registrations.ROUTES,
    *registration_subscriptions.ROUTES,
    *remote_notifications.ROUTES,
    *source_identity.ROUTES,
    *snapshots.ROUTES,
    *jsonld_contexts.ROUTES,
)
