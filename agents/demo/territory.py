"""The Pays Haut Val d'Alzette: eight communes on the border of Luxembourg.

The centres are approximate, from general knowledge. The outlines are schematic: drawn for this demonstration around
the centres, they are not the cadastre's, and say so in the entities that carry them.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

Place: TypeAlias = tuple[float, float]
"""Longitude and latitude, degrees in WGS 84."""

COMMUNE_TYPE = "https://schema.org/AdministrativeArea"
COMMUNE_CONTEXT = {
    "AdministrativeArea": COMMUNE_TYPE,
    "name": "https://smartdatamodels.org/name",
    "source": "https://smartdatamodels.org/source",
}

STREETS = (
    "rue de la Gare",
    "rue des Écoles",
    "rue de l'Église",
    "rue des Mineurs",
    "rue du Stade",
    "rue des Jardins",
    "rue du Moulin",
    "rue de la Fontaine",
    "place du Marché",
    "rue des Tilleuls",
    "rue de la Forge",
    "rue du Lavoir",
)
"""Plausible names, not addresses."""


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune: name, centre, and the schematic outer ring (counter-clockwise, closed)."""

    name: str
    centre: Place
    outline: tuple[Place, ...]

    @property
    def slug(self) -> str:
        """The name as it stands in identifiers."""
        return self.name.lower().replace("é", "e")

    def contains(self, place: Place) -> bool:
        """Whether the place lies within the outline (ray casting)."""
        inside = False
        x, y = place
        for (x1, y1), (x2, y2) in zip(self.outline, self.outline[1:], strict=False):
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                inside = not inside
        return inside

    def entity(self) -> dict[str, Any]:
        """The commune as an NGSI-LD entity, normalized."""
        return {
            "id": f"urn:ngsi-ld:AdministrativeArea:{self.slug}",
            "type": "AdministrativeArea",
            "name": {"type": "Property", "value": self.name},
            "description": {
                "type": "Property",
                "value": "Commune ; contour schématique, dessiné pour la démonstration",
            },
            "source": {"type": "Property", "value": "ECLOR demonstration"},
            "location": {
                "type": "GeoProperty",
                "value": {"type": "Polygon", "coordinates": [[list(place) for place in self.outline]]},
            },
            "@context": COMMUNE_CONTEXT,
        }


COMMUNES: tuple[Commune, ...] = (
    Commune(
        "Audun-le-Tiche",
        (5.956, 49.4705),
        (
            (5.9867, 49.4807),
            (5.9509, 49.4751),
            (5.9369, 49.4435),
            (5.9792, 49.4353),
            (6.0095, 49.4702),
            (5.988, 49.472),
            (5.9867, 49.4807),
        ),
    ),
    Commune(
        "Aumetz",
        (5.9433, 49.4183),
        (
            (5.9968, 49.4043),
            (5.9792, 49.4353),
            (5.9369, 49.4435),
            (5.9131, 49.4408),
            (5.918, 49.432),
            (5.909, 49.41),
            (5.9075, 49.3975),
            (5.9968, 49.4043),
        ),
    ),
    Commune(
        "Boulange",
        (5.95, 49.3833),
        (
            (6.0052, 49.3999),
            (5.9968, 49.4043),
            (5.9075, 49.3975),
            (5.906, 49.385),
            (5.928, 49.36),
            (5.965, 49.358),
            (5.988, 49.382),
            (6.0052, 49.3999),
        ),
    ),
    Commune(
        "Ottange",
        (6.0183, 49.4417),
        (
            (6.0095, 49.4702),
            (5.9792, 49.4353),
            (5.9968, 49.4043),
            (6.0052, 49.3999),
            (6.01, 49.405),
            (6.05, 49.418),
            (6.06, 49.445),
            (6.04, 49.463),
            (6.012, 49.47),
            (6.0095, 49.4702),
        ),
    ),
    Commune(
        "Rédange",
        (5.893, 49.4935),
        ((5.868, 49.5), (5.8797, 49.4805), (5.9196, 49.489), (5.9221, 49.5018), (5.893, 49.51), (5.868, 49.5)),
    ),
    Commune(
        "Russange",
        (5.954, 49.486),
        (
            (5.9221, 49.5018),
            (5.9196, 49.489),
            (5.9228, 49.4856),
            (5.9509, 49.4751),
            (5.9867, 49.4807),
            (5.985, 49.492),
            (5.955, 49.502),
            (5.925, 49.501),
            (5.9221, 49.5018),
        ),
    ),
    Commune(
        "Thil",
        (5.908, 49.473),
        (
            (5.9078, 49.4501),
            (5.9228, 49.4856),
            (5.9196, 49.489),
            (5.8797, 49.4805),
            (5.88, 49.48),
            (5.886, 49.461),
            (5.9078, 49.4501),
        ),
    ),
    Commune(
        "Villerupt",
        (5.9283, 49.469),
        (
            (5.9509, 49.4751),
            (5.9228, 49.4856),
            (5.9078, 49.4501),
            (5.908, 49.45),
            (5.9131, 49.4408),
            (5.9369, 49.4435),
            (5.9509, 49.4751),
        ),
    ),
)

WEIGHTS = (0.24, 0.09, 0.09, 0.11, 0.07, 0.06, 0.08, 0.26)
"""Share of the devices by commune, roughly as their inhabitants."""


def place_in(commune: Commune, random: Random) -> Place:
    """A place in the commune, most likely near its centre, rounded to about a metre."""
    longitude, latitude = commune.centre
    for _ in range(50):
        place = (round(random.gauss(longitude, 0.011), 5), round(random.gauss(latitude, 0.007), 5))
        if commune.contains(place):
            return place
    return commune.centre
