"""Registrations, requests and entities at random, and what a registration covers, told without the code under test."""

import re
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from broker.core.federate.names import OPERATIONS
from broker.core.federate.registration import Information, Registration
from broker.core.model.entity import Entity
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.evaluate import compile_query
from broker.core.ql.types import TypeSelection
from tests.federation.building import iri, prop, registration

KINDS, NAMES = ("Container", "Lamp"), ("level", "power", "label")
IDS = ("urn:a:1", "urn:a:2", "urn:b:1", "urn:b:2")
PATTERNS = ("^urn:a", "1$", "2$")
NOW = 10

infos = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(KINDS)}),
    st.fixed_dictionaries({"type": st.sampled_from(KINDS), "id": st.sampled_from(IDS)}),
    st.fixed_dictionaries({"type": st.sampled_from(KINDS), "idPattern": st.sampled_from(PATTERNS)}),
)
names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)
elements = st.one_of(
    st.fixed_dictionaries({"entities": st.lists(infos, min_size=1, max_size=3)}, optional={"propertyNames": names}),
    st.fixed_dictionaries({"propertyNames": names}),
)
exclusive_elements = st.fixed_dictionaries(
    {
        "entities": st.lists(
            st.fixed_dictionaries({"type": st.sampled_from(KINDS), "id": st.sampled_from(IDS)}), min_size=1, max_size=1
        ),
        "propertyNames": names,
    }
)
corners = st.integers(0, 4)
boxes = st.builds(lambda x, y, w, h: (x, y, x + w + 1, y + h + 1), corners, corners, corners, corners)


def box_as_geometry(box: tuple[int, int, int, int]) -> dict[str, Any]:
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


_counted = iter(range(1, 1 << 62))


def _registration(mode: str, information: list[Any], operations: list[str], optional: dict[str, Any]) -> Registration:
    members = {**optional, "mode": mode, "information": information, "operations": operations}
    if "location" in members:
        members["location"] = box_as_geometry(members["location"])
    return registration(id=f"urn:ngsi-ld:ContextSourceRegistration:{next(_counted)}", **members)


restrictions = st.fixed_dictionaries(
    {},
    optional={
        "scope": st.sampled_from(("/a", "/a/b", "/c")),
        "location": boxes,
        "datasetId": st.lists(st.sampled_from(("urn:d:1", "@none")), min_size=1, max_size=2, unique=True),
        "contextSourceAlias": st.sampled_from(("near", "far")),
    },
)
intervals = st.fixed_dictionaries(
    {},
    optional={
        "observationInterval": st.sampled_from(
            ({"startAt": "2026-01-01T00:00:00Z"}, {"startAt": "2025-01-01T00:00:00Z", "endAt": "2025-06-01T00:00:00Z"})
        )
    },
)


def registrations(operations: tuple[str, ...], more: st.SearchStrategy[dict[str, Any]] = restrictions) -> Any:
    """Up to four registrations that offer some of these operations, of every mode and with every restriction."""
    assert OPERATIONS.issuperset(operations)
    offered = st.lists(st.sampled_from(operations), min_size=1, max_size=len(operations), unique=True)
    several = st.lists(elements, min_size=1, max_size=2)
    single = st.lists(exclusive_elements, min_size=1, max_size=2)
    readable = st.sampled_from((["retrieveEntity"], ["queryEntity"], ["retrieveOps"]))
    each = st.one_of(
        st.builds(_registration, st.sampled_from(("inclusive", "redirect")), several, offered, more),
        st.builds(_registration, st.just("exclusive"), single, offered, more),
        st.builds(_registration, st.just("auxiliary"), several, readable, more),
    )
    return st.lists(each, max_size=4)


selectors = st.builds(
    lambda ids, pattern, kinds: EntitySelector(
        tuple(ids), None if ids else pattern, TypeSelection(tuple((iri(kind),) for kind in kinds)) if kinds else None
    ),
    st.lists(st.sampled_from(IDS), max_size=2, unique=True),
    st.sampled_from((None, *PATTERNS)),
    st.lists(st.sampled_from(KINDS), max_size=2, unique=True),
)
attributes = st.frozensets(st.sampled_from(tuple(map(iri, NAMES))))


@dataclass(frozen=True)
class Fact:
    """One attribute of one entity of one type."""

    entity_id: str
    kind: str
    name: str


FACTS = [Fact(entity_id, iri(kind), iri(name)) for entity_id in IDS for kind in KINDS for name in NAMES]


def is_about(information: Information, fact: Fact) -> bool:
    """Whether the element is about the entity of the fact, attributes apart."""
    if not information.entities:
        return True
    for info in information.entities:
        if info.types != {fact.kind}:
            continue
        if info.id is not None:
            if info.id == fact.entity_id:
                return True
        elif info.id_pattern is None or re.search(info.id_pattern, fact.entity_id):
            return True
    return False


def covers(source: Registration, fact: Fact) -> bool:
    """Whether the registration is about the fact (clauses 5.2.8 to 5.2.10)."""
    return any(
        is_about(each, fact) and (each.attributes is None or fact.name in each.attributes)
        for each in source.information
    )


def selected(selector: EntitySelector, fact: Fact) -> bool:
    """Whether the selector finds the entity of the fact: by the reference evaluator."""
    whole = Entity(fact.entity_id, [fact.kind], {fact.name: [prop(1)]})
    return bool(compile_query(EntityQuery(selectors=(selector,)))(whole))
