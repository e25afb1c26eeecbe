"""What a client asked an entity to look like."""

from dataclasses import dataclass

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

    def shows(self, name: str) -> bool:
        """Whether a member (`id`, `type`, `scope` or an attribute IRI) is given out."""
        if self.pick is not None and name not in self.pick:
            return False
        return self.omit is None or name not in self.omit
