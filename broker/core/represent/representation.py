"""What a client asked an entity to look like."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from broker.core.model.errors import BadRequestData
from broker.core.ql.projection import Projection

NORMALIZED = "normalized"
CONCISE = "concise"
SIMPLIFIED = "simplified"

LOCATION = "https://uri.etsi.org/ngsi-ld/location"
"""The GeoProperty that gives a GeoJSON Feature its geometry unless another is named (clause 4.5.16.1)."""


@dataclass(frozen=True, slots=True)
class Representation:
    """The form of entities in an answer or a notification.

    `form`: `normalized`, `concise` or `simplified`. `sys_attrs`: with createdAt, modifiedAt, expiresAt, deletedAt.
    `languages`: ranges in order of preference (clause 4.15, `parse_languages`); LanguageProperties become texts.
    `dataset_ids`: only instances of these; `@none` is the default instance (clause 4.5.5).
    `pick`, `omit`: members `id`, `type`, `scope` and attribute IRIs (clause 4.21), already parsed.
    `linked`: by relationship IRI, what is asked of the entities it leads to, where that differs from everything.
    `geometry_property`, `geometry_dataset`: where a GeoJSON Feature takes its geometry from.
    """

    form: str = NORMALIZED
    sys_attrs: bool = False
    languages: tuple[str, ...] | None = None
    dataset_ids: frozenset[str] | None = None
    pick: frozenset[str] | None = None
    omit: frozenset[str] | None = None
    geometry_property: str = LOCATION
    geometry_dataset: str | None = None
    linked: "Mapping[str, Representation]" = field(default_factory=dict, hash=False)

    def shows(self, name: str) -> bool:
        """Whether a member (`id`, `type`, `scope` or an attribute IRI) is given out."""
        if self.pick is not None and name not in self.pick:
            return False
        return self.omit is None or name not in self.omit

    def beyond(self, relationship: str) -> "Representation":
        """What is asked of the entities that a relationship leads to: the same form, with their own projection."""
        if self.pick is None and self.omit is None:
            return self
        own = self.linked.get(relationship)
        return own if own is not None else replace(self, pick=None, omit=None, linked={})


def projected(form: Representation, pick: Projection | None, omit: Projection | None) -> Representation:
    """A form narrowed by `pick` and `omit`. Where `omit` goes on in braces, it omits of the linked entities alone.

    Raises:
        BadRequestData: a member stands in both.
    """
    if pick is None and omit is None:
        return form
    omitted = None if omit is None else omit.names - omit.linked.keys()
    if pick is not None and omitted is not None and (both := pick.names & omitted):
        raise BadRequestData(f"pick and omit both name {', '.join(sorted(both))}: name each member in one of them.")
    beyond: dict[str, tuple[Projection | None, Projection | None]] = {}
    for name in {*(pick.linked if pick else ()), *(omit.linked if omit else ())}:
        beyond[name] = (pick.linked.get(name) if pick else None, omit.linked.get(name) if omit else None)
    linked = {name: projected(form, *each) for name, each in beyond.items()}
    return replace(form, pick=None if pick is None else pick.names, omit=omitted, linked=linked)
