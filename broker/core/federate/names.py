"""The names of distributed operations and of their groups (clause 4.20)."""

from collections.abc import Iterable

from broker.core.model.errors import BadRequestData

PROVISION = frozenset(
    (
        *("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity", "createBatch"),
        *("upsertBatch", "updateBatch", "deleteBatch", "upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal"),
        *("updateAttrInstanceTemporal", "deleteAttrInstanceTemporal", "deleteTemporal", "mergeEntity", "replaceEntity"),
        *("replaceAttrs", "mergeBatch", "purgeEntity"),
    )
)
DISCOVERY = frozenset(
    (
        *("retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo"),
        *("retrieveAttrTypes", "retrieveAttrTypeDetails", "retrieveAttrTypeInfo"),
    )
)
SUBSCRIPTION = frozenset(
    (
        *("createSubscription", "updateSubscription", "retrieveSubscription"),
        *("querySubscription", "deleteSubscription"),
    )
)
_TEMPORAL_MAP = "createEntityMapQueryTemporal"
_GROUPED_MAPS = ("retrieveEntityMap", "updateEntityMap", "deleteEntityMap", "createEntityMapQueryEntity")
ENTITY_MAPS = frozenset((*_GROUPED_MAPS, _TEMPORAL_MAP))
_IDENTITY = "retrieveContextSourceIdentity"

OPERATIONS = frozenset(
    (
        *(*PROVISION, *DISCOVERY, *SUBSCRIPTION, *ENTITY_MAPS, _IDENTITY),
        *("retrieveEntity", "queryEntity", "queryBatch", "retrieveTemporal", "queryTemporal"),
    )
)
"""Table 4.20-1."""

_ASSOCIATION = frozenset(("retrieveEntity", "queryEntity", "queryBatch", *DISCOVERY, *SUBSCRIPTION, _IDENTITY))

GROUPS: dict[str, frozenset[str]] = {
    "federationOps": _ASSOCIATION.union(_GROUPED_MAPS),
    "associationOps": _ASSOCIATION,
    "updateOps": frozenset(("updateEntity", "updateAttrs", "replaceEntity", "replaceAttrs")),
    "retrieveOps": frozenset(("retrieveEntity", "queryEntity")),
    "redirectionOps": frozenset(
        (
            *("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity"),
            *("mergeEntity", "replaceEntity", "replaceAttrs", "retrieveEntity", "queryEntity", "purgeEntity"),
            *(*DISCOVERY, *_GROUPED_MAPS, _IDENTITY),
        )
    ),
}
"""Table 4.20-2."""

DEFAULT = GROUPS["federationOps"]
"""What a source offers that names nothing."""

EVOLUTION_CHANGES = frozenset(
    (
        *("upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "updateAttrInstanceTemporal"),
        *("deleteAttrInstanceTemporal", "deleteTemporal"),
    )
)
EVOLUTION_READS = frozenset(("retrieveTemporal", "queryTemporal"))
"""Operations on temporal evolutions."""

AUXILIARY = frozenset(("retrieveOps", "retrieveEntity", "queryEntity"))
"""What an auxiliary registration may name (clause 5.9.2.4)."""


def read_operations(names: Iterable[str]) -> frozenset[str]:
    """The operations that names of operations and groups stand for. Raises BadRequestData for any other name."""
    found: set[str] = set()
    for name in names:
        if name in OPERATIONS:
            found.add(name)
        elif name in GROUPS:
            found |= GROUPS[name]
        else:
            raise BadRequestData(f"'operations' has {name[:80]!r}, which is no operation and no group of clause 4.20.")
    return frozenset(found)
