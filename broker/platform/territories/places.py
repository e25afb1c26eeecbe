"""The three territories of the demonstration and what they know. All of it is invented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OFFERED = "OffStreetParking"
KEPT = "WasteContainer"
"""What each offers to the others, and what each keeps for itself."""


@dataclass(frozen=True, slots=True)
class Territory:
    """A territory with a broker of its own: alias, name, languages of its texts, entities."""

    alias: str
    name: str
    languages: tuple[str, ...]
    entities: Sequence[Mapping[str, Any]]


def _car_park(
    slug: str, provider: str, names: Mapping[str, str], free: int | None, place: tuple[float, float] | None
) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "id": f"urn:ngsi-ld:{OFFERED}:{slug}",
        "type": OFFERED,
        "name": {"type": "LanguageProperty", "languageMap": dict(names)},
        "dataProvider": {"type": "Property", "value": provider},
    }
    if free is not None:
        entity["availableSpotNumber"] = {"type": "Property", "value": free}
    if place is not None:
        entity["location"] = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(place)}}
    return entity


def _container(slug: str) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:{KEPT}:{slug}", "type": KEPT, "fillingLevel": {"type": "Property", "value": 0.4}}


PAYS_HAUT, VALLEE, MINETT = "Pays-Haut", "Vallée-Neuve", "Minettskant"

TERRITORIES = (
    Territory(
        "pays-haut",
        PAYS_HAUT,
        ("fr", "de"),
        (
            _car_park("gare", PAYS_HAUT, {"fr": "Parking de la Gare", "de": "Parkplatz am Bahnhof"}, 42, (5.93, 49.47)),
            _car_park("mairie", PAYS_HAUT, {"fr": "Place de la Mairie", "de": "Rathausplatz"}, 7, (5.95, 49.44)),
            _container("pays-haut-1"),
        ),
    ),
    Territory(
        "vallee-neuve",
        VALLEE,
        ("fr", "de"),
        (
            _car_park(
                "forges", VALLEE, {"fr": "Parking des Forges", "de": "Parkplatz Alte Schmiede"}, 118, (6.1, 49.36)
            ),
            _container("vallee-neuve-1"),
        ),
    ),
    Territory(
        "minettskant",
        MINETT,
        ("lb", "fr", "de"),
        (
            _car_park(
                "schmelz",
                MINETT,
                {"lb": "Parking op der Schmelz", "fr": "Parking des Hauts-Fourneaux", "de": "Parkplatz Hochöfen"},
                203,
                (5.98, 49.5),
            ),
            _container("minettskant-1"),
        ),
    ),
)

SHARED = f"urn:ngsi-ld:{OFFERED}:frontiere"
BORDER = {
    "pays-haut": {
        "id": SHARED,
        "type": OFFERED,
        "name": {
            "type": "LanguageProperty",
            "languageMap": {"fr": "P+R Frontière", "lb": "P+R Grenz", "de": "P+R Grenze"},
        },
        "dataProvider": {"type": "Property", "value": PAYS_HAUT},
    },
    "minettskant": {
        "id": SHARED,
        "type": OFFERED,
        "availableSpotNumber": {"type": "Property", "value": 311},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5.955, 49.49]}},
    },
}
"""A car park on the border: one knows its name, the other one counts its places, a query finds one entity."""


def entities_of(territory: Territory) -> list[Mapping[str, Any]]:
    """All that a territory's broker holds."""
    shared = BORDER.get(territory.alias)
    return [*territory.entities, *(() if shared is None else (shared,))]
