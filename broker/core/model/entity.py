"""An Entity in memory (clauses 4.5.1, 4.5.2, 4.16, 4.18): fully expanded, never mutated once built.

An entity holds, for each attribute IRI, the list of its instances (clause 4.5.5: at most one per `datasetId`,
the default instance has none). An instance is a plain dict, because it is what MongoDB stores and what the
hot paths read; its members are those of the standard, expanded:

==================  ==========================================================================================
member              holds
==================  ==========================================================================================
`type`              `Property`, `GeoProperty`, `Relationship`, `LanguageProperty`, `VocabProperty`,
                    `JsonProperty`, `ListProperty`, `ListRelationship`
`value`             Property: any JSON value
`geometry`          GeoProperty: the GeoJSON geometry. (Apart from `value`, so that one geo index per attribute
                    never meets a Property of the same name.)
`object`            Relationship: an IRI or a list of IRIs
`languageMap`       LanguageProperty: language tag to string or list of strings
`vocab`             VocabProperty: an expanded IRI or a list of them
`json`              JsonProperty: any JSON value, never expanded
`valueList`         ListProperty: a list
`objectList`        ListRelationship: a list of IRIs (nested lists kept)
`objectType`        Relationship: list of expanded type IRIs
`datasetId`         an IRI; absent in the default instance
`observedAt`        Instant (microseconds)
`createdAt`         Instant
`modifiedAt`        Instant
`expiresAt`         Instant (clause 4.22)
`deletedAt`         Instant; only in what notifications and histories report as deleted
`unitCode`          UN/CEFACT code
`valueType`         expanded IRI or compact type as the client gave it (clause 4.5.18)
`ngsildproof`       as given
`attributes`        sub-attributes: IRI to list of instances, the same shape again
==================  ==========================================================================================
"""

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from broker.core.model.instant import Instant

Instance: TypeAlias = dict[str, Any]
Attributes: TypeAlias = dict[str, list[Instance]]

VALUE_MEMBER: dict[str, str] = {
    "Property": "value",
    "GeoProperty": "geometry",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
"""Attribute kind to the member of an instance that holds what it says."""

NGSILD_NULL = "urn:ngsi-ld:null"
"""The NGSI-LD Null (clause 4.5.0): in a fragment it asks for deletion."""


@dataclass(slots=True)
class Entity:
    """An entity, expanded. Treat as immutable: a change builds another one and may share attribute lists.

    `rendered` is a place where whoever writes the entity out may keep what came of it, `ends` one for when the first of
    its instances expires (`expiry.first_end`); another entity begins without.
    """

    id: str
    types: list[str]
    attributes: Attributes
    scopes: list[str] | None = None
    created_at: Instant = 0
    modified_at: Instant = 0
    expires_at: Instant | None = None
    deleted_at: Instant | None = None
    rendered: Any = field(default=None, init=False, repr=False, compare=False)
    ends: Instant | None = field(default=None, init=False, repr=False, compare=False)

    def with_(self, **members: Any) -> "Entity":
        """The same entity with some members replaced."""
        return replace(self, **members)

    def is_expired(self, now: Instant) -> bool:
        """Whether a transient entity (clause 4.22) is past its time: to clients it is gone."""
        return self.expires_at is not None and self.expires_at <= now
