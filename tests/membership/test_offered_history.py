"""Of a history there is what was recorded while the entity was within the offer (ADR 14)."""

from hypothesis import given
from hypothesis import strategies as st

from broker.core.federate.offer import Offer
from broker.core.federate.offered import View
from broker.core.federate.offered_history import Course, cut, places_of
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Entity
from broker.core.ql.geo import LOCATION
from broker.core.temporal.evolution import Evolution
from broker.core.temporal.sample import Sample, scope_instance
from broker.core.temporal.series import Series

AREA = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
VIEW = View(Offer(("urn:t:A",), frozenset(), (), ("/x",), AREA))
TYPES = ["urn:t:A"]
INSIDE, OUTSIDE = [1, 1], [5, 5]


def _location(at: int, point: list[float] | None) -> Sample:
    instance = {"type": "GeoProperty", "createdAt": at, "modifiedAt": at}
    if point is None:
        return Sample(at, 0, {**instance, "geometry": "urn:ngsi-ld:null", "deletedAt": at})
    return Sample(at, 0, {**instance, "geometry": {"type": "Point", "coordinates": point}})


def _scope(at: int, scopes: list[str] | None) -> Sample:
    return Sample(at, 0, scope_instance(scopes, at))


_times = st.integers(0, 9).map(lambda number: number * 10)
_locations = st.dictionaries(_times, st.sampled_from([INSIDE, OUTSIDE, None]), max_size=4)
_scopes = st.dictionaries(_times, st.sampled_from([["/x"], ["/y", "/x"], ["/y"], None]), max_size=4)


def _latest(known: dict, at: int) -> object:
    return known[max(each for each in known if each <= at)] if any(each <= at for each in known) else None


@given(_locations, _scopes)
def test_a_sample_is_there_if_the_entity_was_within_the_offer_at_its_time(locations: dict, scopes: dict) -> None:
    series = {
        LOCATION: Series([_location(at, point) for at, point in locations.items()]),
        SCOPE: Series([_scope(at, each) for at, each in scopes.items()]),
        "urn:n:a": Series([Sample(at, 0, {"type": "Property", "value": at}) for at in range(0, 100, 5)]),
    }
    evolution = Evolution("urn:e:1", TYPES, {iri: each for iri, each in series.items() if each.samples})
    cut(evolution, Course(VIEW, evolution.id, TYPES, places_of(evolution, None)))
    known = [*locations, *scopes]
    expected = []
    for at in range(0, 100, 5):
        # Before anything is known, what is known first counts.
        moment = max(at, min(known)) if known else at
        if _latest(locations, moment) == INSIDE and "/x" in (_latest(scopes, moment) or ()):
            expected.append(at)
    found = evolution.series.get("urn:n:a", Series()).samples
    assert [each.at for each in found] == expected


def test_where_nothing_was_recorded_the_entity_counts_as_it_is_now() -> None:
    place = {"type": "GeoProperty", "geometry": {"type": "Point", "coordinates": INSIDE}, "observedAt": 99}
    within = Entity("urn:e:1", TYPES, {LOCATION: [place]}, ["/x"])
    sample = Sample(5, 0, {"type": "Property", "value": 1})
    for current, expected in ((within, True), (within.with_(scopes=["/y"]), False), (None, False)):
        evolution = Evolution("urn:e:1", TYPES, {"urn:n:a": Series([sample])})
        assert Course(VIEW, "urn:e:1", TYPES, places_of(evolution, current)).includes(sample) is expected
